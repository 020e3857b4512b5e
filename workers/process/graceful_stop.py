"""Stopping: the first signal ends a process in order, the second at once."""

import asyncio
import signal
from typing import Protocol

from health import Notifier, get_logger

log = get_logger()

SIGNALS = (signal.SIGTERM, signal.SIGINT)

STOP_WITHIN_S = 33.0
"""How long what is in flight may take: one client timeout and its record. What is not recorded then counts as unknown
when its lease ends."""


class Stoppable(Protocol):
    """What a process that stays knows of its end."""

    stopping: asyncio.Event
    """Set once: nothing new is begun."""
    stop_by: float | None
    """When it has to end (the loop's time)."""


def stop_on_signals(parts: Stoppable, fact: str = "worker_stopping", *, notifier: Notifier | None = None) -> None:
    """Begin nothing new after the first signal; a second one does what it does to any process."""
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        log.info(fact, signal=number.name)
        parts.stopping.set()
        if notifier is not None:
            notifier.stop()
        parts.stop_by = loop.time() + STOP_WITHIN_S
        for other in SIGNALS:
            loop.remove_signal_handler(other)
            signal.signal(other, signal.SIG_DFL)

    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
