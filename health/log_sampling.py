"""The sample: which of the lines that only say that all went well are written, where there would be too many."""

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

SPAN = 2**32
"""Checksums lie below it, those of ids that follow each other as evenly as any."""


@dataclass(frozen=True, slots=True)
class LogSample:
    """A share of the requests, of which every line is written; of the others only faults are."""

    share: float = 1.0
    """From 0 to 1."""

    def takes(self, request_id: str | None, event_id: int | None = None) -> bool:
        """Tell whether to write a line about this request; about an event that has none, by the event's id.

        No chance is in it: every process, today and tomorrow, takes or leaves the same ones.
        """
        if self.share >= 1:
            return True
        key = request_id or str(event_id)
        return crc32(key.encode()) < self.share * SPAN

    @property
    def mark(self) -> Mapping[str, float]:
        """What a sampled line says of itself: divide a count of lines by it."""
        return {} if self.share >= 1 else {"sample": self.share}
