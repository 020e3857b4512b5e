"""The schema `outbox`, as numbered SQL files that are only ever added to."""
