"""The Telegram message of an event, composed and, where Telegram refuses a part of it, made simpler."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from typing import Self
from urllib.parse import urlsplit

from outbox.catalog.load import Catalog
from outbox.catalog.markup import Markup, one_line, to_plain
from outbox.catalog.text import Text
from outbox.catalog.weblink import is_web
from telegram.cut import cut, visible_length

LONGEST_TEXT = 4096
"""Code points after entity parsing."""
MOST_BYTES = 32_768
"""Of the raw text; more is refused before it is parsed."""
SECOND_TRY = 2048
"""What is left when Telegram finds too long what we have counted as fitting."""
LONGEST_TITLE = 256
LONGEST_BUTTON = 64
HTML = "HTML"
MUTE_SIGN = "🔕"
MUTE_DATA = "mute:"
"""What the data of a mute button begins with; the category follows."""


@dataclass(frozen=True, slots=True)
class Button:
    """The button under a message that opens a page."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class MuteButton:
    """The button under a message that switches its category off; whoever reads the chat's taps does that."""

    category: str
    name: str
    """The category's, as people read it."""

    @property
    def text(self) -> str:
        """Say it without words of any language but the category's name."""
        return f"{MUTE_SIGN} {self.name}"

    @property
    def data(self) -> str:
        """Say it to the bot."""
        return MUTE_DATA + self.category


@dataclass(frozen=True, slots=True)
class Message:
    """What `sendMessage` needs besides the address."""

    text: str
    button: Button | None = None
    mute: MuteButton | None = None
    protect_content: bool = False
    """Telegram lets nobody forward or save it."""
    parse_mode: str | None = HTML
    """None: every character of the text means itself."""
    tail: str = ""
    """The end of the text that a shortening keeps: the category."""
    whole: bool = False
    """It lists what counts as sent with it, so it is never shortened."""

    def plain(self) -> Self:
        """Take the markup away."""
        if self.parse_mode is None:
            return self
        return replace(self, text=to_plain(self.text), tail=to_plain(self.tail), parse_mode=None)

    def shortened(self) -> Self:
        """Cut it far below the limit; title, category and button stay."""
        if self.whole:
            return self
        head = self.text.removesuffix(self.tail)
        html = self.parse_mode is not None
        room = SECOND_TRY - visible_length(self.tail, html=html)
        most_bytes = MOST_BYTES - _bytes(self.tail)
        return replace(self, text=cut(head, room, html=html, most_bytes=most_bytes) + self.tail)

    def buttonless(self) -> Self:
        """Take all buttons away."""
        return replace(self, button=None, mute=None)


def compose(catalog: Catalog, type_: str, language: str | None, payload: Mapping[str, object]) -> Message:
    """Make the message of an event whose type the catalog has.

    Raises:
        TemplateFault: the payload lacks a field that the texts need.

    """
    text = catalog.render(type_, language, payload, Markup.HTML)
    category = catalog.category_name(type_, language)
    known = catalog.types[type_]
    title = cut(one_line(text.title), LONGEST_TITLE, most_bytes=MOST_BYTES // 4)
    head = f"<b>{title or escape(category)}</b>"
    tail = f"\n\n{category_tag(category)}"
    body = text.body
    if len(head) + len(body) + len(tail) > LONGEST_TEXT - len("\n\n"):
        # what is shorter fits, whatever it shows: a code point has four bytes at the most
        room = LONGEST_TEXT - visible_length(head + tail) - len("\n\n")
        most_bytes = MOST_BYTES - _bytes(head + tail) - len("\n\n")
        body = cut(body, room, most_bytes=most_bytes)
    return Message(
        text="\n\n".join(filter(None, (head, body))) + tail,
        button=button_of(text),
        mute=MuteButton(known.category, category) if known.mute_button else None,
        protect_content=known.sensitive,
        tail=tail,
    )


def button_of(text: Text) -> Button | None:
    """Make the button where there is something to say and a page to go to."""
    caption = cut(one_line(text.button or ""), LONGEST_BUTTON, html=False)
    return Button(caption, text.link) if caption and text.link and is_button_url(text.link) else None


def is_button_url(address: str) -> bool:
    """Tell whether Telegram takes the address for a button: a whole one, and the host has a dot."""
    if not is_web(address):
        return False
    host = urlsplit(address).hostname or ""
    return ":" in host or (all(host.split(".")) and "." in host)


@cache
def category_tag(name: str) -> str:
    """Write a category's name as a hashtag, by which people find its messages in the chat."""
    return "#" + re.sub(r"\W+", "_", name).strip("_")


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
