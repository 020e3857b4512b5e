"""The `vestnik` command: one file for each kind of work, one place where faults become words and exit codes."""
