"""The heap of a worker: what was made at its start is kept away from the garbage collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

EVERY = 10_000
"""Objects more than at the last collection before the next one: those of a full flight, so that few outlive it."""


@contextmanager
def settled() -> Iterator[None]:
    """Let the collector look only at what is made from here on, until the block ends.

    Modules, models, texts and settings are 145,000 objects that live as long as the process; to walk through them again
    and again took a quarter of a worker's processor time. What a message makes is looked at as before.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(EVERY, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
