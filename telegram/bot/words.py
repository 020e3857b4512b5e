"""The bot's words in one language."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from telegram.bot.phrase import Phrase

LANGUAGES = ("en", "ru")


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that the bot says, in one language."""

    language: str
    texts: Mapping[str, str]

    def html(self, phrase: Phrase, **fields: str) -> str:
        """Say it as HTML; the fields are text, whatever stands in them."""
        return self.texts[phrase].format_map({name: escape(value) for name, value in fields.items()}).strip()

    def plain(self, phrase: Phrase, **fields: str) -> str:
        """Say it as plain text, for buttons and toasts."""
        return self.texts[phrase].format_map(fields).strip()


@cache
def words_of(language: str) -> Words:
    """Load the words of one of `LANGUAGES`."""
    written = files("telegram.bot.texts").joinpath(f"{language}.toml").read_text(encoding="utf-8")
    return Words(language, tomllib.loads(written))


def spoken(code: str | None) -> str:
    """Choose the language that the bot speaks to somebody whose language is known by this code."""
    primary = (code or "").strip().lower().replace("_", "-").split("-")[0]
    return "ru" if primary == "ru" else "en"
