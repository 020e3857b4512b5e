"""Composition: all parts of a worker and of the bot's process, made once from the settings."""
