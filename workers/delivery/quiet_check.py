"""What a person's quiet hours mean for one message."""

from dataclasses import dataclass
from datetime import timedelta

from outbox.catalog.load import Catalog
from outbox.delivery.quiet_hours import QuietHours
from outbox.lane.lane_claim import Claimed

RUSH = timedelta(minutes=15)
"""Whatever was held goes when quiet hours end, at the bot's rate: what expires soon after would not make it."""


@dataclass(frozen=True, slots=True)
class QuietCheck:
    """How quiet a message has to be."""

    silent: bool = False
    """It comes without a sound."""
    hold: timedelta | None = None
    """It comes only after this time, when quiet hours are over."""


LOUD, SILENT = QuietCheck(), QuietCheck(silent=True)


def quiet_for(catalog: Catalog, claimed: Claimed) -> QuietCheck:
    """Choose between sound, silence and waiting; what cannot wait, or keeps back what cannot, comes silently."""
    if claimed.quiet is None or catalog.types[claimed.type].urgent:
        return LOUD
    hours = QuietHours.read(claimed.quiet)
    end = hours.ends(claimed.claimed_at)
    if end is None:
        return LOUD
    too_late = claimed.expires_at is not None and claimed.expires_at <= end + RUSH
    if hours.mode == "silent" or claimed.urgent or too_late:
        return SILENT
    return QuietCheck(hold=end - claimed.claimed_at)
