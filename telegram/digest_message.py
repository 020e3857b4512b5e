"""The digest: one message that lists many events of a category."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from outbox.catalog.load import Catalog
from outbox.catalog.markup import one_line
from outbox.catalog.text import TemplateFault
from outbox.event_log import payload
from outbox.event_log.payload import PayloadError
from outbox.lane.lane_claim import Claimed
from telegram.cut import cut, visible_length
from telegram.message import (
    LONGEST_TEXT,
    LONGEST_TITLE,
    MOST_BYTES,
    Message,
    MuteButton,
    category_tag,
    is_button_url,
)

MOST_LINES = 50
"""Events in one message; Telegram shows no more than 100 entities, and each may have a link."""
LONGEST_LINE = 100


@dataclass(frozen=True, slots=True)
class Digest:
    """A message, and how many events it lists."""

    message: Message
    count: int


def compose_digest(catalog: Catalog, waiting: Sequence[Claimed]) -> Digest | None:
    """List events of one category, from the first on, as many as fit; None where that would be fewer than two.

    One whose texts cannot be rendered ends the list before it.
    """
    lines = list(_lines(catalog, waiting[:MOST_LINES]))
    while len(lines) > 1:
        message = _compose(catalog, waiting, lines)
        if _fits(message):
            return Digest(message, len(lines))
        lines.pop()
    return None


def _lines(catalog: Catalog, waiting: Sequence[Claimed]) -> Iterator[str]:
    """Write a line for each; a paragraph of its own, so that right-to-left writing turns no other around."""
    for one in waiting:
        try:
            fields = payload.read(one.payload)
            title = catalog.title(one.type, one.locale, fields)
            link = catalog.link(one.type, one.locale, fields)
        except (TemplateFault, PayloadError):
            return
        shown = cut(one_line(title), LONGEST_LINE, html=False) or catalog.category_name(one.type, one.locale)
        text = escape(shown)
        yield f'• <a href="{escape(link)}">{text}</a>' if link and is_button_url(link) else f"• {text}"


def _compose(catalog: Catalog, waiting: Sequence[Claimed], lines: Sequence[str]) -> Message:
    first = waiting[0]
    listed = [catalog.types[one.type] for one in waiting[: len(lines)]]
    category = catalog.category_name(first.type, first.locale)
    heading = one_line(catalog.digest_heading(first.type, first.locale, len(lines)))
    tail = f"\n\n{category_tag(category)}"
    return Message(
        text=f"<b>{cut(heading, LONGEST_TITLE) or escape(category)}</b>\n\n" + "\n".join(lines) + tail,
        mute=MuteButton(listed[0].category, category) if any(known.mute_button for known in listed) else None,
        protect_content=any(known.sensitive for known in listed),
        tail=tail,
        whole=True,
    )


def _fits(message: Message) -> bool:
    return (
        visible_length(message.text) <= LONGEST_TEXT and len(message.text.encode(errors="surrogatepass")) <= MOST_BYTES
    )
