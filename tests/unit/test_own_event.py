from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from outbox.catalog import sample_check as plain_check
from outbox.catalog.load import Catalog, load
from outbox.catalog.text import Part
from outbox.delivery.channel import Channel
from outbox.event_log.own_event import (
    CHAT_DISPLACED,
    CHAT_REFUSED,
    DELIVERY_HELD,
    OwnEvent,
    chat_displaced,
    chat_refused,
    delivery_held,
)
from telegram import catalog_check as telegram_check
from tests.unit.small_catalog import EN, ORDER, RU, SETTINGS, TYPE, write

NOON = datetime(2026, 11, 3, 12, 59, 59, tzinfo=UTC)
PAYLOAD = {"type": "payout.paid"}
HELD_EN = "Nobody knows whether a message arrived: payout.paid"
HELD_RU = "Неизвестно, дошло ли сообщение: payout.paid"
REFUSED_EN = "Telegram messages no longer reach your chat"
REFUSED_RU = "Сообщения Telegram больше не доходят до вашего чата"
DISPLACED_EN = "Your Telegram chat was connected to another account"
DISPLACED_RU = "Ваш чат Telegram подключён к другой учётной записи"
OWN = [DELIVERY_HELD, CHAT_REFUSED, CHAT_DISPLACED]
OWN_HELD = """
[types."vestnik.delivery_held"]
category = "orders"
channels = ["telegram", "inapp"]
"""


def alone(
    directory: Path, language: str, *, types: str = TYPE, texts: str = EN, category: str | None = None
) -> Catalog:
    """Load a catalog that has texts in one language only."""
    settings = SETTINGS.replace('"en"', f'"{language}"')
    named = texts if category is None else texts.replace("Your orders", category)
    (directory / "catalog.toml").write_text(settings + types, encoding="utf-8")
    (directory / f"{language}.toml").write_text(named, encoding="utf-8")
    return load(directory)


def test_the_operators_are_told_of_a_held_delivery() -> None:
    """The event names the type; its key names the type and the hour."""
    assert delivery_held("payout.paid", ("op-1", "op-2"), NOON) == OwnEvent(
        DELIVERY_HELD, ("op-1", "op-2"), PAYLOAD, "vestnik.delivery_held:payout.paid:2026-11-03T12"
    )


def test_without_operators_nobody_is_told() -> None:
    """An application without operators emits nothing."""
    assert delivery_held("payout.paid", (), NOON) is None


