"""The shell: the processes `worker`, `bot` and `api`, the `vestnik` command, and the wiring of all parts."""
