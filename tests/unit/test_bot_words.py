"""The bot's words: the same in every language, and what Telegram can read."""

import re
from string import Formatter

import pytest

from telegram.bot.phrase import Phrase
from telegram.bot.words import LANGUAGES, spoken, words_of
from tests.unit.strict_html import read

PLAIN = re.compile("button_|toast_|command_")


def fields(text: str) -> set[str]:
    """Name the places that a text leaves open."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_has_words(language: str) -> None:
    """No phrase lacks its words, and no words lack their phrase."""
    assert set(words_of(language).texts) == {phrase.value for phrase in Phrase}


@pytest.mark.parametrize("phrase", Phrase)
def test_all_languages_leave_the_same_open(phrase: Phrase) -> None:
    """What is filled in is filled in everywhere."""
    assert len({frozenset(fields(words_of(language).texts[phrase])) for language in LANGUAGES}) == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("phrase", Phrase)
def test_words_are_what_telegram_takes(language: str, phrase: Phrase) -> None:
    """Plain ones have no markup and are short, the others are good HTML, whatever is filled in."""
    words = words_of(language)
    filled = dict.fromkeys(fields(words.texts[phrase]), "<b>&</i>")
    if PLAIN.match(phrase):
        said = words.plain(phrase, **dict.fromkeys(filled, "x"))
        assert not set("<>&\n") & set(said)
        assert 0 < len(said) <= (200 if phrase.startswith("toast_") else 64)
    else:
        visible, _ = read(words.html(phrase, **filled))
        assert visible.count("<b>&</i>") >= len(filled)
        assert 0 < len(visible) <= 4096


@pytest.mark.parametrize(
    ("code", "language"),
    [
        *(("ru", "ru"), ("ru-RU", "ru"), ("RU_ru", "ru"), (" ru ", "ru")),
        *(("en", "en"), ("uk", "en"), ("be", "en"), ("kk", "en"), ("run", "en"), ("de-DE", "en")),
        *(("", "en"), (None, "en"), ("-", "en"), ("русский", "en")),
    ],
)
def test_russian_is_spoken_to_russians_only(code: str | None, language: str) -> None:
    """Everybody else is spoken to in English."""
    assert spoken(code) == language
