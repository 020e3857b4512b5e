"""The one gate that every log line passes before it is written: what is not known to be harmless stays inside."""

from collections.abc import MutableMapping
from datetime import UTC, datetime

from structlog.typing import EventDict

from health.fault import fault_of, fingerprint
from health.field import ALLOWED, class_name, clean, word

MALFORMED = "malformed_log_event"
"""Stands in the place of an event that is no snake_case word: it may be an interpolated text."""
FAULTS = frozenset({"error", "critical"})
"""Levels whose lines have a fingerprint, with an exception or without one."""
TOLD_APART = ("event", "reason", "error", "logger")
"""What tells faults without an exception apart."""
NAMES = 20
"""How many dropped fields are named at most."""


class LogFilter:
    """Turn an event into a line of known fields; a structlog processor, the last one before the renderer."""

    def __init__(self, service: str, instance: str) -> None:
        self._identity = {"service": clean(service), "instance": clean(instance)}

    def __call__(self, _logger: object, level: str, fields: MutableMapping[str, object]) -> EventDict:
        """Let known fields pass, cleaned; name the others and drop their values."""
        line: dict[str, object] = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": level,
            "event": word(fields.pop("event", None), MALFORMED),
            **self._identity,
        }
        exc_info = fields.pop("exc_info", None)
        fault = fault_of(exc_info)
        dropped = []
        for name, value in fields.items():
            if name in self._identity:
                continue
            if name in ALLOWED:
                line[name] = class_name(value) if name == "error" else clean(value)
            else:
                dropped.append(word(name, "malformed"))
        line.update(fault)
        if fault or level in FAULTS:
            line["fingerprint"] = fingerprint(exc_info, *(line.get(name) for name in TOLD_APART))
        if dropped:
            line["dropped_fields"] = sorted(set(dropped))[:NAMES]
        return line
