"""`python -m workers COMMAND` is the same as `vestnik COMMAND`; `--once` and `--watch` are short for the worker."""

from workers.entry import main

if __name__ == "__main__":
    main()
