"""The log: one line for each fact, through the gate, to stdout."""

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from enum import StrEnum
from types import TracebackType
from typing import TextIO, cast

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from health.error import LogSettingError
from health.library import capture
from health.log_filter import LogFilter

LEVELS = ("debug", "info", "warning", "error", "critical")


class Format(StrEnum):
    """How a line looks."""

    JSON = "json"
    """One JSON object, for machines."""
    CONSOLE = "console"
    """Columns, in colour on a terminal unless NO_COLOR is set, for people."""


class Sink:
    """Write whole lines; a log that cannot be written stops no delivery."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        # Reentrant: a signal or the garbage collector may make this thread log while it writes.
        self._lock = threading.RLock()

    def write(self, line: str) -> None:
        """Write and flush one line, by default to what is stdout at that moment."""
        stream = self._stream or sys.stdout
        # A reader that has gone, a full disk, a stream closed at exit (ValueError).
        with self._lock, suppress(OSError, ValueError):
            stream.write(line + "\n")
            stream.flush()

    debug = info = warning = error = critical = write


def configure(level: str, fmt: str, service: str, instance: str, stream: TextIO | None = None) -> None:
    """Send every line of this process through the gate; call it once, before anything logs.

    Loggers remember the level of their first use, so that dropping a line costs under a microsecond.

    Raises:
        LogSettingError: the level or the format does not exist.

    """
    if level.lower() not in LEVELS:
        raise LogSettingError("LOG_LEVEL", LEVELS)
    if fmt not in set(Format):
        raise LogSettingError("LOG_FORMAT", tuple(Format))
    sink = Sink(stream)
    structlog.configure(
        processors=[
            merge_contextvars,
            _tell_subject,
            LogFilter(service, instance),
            _renderer(Format(fmt), stream or sys.stdout),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=True,
    )
    capture()
    _report_crashes()


def get_logger() -> FilteringBoundLogger:
    """Return a logger: `log.info("delivery_sent", delivery_id=7)`."""
    return cast("FilteringBoundLogger", structlog.get_logger())


@contextmanager
def bound(
    *,
    request_id: str | None = None,
    trace_id: str | None = None,
    event_id: int | None = None,
    delivery_id: int | None = None,
    attempt: int | None = None,
) -> Iterator[None]:
    """Put what is known onto every line that this task logs inside the block, libraries' lines included."""
    known = {
        "request_id": request_id,
        "trace_id": trace_id,
        "event_id": event_id,
        "delivery_id": delivery_id,
        "attempt": attempt,
    }
    with bound_contextvars(**{name: value for name, value in known.items() if value is not None}):
        yield


Subject = Callable[[], Mapping[str, object]]
_subject: ContextVar[Subject | None] = ContextVar("subject", default=None)


class About:
    """As `bound`, for a block of which next to nothing is told: its ids are asked for when a line is written."""

    __slots__ = ("_before", "_subject")

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def __enter__(self) -> None:
        self._before: Token[Subject | None] = _subject.set(self._subject)

    def __exit__(self, *_fault: object) -> None:
        _subject.reset(self._before)


def _tell_subject(_logger: object, _level: str, fields: EventDict) -> EventDict:
    subject = _subject.get()
    return fields if subject is None else {**subject(), **fields}


def _renderer(fmt: Format, stream: TextIO) -> Processor:
    if fmt is Format.JSON:
        return structlog.processors.JSONRenderer(serializer=json.dumps, separators=(",", ":"))
    return structlog.dev.ConsoleRenderer(colors=stream.isatty() and not os.environ.get("NO_COLOR"))


def _report_crashes() -> None:
    """Replace Python's own reports of what nobody caught: they print the exception's message."""

    def crashed(kind: type[BaseException], exc: BaseException, traceback: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, exc, traceback)
            return
        get_logger().critical("process_crashed", exc_info=exc)

    sys.excepthook = crashed
    threading.excepthook = lambda args: get_logger().critical("thread_crashed", exc_info=args.exc_value)
    sys.unraisablehook = lambda args: get_logger().error("unraisable_error", exc_info=args.exc_value)
    # The standard library prints a record that its handler fails on, with its arguments.
    logging.raiseExceptions = False
