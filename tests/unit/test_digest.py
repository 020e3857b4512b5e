"""The message that lists many: what it says, and how much fits."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbox.catalog.load import Catalog, load
from outbox.catalog.markup import to_plain
from outbox.error import CatalogError
from outbox.lane.lane_claim import Claimed
from telegram.cut import visible_length
from telegram.digest_message import compose_digest
from telegram.message import MuteButton
from tests.unit.small_catalog import EN, ORDER, RU, SETTINGS, write
from tests.unit.strict_html import read

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TYPES = """
[types."order.paid"]
category = "orders"
channels = ["telegram"]
digest = true
link = "/orders/{{ number }}"
[types."order.secret"]
category = "orders"
channels = ["telegram"]
digest = true
sensitive = true
"""
TEXT = '[types."order.secret"]\ntitle = "{{ item }}"\nbody = "-"\n'
HEAD = Claimed(
    lane_id=1,
    token=1,
    delivery_id=1,
    event_id=1,
    recipient="anna",
    attempts=0,
    expires_at=None,
    type=ORDER,
    payload="{}",
    request_id=None,
    emitted_at=NOW,
    locale="en",
    chat_id=1,
    thread_id=None,
    claimed_at=NOW,
)


def catalog_in(folder: Path, *, en: str = EN, ru: str = RU) -> Catalog:
    """Load a catalog with two types that one message may list."""
    return load(write(folder, types=TYPES, en=en + TEXT, ru=ru + TEXT))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Load the catalog as its author has written it."""
    return catalog_in(tmp_path_factory.mktemp("catalog"))


def waits(type_: str = ORDER, locale: str = "en", **fields: object) -> Claimed:
    """Make a delivery that waits."""
    return replace(HEAD, type=type_, locale=locale, payload=json.dumps({"item": "Tea", **fields}))


def lines(text: str) -> list[str]:
    """Give the lines between heading and category."""
    return text.split("\n\n")[1].split("\n")


def test_each_event_has_its_line_in_order(catalog: Catalog) -> None:
    """Heading, a line for each with its page where it has one, and the category."""
    digest = compose_digest(catalog, [waits(number=1), waits("order.secret"), waits(number=2)])
    assert digest is not None
    assert digest.count == 3
    assert digest.message.text == (
        "<b>Your orders: 3 new messages</b>\n\n"
        '• <a href="https://shop.example/orders/1">Order 1</a>\n'
        "• Tea\n"
        '• <a href="https://shop.example/orders/2">Order 2</a>\n\n'
        "#Your_orders"
    )
    assert digest.message.button is None


@pytest.mark.parametrize(
    ("count", "heading"),
    [
        (2, "Ваши заказы: 2 новых сообщения"),
        (5, "Ваши заказы: 5 новых сообщений"),
        (21, "Ваши заказы: 21 новое сообщение"),
    ],
)
def test_the_heading_counts_as_the_language_does(catalog: Catalog, count: int, heading: str) -> None:
    """Russian has three plural forms."""
    digest = compose_digest(catalog, [waits(locale="ru", number=n) for n in range(count)])
    assert digest is not None
    assert to_plain(digest.message.text).split("\n")[0] == heading


def test_a_language_may_have_its_own_heading(tmp_path: Path) -> None:
    """The catalog's words go before Vestnik's; its tags stay, and a field is escaped."""
    catalog = catalog_in(tmp_path, en='digest = "{{ count }} × <i>{{ category }}</i>"' + EN.replace("Your", "<Your>"))
    digest = compose_digest(catalog, [waits(number=1), waits(number=2)])
    assert digest is not None
    assert digest.message.text.startswith("<b>2 × <i>&lt;Your&gt; orders</i></b>\n\n")


def test_a_language_that_vestnik_does_not_speak_has_a_heading_without_words(tmp_path: Path) -> None:
    """The number stands behind the category's name."""
    write(tmp_path, types=TYPES, en=EN + TEXT, ru=RU + TEXT)
    (tmp_path / "de.toml").write_text(EN.replace("Your orders", "Bestellungen") + TEXT, encoding="utf-8")
    digest = compose_digest(load(tmp_path), [waits(locale="de-AT", number=n) for n in range(3)])
    assert digest is not None
    assert digest.message.text.startswith("<b>Bestellungen: 3</b>\n\n")


@pytest.mark.parametrize(
    ("digest", "problem"),
    [
        ("{{ number }}", 'needs the field "number"'),
        ("{{ count|plural('a') }}", '"plural" takes 2 words'),
        ("{{ count", "line 1"),
    ],
)
def test_a_heading_that_cannot_be_made_is_refused_when_it_is_read(tmp_path: Path, digest: str, problem: str) -> None:
    """No digest finds that out first."""
    with pytest.raises(CatalogError) as fault:
        catalog_in(tmp_path, en=f'digest = "{digest}"' + EN)
    assert str(fault.value).startswith("en.toml: digest: ")
    assert problem in str(fault.value)


def test_what_a_title_is_made_of_cannot_change_the_markup(catalog: Catalog) -> None:
    """Tags, references, line breaks and a bullet of a payload are shown as they are written, on one line."""
    item = "<b>M&M's</b>\n• &lt;x&gt; {{ 7*7 }}"
    digest = compose_digest(catalog, [waits("order.secret", item=item), waits("order.secret", item="b")])
    assert digest is not None
    assert lines(to_plain(digest.message.text)) == ["• <b>M&M's</b> • &lt;x&gt; {{ 7*7 }}", "• b"]
    read(digest.message.text)


