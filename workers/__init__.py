"""The shell: settings, Arq functions, the `vestnik` command, embedded engines, and the wiring of all parts."""
