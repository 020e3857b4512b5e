"""Ctrl-C, held back for the moments in which a process is begun that nobody knows of yet."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a Ctrl-C wait until the block has ended: in the middle of it a child would be left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # an interrupt comes to the main thread only
        return
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)
