"""An exception as a log may show it: class and place. The message can hold a URL with a token, or a text."""

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
