"""An exception as a log may show it: class and place. The message can hold a URL with a token, or a text."""

import hashlib
import sys
from collections import deque
from collections.abc import Iterator
from traceback import walk_tb
from types import TracebackType

from health.field import REDACTED, class_name, clean

FRAMES = 5
"""How many of the innermost frames are named."""
CAUSES = 3
"""How many exceptions down the chain are named."""
OURS = frozenset({"health", "inapp", "outbox", "telegram", "workers"})
"""Packages whose functions tell faults apart: which way a library took is its own matter, and changes with it."""
DIGITS = 12


def fault_of(exc_info: object) -> dict[str, object]:
    """Describe an exception by class, innermost places (deepest last) and causes; nothing for no exception."""
    exc = _exception(exc_info)
    if exc is None:
        return {}
    fault: dict[str, object] = {"error": class_name(exc), "error_at": places(exc.__traceback__)}
    causes = [class_name(cause) for cause in _causes(exc)]
    return fault | {"caused_by": causes} if causes else fault


def places(traceback: TracebackType | None) -> list[str]:
    """Name module and line of the innermost frames, deepest last."""
    innermost = deque(walk_tb(traceback), maxlen=FRAMES)
    return [_place(frame.f_globals.get("__name__"), line) for frame, line in innermost]


def fingerprint(exc_info: object, *words: object) -> str:
    """Name a fault so that equal ones bear one name, in every process and after a release that moved their lines.

    An exception is known by its class and the functions of ours that it came through; what has none, by these words.
    """
    exc = _exception(exc_info)
    marks = [str(word) for word in words] if exc is None else [class_name(exc), *_functions(exc.__traceback__)]
    return hashlib.sha256("\n".join(marks).encode(errors="replace")).hexdigest()[:DIGITS]


def _functions(traceback: TracebackType | None) -> list[str]:
    """Name the innermost functions of ours, deepest last; of a traceback without any, whatever functions there are."""
    every = [(str(frame.f_globals.get("__name__")), frame.f_code.co_name) for frame, _ in walk_tb(traceback)]
    ours = [(module, name) for module, name in every if module.partition(".")[0] in OURS]
    return [f"{module}:{name}" for module, name in (ours or every)[-FRAMES:]]


def _place(module: object, line: int) -> str:
    # A template engine may have put anything into a frame's globals.
    name = clean(module) if isinstance(module, str) else REDACTED
    return f"{name}:{line}"


def _exception(exc_info: object) -> BaseException | None:
    """Take what the standard library's `exc_info` may be: True, an exception, or its triple."""
    match exc_info:
        case BaseException():
            return exc_info
        case (_, BaseException() as exc, _):
            return exc
        case True:
            return sys.exc_info()[1]
        case _:
            return None


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Walk down the chain as a traceback would; a loop in it ends at the limit."""
    cause: BaseException | None = exc
    for _ in range(CAUSES):
        if cause is None:
            return
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        if cause is not None:
            yield cause