@pytest.mark.parametrize(
    ("moment", "hour"),
    [
        (NOON + timedelta(seconds=1), "2026-11-03T13"),
        (NOON + timedelta(days=1), "2026-11-04T12"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-11-03T12"),
    ],
)
def test_the_hour_is_universal(moment: datetime, hour: str) -> None:
    """Workers in different time zones agree on the hour."""
    told = delivery_held("payout.paid", ["op-1"], moment)
    assert told is not None
    assert told.dedupe_key == f"vestnik.delivery_held:payout.paid:{hour}"


def test_a_recipient_is_told_of_a_chat_that_refuses() -> None:
    """The event goes to the recipient alone, once for each delivery, and its key does not name them."""
    assert chat_refused("anna", 17) == OwnEvent(CHAT_REFUSED, ("anna",), {}, "vestnik.chat_refused:17")


def test_a_recipient_is_told_of_a_chat_that_is_anothers_now() -> None:
    """The event goes to who had the chat, once for each link that ended, and its key does not name them."""
    assert chat_displaced("anna", 17) == OwnEvent(CHAT_DISPLACED, ("anna",), {}, "vestnik.chat_displaced:17")


def test_every_catalog_has_the_own_types(tmp_path: Path) -> None:
    """A catalog that does not mention them gets all, for the inbox only, and keeps its own type first."""
    catalog = load(write(tmp_path))
    assert list(catalog.types) == [ORDER, *OWN]
    for name in OWN:
        known = catalog.types[name]
        assert (known.category, known.channels) == ("vestnik", frozenset({Channel.INAPP}))
    assert list(catalog.languages) == ["en", "ru"]


@pytest.mark.parametrize(
    ("language", "titles", "category"),
    [
        ("en", [HELD_EN, REFUSED_EN, DISPLACED_EN], "Message delivery"),
        ("ru", [HELD_RU, REFUSED_RU, DISPLACED_RU], "Доставка сообщений"),
    ],
)
def test_they_speak_english_and_russian(tmp_path: Path, language: str, titles: list[str], category: str) -> None:
    """Title and category are in the reader's language, and the operator's body names the command."""
    catalog = load(write(tmp_path))
    assert [catalog.title(name, language, PAYLOAD) for name in OWN] == titles
    assert catalog.category_name(CHAT_REFUSED, language) == category
    assert catalog.render(DELIVERY_HELD, language, PAYLOAD).body.endswith(": vestnik unknown list")
    assert all(catalog.render(name, language, PAYLOAD).body for name in OWN)


@pytest.mark.parametrize(
    ("language", "held"), [("de", HELD_EN), ("pt-BR", HELD_EN), ("en-GB", HELD_EN), ("ru-RU", HELD_RU)]
)
def test_another_language_shows_the_nearest(tmp_path: Path, language: str, held: str) -> None:
    """A language with a region has its own language's texts; what Vestnik does not speak at all has the English."""
    catalog = alone(tmp_path, language)
    assert catalog.title(DELIVERY_HELD, language, PAYLOAD) == held
    assert set(catalog.languages[language.lower()].texts) == {ORDER, *OWN}
    assert set(catalog.languages[language.lower()].categories) == {"orders", "vestnik"}


def test_the_applications_texts_win(tmp_path: Path) -> None:
    """A language may say them in its own words, and name their category, without a word in `catalog.toml`."""
    texts = EN.replace("[categories]", '[categories]\nvestnik = "Zustellung"')
    texts += '[types."vestnik.chat_refused"]\ntitle = "Kein Schreibrecht"\nbody = "Bitte erlauben"\n'
    catalog = alone(tmp_path, "de", texts=texts)
    assert catalog.title(CHAT_REFUSED, "de", {}) == "Kein Schreibrecht"
    assert catalog.category_name(CHAT_REFUSED, "de") == "Zustellung"
    assert catalog.title(DELIVERY_HELD, "de", PAYLOAD) == HELD_EN


def test_the_applications_type_wins(tmp_path: Path) -> None:
    """An application may send them to Telegram, in a category of its own; the texts it leaves out stay."""
    catalog = load(write(tmp_path, types=TYPE + OWN_HELD))
    known = catalog.types[DELIVERY_HELD]
    assert (known.category, known.channels) == ("orders", frozenset(Channel))
    assert catalog.category_name(DELIVERY_HELD, "ru") == "Ваши заказы"
    assert catalog.title(DELIVERY_HELD, "ru", PAYLOAD) == HELD_RU


def test_a_category_that_no_type_uses_is_not_there(tmp_path: Path) -> None:
    """Where all types have moved elsewhere nobody is offered an empty category."""
    moved = "".join(OWN_HELD.replace(DELIVERY_HELD, name) for name in OWN)
    catalog = load(write(tmp_path, types=TYPE + moved))
    assert set(catalog.languages["en"].categories) == {"orders"}


def test_an_application_may_use_the_category_for_its_own(tmp_path: Path) -> None:
    """A type of the application's in the category `vestnik` needs no name for it."""
    catalog = load(
        write(
            tmp_path,
            types=TYPE.replace('"orders"', '"vestnik"'),
            en=EN.replace("orders =", "vestnik ="),
            ru=RU.replace('orders = "Ваши заказы"', ""),
        )
    )
    assert catalog.category_name(ORDER, "en") == "Your orders"
    assert catalog.category_name(ORDER, "ru") == "Доставка сообщений"


def test_a_name_that_is_taken_is_left_to_the_application(tmp_path: Path) -> None:
    """A catalog whose own category has the same name stays valid, and people can tell the two apart."""
    catalog = alone(tmp_path, "en", category="message DELIVERY")
    assert catalog.category_name(ORDER, "en") == "message DELIVERY"
    assert catalog.category_name(CHAT_REFUSED, "en") == "Message delivery (Vestnik)"


@pytest.mark.parametrize("language", ["ru", "en", "de"])
def test_the_check_renders_them(tmp_path: Path, language: str) -> None:
    """`vestnik catalog check` tries them with their samples, and finds nothing to complain about."""
    catalog = alone(tmp_path, language)
    assert plain_check.check(catalog) == []
    assert telegram_check.check(catalog) == []
    for name in OWN:
        assert set(catalog.languages[language].texts[name].templates) == {Part.TITLE, Part.BODY}
        assert catalog.render(name, language, catalog.types[name].sample).title


def test_the_check_finds_what_an_application_breaks(tmp_path: Path) -> None:
    """An application's own text is tried with the sample too."""
    texts = EN + '[types."vestnik.chat_refused"]\ntitle = "{{ chat }}"\nbody = "x"\n'
    problems = plain_check.check(load(write(tmp_path, en=texts)))
    assert [str(problem) for problem in problems] == [
        'vestnik.chat_refused in en: sample: title needs the field "chat"'
    ]