def test_writing_from_right_to_left_stays_in_its_line(catalog: Catalog) -> None:
    """Each event is a paragraph of its own, also where a title has a line separator or an override of direction."""
    items = ["\u202eשלום", "مرحبا\u2028بالعالم", "Tea"]
    digest = compose_digest(catalog, [waits("order.secret", item=item) for item in items])
    assert digest is not None
    assert lines(digest.message.text) == ["• \u202eשלום", "• مرحبا بالعالم", "• Tea"]


def test_a_long_title_is_cut_and_an_empty_one_is_called_by_its_category(catalog: Catalog) -> None:
    """Every event keeps a line that says something."""
    digest = compose_digest(catalog, [waits("order.secret", item="word " * 100), waits("order.secret", item=" ")])
    assert digest is not None
    assert lines(digest.message.text) == ["• " + "word " * 19 + "word…", "• Your orders"]


def test_a_payload_that_cannot_be_rendered_ends_the_list_before_it(catalog: Catalog) -> None:
    """It goes by itself, and dies as it would have; what stands behind it waits for the next one."""
    run = [waits(number=1), waits(number=2), waits(), waits(number=4)]
    digest = compose_digest(catalog, run)
    assert digest is not None
    assert (digest.count, lines(to_plain(digest.message.text))) == (2, ["• Order 1", "• Order 2"])
    strange = replace(HEAD, payload="9" * 5000)
    assert compose_digest(catalog, [waits(number=1), strange, waits(number=3)]) is None


def test_no_more_than_fifty_go_into_one(catalog: Catalog) -> None:
    """The rest waits for the next message."""
    digest = compose_digest(catalog, [waits(number=n) for n in range(80)])
    assert digest is not None
    assert (digest.count, len(lines(digest.message.text))) == (50, 50)
    assert digest.message.text.startswith("<b>Your orders: 50 new messages</b>")


def test_as_many_go_into_one_as_fit(catalog: Catalog) -> None:
    """4,096 characters after parsing: 28 + 2 + n * 103 - 1 + 14 leave room for 39 lines of 102."""
    digest = compose_digest(catalog, [waits("order.secret", item="x" * 500) for _ in range(50)])
    assert digest is not None
    assert digest.count == 39
    assert visible_length(digest.message.text) == 28 + 2 + 39 * 103 - 1 + 14


def test_long_addresses_count_too(tmp_path: Path) -> None:
    """Telegram refuses more than 32,768 bytes before it parses them."""
    types = TYPES.replace("{{ number }}", "{{ number }}/{{ item|urlencode }}")
    catalog = load(write(tmp_path, types=types, en=EN + TEXT, ru=RU + TEXT))
    digest = compose_digest(catalog, [waits(number=n, item="я" * 320) for n in range(50)])
    assert digest is not None
    assert 10 < digest.count < 20
    assert len(digest.message.text.encode()) <= 32_768


@pytest.mark.parametrize(("run", "protects"), [([ORDER, ORDER], False), ([ORDER, "order.secret"], True)])
def test_one_that_is_sensitive_protects_the_whole(catalog: Catalog, run: list[str], *, protects: bool) -> None:
    """Nobody can forward or save a message that lists it."""
    digest = compose_digest(catalog, [waits(type_, number=1) for type_ in run])
    assert digest is not None
    assert digest.message.protect_content is protects


def test_one_with_a_mute_button_gives_it_to_the_whole(tmp_path: Path) -> None:
    """All are of one category."""
    types = TYPES.replace("sensitive = true", "mute_button = true")
    catalog = load(write(tmp_path, types=types, en=EN + TEXT, ru=RU + TEXT))
    for run, mute in (([ORDER] * 2, None), ([ORDER, "order.secret"], MuteButton("orders", "Your orders"))):
        digest = compose_digest(catalog, [waits(type_, number=1) for type_ in run])
        assert digest is not None
        assert digest.message.mute == mute


def test_it_is_never_shortened(catalog: Catalog) -> None:
    """A line that was cut off would count as sent; without its markup it says the same."""
    digest = compose_digest(catalog, [waits("order.secret", item="Tea " * 12) for _ in range(50)])
    assert digest is not None
    assert visible_length(digest.message.text) > 2048
    assert digest.message.shortened() == digest.message
    assert len(lines(digest.message.plain().text)) == 50


@pytest.mark.parametrize("count", [0, 1])
def test_one_alone_is_no_digest(catalog: Catalog, count: int) -> None:
    """It has a message of its own."""
    assert compose_digest(catalog, [waits(number=1)] * count) is None


@given(items=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=60))
def test_whatever_the_titles_are_telegram_can_parse_it(catalog: Catalog, items: list[str]) -> None:
    """Every digest is sound HTML within the limits and has a line for each that it counts."""
    digest = compose_digest(catalog, [waits("order.secret", item=item) for item in items])
    assert digest is not None
    read(digest.message.text)
    assert visible_length(digest.message.text) <= 4096
    assert len(lines(digest.message.text)) == digest.count <= 50


def test_types_of_one_category_that_allow_it_go_together(tmp_path: Path) -> None:
    """Another category, or a type that does not allow it, stays apart."""
    types = TYPES + (
        '[types."order.plain"]\ncategory = "orders"\nchannels = ["telegram"]\n'
        '[types."news.new"]\ncategory = "news"\nchannels = ["telegram"]\ndigest = true\n'
    )
    more = TEXT + "".join(f'[types."{name}"]\ntitle = "x"\nbody = "y"\n' for name in ("order.plain", "news.new"))
    head = "[categories]\n"
    en, ru = (text.replace(head, f'{head}news = "News"\n') + more for text in (EN, RU))
    catalog = load(write(tmp_path, settings=SETTINGS, types=types, en=en, ru=ru))
    assert catalog.digest_types(ORDER) == {ORDER, "order.secret"}
    assert catalog.digest_types("news.new") == {"news.new"}
    assert catalog.digest_types("order.plain") == catalog.digest_types("gone") == frozenset()
