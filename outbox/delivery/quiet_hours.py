"""Quiet hours: when a person wants no sound from Telegram, in their own zone; pure, the moment is an argument."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, Self

from outbox.delivery.time_zone import zone_or_utc

Mode = Literal["silent", "hold"]
"""What they do to a message: it comes without a sound, or when they are over."""

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one local time to another, each day; over midnight where the second is the earlier one."""

    mode: Mode
    from_: time
    until: time
    zone: str | None = None
    """As in the IANA database; one that is missing or unknown counts as UTC."""

    @classmethod
    def read(cls, written: str) -> Self:
        """Read what a claim brings: mode, both times and the zone as a JSON array."""
        mode, from_, until, zone = json.loads(written)
        return cls(mode, _read_time(from_), _read_time(until), zone)

    def ends(self, now: datetime) -> datetime | None:
        """Say when the quiet of this moment ends, in UTC; None where it is not quiet now."""
        zone = zone_or_utc(self.zone)
        today = now.astimezone(zone).date()
        for day in (today - DAY, today):
            begin, end = self._on(day, zone)
            if begin <= now < end:
                return end
        return None

    def _on(self, day: date, zone: tzinfo) -> tuple[datetime, datetime]:
        """Say when the quiet that begins on a day begins and ends; the same twice: not at all."""
        last = day + DAY if self.until < self.from_ else day
        return _moment(day, self.from_, zone), _moment(last, self.until, zone)


def _read_time(written: str) -> time:
    # PostgreSQL knows an hour that Python does not
    return time.min if written.startswith("24:") else time.fromisoformat(written)


def _moment(day: date, at: time, zone: tzinfo) -> datetime:
    """Say when a local time comes, in UTC.

    Of two the first counts; one that the clock jumps over comes with the jump.
    """
    local = datetime.combine(day, at)
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    # only around a jump forward are they in this order, and the jump lies between them
    while moment - before > SECOND:
        middle = before + (moment - before) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < local:
            before = middle
        else:
            moment = middle
    return moment.replace(microsecond=0)  # clocks jump at whole seconds
