"""What every process has: start, end, exit codes, its heap, and patience with PostgreSQL and Redis."""
