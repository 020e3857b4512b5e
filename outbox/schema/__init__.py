"""Applying the SQL files of `outbox/migrations`, and comparing the schema with what they give."""
