"""A bucket for backups, kept by moto, which runs in an environment of its own."""
