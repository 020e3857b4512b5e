"""Quiet hours in words."""

from datetime import datetime, time

from outbox.person.preference import Preferences, Quiet
from telegram.bot.phrase import Phrase
from telegram.bot.words import Words
from telegram.bot.zone import zone_label

PHRASES = {
    Quiet.OFF: Phrase.QUIET_OFF,
    Quiet.SILENT: Phrase.QUIET_SILENT,
    Quiet.HOLD: Phrase.QUIET_HOLD,
}
MODES = {
    Quiet.OFF: Phrase.BUTTON_QUIET_OFF,
    Quiet.SILENT: Phrase.BUTTON_QUIET_SILENT,
    Quiet.HOLD: Phrase.BUTTON_QUIET_HOLD,
}


def described(words: Words, chosen: Preferences, now: datetime) -> str:
    """Say what a person's quiet hours do, with hours and zone."""
    return words.html(
        PHRASES[chosen.quiet],
        start=_clock(chosen.quiet_from),
        end=_clock(chosen.quiet_until),
        zone=zone_label(effective_zone(chosen), now),
    )


def mode(words: Words, chosen: Preferences, quiet: Quiet) -> str:
    """Name one thing that quiet hours can do, for a button."""
    return words.plain(MODES[quiet], end=_clock(chosen.quiet_until))


def effective_zone(chosen: Preferences) -> str | None:
    """Name the zone that holds: chosen, else the application's word for it."""
    return chosen.zone or chosen.timezone


def _clock(at: time) -> str:
    return at.strftime("%H:%M")
