"""Programs that a command starts and ends again: embedded PostgreSQL and Valkey, a simulator, workers."""
