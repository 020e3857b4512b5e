"""Errors of this package. Each carries its data; the message names what is wrong and what mends it."""


class OutboxError(Exception):
    """Base of every error that `outbox` raises."""


class InvalidEventError(OutboxError):
    """An event that `outbox.emit` refuses (SQLSTATE 22023)."""


class CatalogError(OutboxError):
    """A catalog that cannot be used; the message names file, type and field."""


class MigrationError(OutboxError):
    """The schema cannot be brought up to date, or has drifted."""


class TransferError(OutboxError):
    """An installation cannot be moved into another database; the message says in what state both are."""


class ForeignClusterError(OutboxError):
    """The cursor belongs to another cluster, or to a later state of this one: see `vestnik cursor rebase`."""


class InvalidConsumerError(OutboxError):
    """A name that no consumer can have, or what this one cannot be told to do."""


class UnknownConsumerError(OutboxError):
    """There is no consumer of this name."""


class StaleBatchError(OutboxError):
    """The batch is not the newest one of its consumer: its events were handed out again, or it never was."""
