"""Connections to the application's PostgreSQL, with or without a pooler, and statements with a time limit."""
