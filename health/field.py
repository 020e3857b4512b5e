"""What may leave the process in a log line or a health file: a closed list of fields, and harmless values."""

import re
from math import isfinite
from typing import TypeAlias
from uuid import UUID

Scalar: TypeAlias = str | int | float | bool | None

REDACTED = "[redacted]"
"""Stands where a value may not get out."""

WORD = re.compile(r"[a-z][a-z0-9_]{0,99}")
"""An event name, a reason, a field's name."""

BOUND = frozenset({"service", "instance", "request_id", "trace_id", "event_id", "delivery_id", "attempt", "reason"})
"""What is bound once and repeated on every line that it concerns."""

OPERATIONAL = frozenset(
    {
        # what it is about
        "category", "channel", "check", "command", "consumer", "job", "lane_id", "language", "locale", "logger",
        "method", "migration", "notification_id", "outcome", "part", "queue", "scope", "setting", "state", "status",
        "step", "stream", "type", "worker",
        # how much
        "attempts", "batch", "bytes", "claimed", "closed", "count", "dead", "deliveries", "discarded", "due",
        "events", "expired", "failed", "free", "granted", "held", "limit", "lost", "notifications", "pending",
        "position", "rate", "read", "recipients", "rejected", "relayed", "replayed", "retried", "rows", "sample",
        "sent", "settled", "skipped", "streams", "total", "unknown", "unrouted", "wanted", "workers", "written",
        # how long
        "age_seconds", "delay_seconds", "lag_seconds", "latency_ms", "retry_after", "seconds", "timeout_seconds",
        # process, place and fault
        "code", "error", "exit_code", "line", "pid", "port", "server_version", "signal", "sqlstate", "version",
    }
)  # fmt: skip
"""Harmless facts about the work itself. Never here: recipient, user, name, chat, text, payload, url, token."""

ALLOWED = BOUND | OPERATIONAL
"""The only fields that a log line can have besides the ones that the gate itself adds."""

_LONGEST = 200
_SANE = re.compile(rf"[A-Za-z0-9_.:/\[\]-]{{0,{_LONGEST}}}")
"""Identifiers, versions, paths of code, addresses. No space, `@` or `+`: so no sentence, mail or phone number."""
_PHRASE = re.compile(r"[A-Za-z0-9_ .,:;/()%'-]{0,120}")
"""A few words that stand in the code."""
_SECRET = re.compile(r"\d+:[A-Za-z0-9_-]{30,}|://|eyJ[A-Za-z0-9_-]{8,}\.")
"""A bot token, any URL, a JWT."""
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")
_BIGGEST = 2**63


def clean(value: object) -> Scalar:
    """Return the value if it is a short harmless scalar, else the mark that stands for it."""
    match value:
        case None | bool():
            return value
        case int() if -_BIGGEST <= value < _BIGGEST:
            return int(value)
        case float() if isfinite(value):  # nan and infinity are no JSON
            return float(value)
        case UUID():
            return str(value)
        case str():
            return _pass(_SANE, value)
        case _:
            return REDACTED


def phrase(text: str) -> str:
    """Return a health detail if it looks like words of the code, else the mark that stands for it."""
    return _pass(_PHRASE, text)


def word(value: object, otherwise: str) -> str:
    """Return the snake_case word, or `otherwise` for anything that is none."""
    plain = str.__str__(value) if isinstance(value, str) else ""
    return plain if WORD.fullmatch(plain) else otherwise


def class_name(value: object) -> str:
    """Name the class of an exception; a name given as text passes if it can be one."""
    if isinstance(value, str):
        return _pass(_CLASS, value)
    kind = value if isinstance(value, type) else type(value)
    if not issubclass(kind, BaseException):
        return REDACTED
    return _pass(_CLASS, kind.__name__)


def _pass(shape: re.Pattern[str], text: str) -> str:
    """Let the text through if it has the shape and holds no secret.

    `str.__str__` gives a StrEnum's value and passes by whatever a subclass prints instead.
    """
    plain = str.__str__(text)
    return plain if shape.fullmatch(plain) and not _SECRET.search(plain) else REDACTED
