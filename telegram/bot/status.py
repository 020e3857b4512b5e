"""/status: is this chat linked, can it be written to, when did the last message go out."""

from datetime import datetime

from aiogram.types import Message
from babel.dates import format_datetime

from outbox.delivery.time_zone import zone_or_utc
from outbox.link.chat_state import LinkState
from outbox.person.last_sent import last_sent
from outbox.person.preference import Preferences
from telegram.bot.phrase import Phrase
from telegram.bot.quiet_words import described, effective_zone
from telegram.bot.update_context import Replies, UpdateContext

PHRASES = {
    LinkState.ACTIVE: Phrase.STATUS_ACTIVE,
    LinkState.BLOCKED: Phrase.STATUS_BLOCKED,
    LinkState.UNREACHABLE: Phrase.STATUS_UNREACHABLE,
    LinkState.SUSPENDED: Phrase.STATUS_SUSPENDED,
}
WHEN = "d MMMM y, HH:mm"


async def tell(_message: Message, visit: UpdateContext) -> Replies:
    """Say how it stands with the chat."""
    words, chosen = visit.words, visit.preferences
    if visit.link is None or chosen is None:
        return [visit.say(words.html(Phrase.NOT_LINKED))]
    moment = await last_sent(visit.conn, visit.link.recipient)
    lines = (
        words.html(PHRASES[visit.link.state]),
        words.html(Phrase.STATUS_NONE) if moment is None else _last(visit, chosen, moment),
        described(words, chosen, visit.now),
    )
    return [visit.say("\n".join(lines))]


def _last(visit: UpdateContext, chosen: Preferences, moment: datetime) -> str:
    zone = zone_or_utc(effective_zone(chosen))
    when = format_datetime(moment, WHEN, tzinfo=zone, locale=visit.words.language)
    return visit.words.html(Phrase.STATUS_LAST, when=when)
