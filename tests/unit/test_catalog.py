from datetime import timedelta
from pathlib import Path

import pytest

from outbox.catalog.load import Catalog, EventType, Markup, load
from outbox.catalog.text import Part, TemplateFault, Text
from outbox.delivery.channel import Channel
from outbox.error import CatalogError
from tests.unit import small_catalog
from tests.unit.small_catalog import EN, ORDER, RU, SETTINGS, TYPE, made, write

PAYLOAD = {"number": 7, "item": "Tea & <cake>"}


def test_a_type_left_mostly_empty_has_plain_defaults(tmp_path: Path) -> None:
    """Only category and channels are needed: not urgent, resent when unknown, without an end, not sensitive."""
    types = '[types."order.paid"]\ncategory = "orders"\nchannels = ["inapp"]'
    assert load(write(tmp_path, types=types)).types[ORDER] == EventType(
        name="order.paid",
        category="orders",
        channels=frozenset({Channel.INAPP}),
        urgent=False,
        on_unknown="resend",
        ttl=None,
        sensitive=False,
        link=None,
        sample={},
    )


def test_every_field_of_a_type_is_read(tmp_path: Path) -> None:
    """What stands in catalog.toml stands in the type."""
    extra = 'urgent = true\nsensitive = true\non_unknown = "hold"\nttl = "10m"\n'
    assert load(write(tmp_path, types=TYPE + extra)).types[ORDER] == EventType(
        name="order.paid",
        category="orders",
        channels=frozenset({Channel.TELEGRAM, Channel.INAPP}),
        urgent=True,
        on_unknown="hold",
        ttl=timedelta(minutes=10),
        sensitive=True,
        link="/orders/{{ number }}",
        sample={"number": 7, "item": "Tea"},
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90s", timedelta(seconds=90)),
        ("12h", timedelta(hours=12)),
        ("3d", timedelta(days=3)),
        ("2w", timedelta(days=14)),
    ],
)
def test_a_time_to_live_is_a_number_and_a_unit(tmp_path: Path, written: str, meant: timedelta) -> None:
    """Seconds, minutes, hours, days, weeks."""
    assert load(write(tmp_path, types=f'{TYPE}ttl = "{written}"')).types[ORDER].ttl == meant


def test_texts_are_escaped_as_html_and_left_alone_as_plain_text(tmp_path: Path) -> None:
    """In HTML the payload is escaped; in plain text the author's tags are gone and the payload is as it was."""
    catalog = load(write(tmp_path))
    link = "https://shop.example/orders/7"
    html = Text("Order 7", "Paid: <i>Tea &amp; &lt;cake&gt;</i>", "Open", link)
    assert catalog.render(ORDER, "en", PAYLOAD, Markup.HTML) == html
    assert catalog.render(ORDER, "en", PAYLOAD, Markup.PLAIN) == Text("Order 7", "Paid: Tea & <cake>", "Open", link)


@pytest.mark.parametrize(
    ("wanted", "title"),
    [
        ("ru", "Заказ 7"),
        ("ru-RU", "Заказ 7"),
        ("RU_ru", "Заказ 7"),
        ("en-GB", "Order 7"),
        ("de", "Order 7"),
        ("", "Order 7"),
        (None, "Order 7"),
    ],
)
def test_the_nearest_language_is_taken(tmp_path: Path, wanted: str | None, title: str) -> None:
    """The language itself, else without its region, else the default."""
    assert load(write(tmp_path)).title(ORDER, wanted, PAYLOAD) == title


def test_a_language_with_a_region_has_its_own_texts(tmp_path: Path) -> None:
    """`pt-BR.toml` serves pt_br, and `pt` falls to the default."""
    write(tmp_path)
    (tmp_path / "pt-BR.toml").write_text(EN.replace("Order", "Pedido"), encoding="utf-8")
    catalog = load(tmp_path)
    assert catalog.title(ORDER, "pt_br", PAYLOAD) == "Pedido 7"
    assert catalog.title(ORDER, "pt", PAYLOAD) == "Order 7"


def test_a_missing_field_is_named_and_no_value_is_told(tmp_path: Path) -> None:
    """The fault says type, language, part and field, and holds nothing of the payload."""
    with pytest.raises(TemplateFault) as caught:
        load(write(tmp_path)).render(ORDER, "ru", {"number": "secret-7"})
    fault = caught.value
    assert (fault.type, fault.language, fault.part, fault.field) == ("order.paid", "ru", Part.BODY, "item")
    assert str(fault) == 'order.paid: body in ru needs the field "item"'
    assert fault.__cause__ is None
    assert fault.__context__ is None


@pytest.mark.parametrize(
    ("link", "number", "meant"),
    [
        ("/orders/{{ number }}", "7", "https://shop.example/orders/7"),
        ("/orders/{{ number|urlencode }}", "a b&c", "https://shop.example/orders/a%20b%26c"),
        ("{{ number }}", "https://other.example/x?a=1&b=2", "https://other.example/x?a=1&b=2"),
        ("{{ number }}", "//evil.example/x", "https://shop.example//evil.example/x"),
        ("{{ number }}", "javascript:alert(1)", None),
        ("{{ number }}", "data:text/html,x", None),
        ("{{ number }}", "/\\evil.example", None),
        ("{{ number }}", "https://", None),
        ("{{ number }}", "https://shop.example:port/", None),
        ("{{ number }}", "/a b", None),
        ("{{ number }}", "", None),
        ("/{{ number }}", "x" * 3000, None),
    ],
)
def test_a_link_is_a_web_address_or_nothing(tmp_path: Path, link: str, number: str, meant: str | None) -> None:
    """A path goes after the base; whatever is no http or https address leads nowhere."""
    catalog = load(write(tmp_path, types=TYPE.replace("/orders/{{ number }}", link)))
    assert catalog.link(ORDER, "en", {"number": number}) == meant


@pytest.mark.parametrize(("number", "meant"), [("/x", "/x"), ("//evil.example", None)])
def test_without_a_base_a_path_stays_a_path(tmp_path: Path, number: str, meant: str | None) -> None:
    """The application's own page can be reached by path, another site's cannot."""
    types = TYPE.replace("/orders/{{ number }}", "{{ number }}")
    catalog = load(write(tmp_path, settings='default_language = "en"\n', types=types))
    assert catalog.link(ORDER, "en", {"number": number}) == meant


def test_a_category_has_a_name_in_each_language(tmp_path: Path) -> None:
    """People read the name, not the word in the catalog."""
    catalog = load(write(tmp_path))
    assert catalog.category_name(ORDER, "ru") == "Ваши заказы"
    assert catalog.category_name(ORDER, "en") == "Your orders"


UNKNOWN_KEY = "unknown key; there are category, channels, urgent, on_unknown, ttl, sensitive, link, sample"
AT = "catalog.toml: types: order.paid: "
EN_AT = "en.toml: types: order.paid: "


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"types": ""}, "catalog.toml: types: is missing"),
        ({"types": "[types]"}, "catalog.toml: types: has no event type"),
        ({"types": TYPE + "retries = 3"}, f"{AT}retries: {UNKNOWN_KEY}"),
        ({"settings": 'default_langage = "en"\n'}, "catalog.toml: default_langage: unknown key; there are "),
        ({"settings": ""}, "catalog.toml: default_language: is missing"),
        ({"settings": 'default_language = "de"\n'}, "catalog.toml: default_language: there is no de.toml with its"),
        ({"settings": SETTINGS.replace("https", "ftp")}, 'catalog.toml: base_url: "ftp://shop.example" is no http'),
        ({"types": TYPE.replace("order.paid", "order paid")}, 'catalog.toml: types: "order paid" is no name of a'),
        ({"types": TYPE.replace('"orders"', '"Your orders"')}, f'{AT}category: "Your orders" is no category'),
        ({"types": TYPE.replace('"orders"', '["orders", "money"]')}, f"{AT}category: must be a text"),
        ({"types": TYPE.replace('category = "orders"', "")}, f"{AT}category: is missing"),
        ({"types": TYPE.replace('"inapp"', '"email"')}, f'{AT}channels: unknown channel "email"; there are inapp, t'),
        ({"types": TYPE.replace('"telegram", "inapp"', "")}, f"{AT}channels: must name each channel once, and at le"),
        ({"types": TYPE.replace('"telegram"', '"inapp"')}, f"{AT}channels: must name each channel once, and at leas"),
        ({"types": TYPE.replace('"telegram"', "1")}, f"{AT}channels: must be a list of texts"),
        ({"types": TYPE + 'urgent = "yes"'}, f"{AT}urgent: must be true or false"),
        ({"types": TYPE + 'on_unknown = "drop"'}, f'{AT}on_unknown: "drop" is neither "resend" nor "hold"'),
        ({"types": TYPE + 'ttl = "soon"'}, f'{AT}ttl: "soon" is no length of time; write a number and s, m, h, d or'),
        ({"types": TYPE + 'ttl = "0s"'}, f'{AT}ttl: "0s" is no length of time'),
        ({"types": TYPE + "ttl = 60"}, f"{AT}ttl: must be a text"),
        ({"types": TYPE + 'ttl = "60w"'}, f'{AT}ttl: "60w" is longer than 365 days'),
        ({"types": TYPE.replace('"Tea"', "2026-01-02")}, f"{AT}sample: must be possible in JSON: write dates and ti"),
        (
            {"types": TYPE.replace("/orders/{{ number }}", "/{{ number")},
            f"{AT}link: line 1: unexpected end of template",
        ),
        ({"types": TYPE + "collapse_key = '{{ number'"}, f"{AT}collapse_key: line 1: unexpected end of template"),
        ({"types": TYPE + 'collapse_within = "x"'}, f'{AT}collapse_within: "x" is no length of time'),
        ({"types": TYPE + "digest = true\nurgent = true"}, f"{AT}digest: a type with urgent is never folded into a"),
        (
            {"types": TYPE + "digest = true\ncollapse_key = 'x'"},
            f"{AT}digest: a type with collapse_key is never folded",
        ),
        ({"types": TYPE.replace("[types", "[types.")}, "catalog.toml: is not TOML: "),
        ({"en": EN.replace('generic = "Something happened"', "")}, "en.toml: generic: is missing"),
        ({"en": EN.replace("orders =", "oders =")}, "en.toml: categories: oders: unknown key; there are orders"),
        ({"en": EN.replace('orders = "Your orders"', "")}, "en.toml: categories: orders: is missing"),
        ({"en": EN.replace("Your orders", "o" * 41)}, "en.toml: categories: orders: is longer than 40 characters"),
        ({"en": EN.replace("order.paid", "order.sent")}, "en.toml: types: order.sent: is not in catalog.toml"),
        ({"ru": RU[: RU.index("[types")] + "[types]"}, "ru.toml: types: order.paid: is missing"),
        ({"en": EN.replace("title =", "titel =")}, f"{EN_AT}titel: unknown key; there are title, body, button"),
        ({"en": EN.replace("Order {{ number }}", " ")}, f"{EN_AT}title: is empty"),
        ({"en": EN.replace('"Open"', "1")}, f"{EN_AT}button: must be a text"),
        ({"en": EN.replace("{{ item }}", "{{ item }")}, f"{EN_AT}body: line 1: unexpected '}}'"),
        ({"en": EN.replace("{{ item }}", "{{ item|shout }}")}, f"{EN_AT}body: line 1: No filter named 'shout'."),
        ({"en": EN.replace("{{ item }}", "{{ 2|plural('day') }}")}, f'{EN_AT}body: line 1: "plural" takes 2 words in'),
        ({"ru": RU.replace("{{ item }}", "{{ 2|plural('a', 'b') }}")}, '": line 1: "plural" takes 3 or 4 words'[3:]),
    ],
)
def test_a_fault_of_the_catalog_is_named_in_one_line(tmp_path: Path, files: dict[str, str], message: str) -> None:
    """File, type, field, and what is wrong with it."""
    with pytest.raises(CatalogError) as caught:
        load(write(tmp_path, **files))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_catalog_is_named(tmp_path: Path) -> None:
    """The message says which file is looked for and where."""
    with pytest.raises(CatalogError, match=r"^catalog\.toml: not found in .*/nowhere$"):
        load(tmp_path / "nowhere")


def test_a_catalog_without_texts_is_refused(tmp_path: Path) -> None:
    """The default language needs its file."""
    write(tmp_path)
    (tmp_path / "en.toml").unlink()
    (tmp_path / "ru.toml").unlink()
    with pytest.raises(CatalogError, match=r"default_language: there is no en\.toml with its texts"):
        load(tmp_path)


def test_a_file_that_is_no_language_is_refused(tmp_path: Path) -> None:
    """A misnamed file would otherwise never be read by anybody."""
    write(tmp_path)
    (tmp_path / "notes.toml").write_text(EN, encoding="utf-8")
    with pytest.raises(CatalogError, match=r'^notes\.toml: "notes" is no language'):
        load(tmp_path)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    write(tmp_path)
    (tmp_path / "ru.toml").write_bytes(RU.encode("cp1251"))
    with pytest.raises(CatalogError, match=r"^ru\.toml: is not UTF-8"):
        load(tmp_path)


def test_two_categories_with_one_name_are_refused(tmp_path: Path) -> None:
    """People could not tell their switches apart."""
    types = TYPE + '[types."cash.paid"]\ncategory = "money"\nchannels = ["inapp"]'
    text = '[types."cash.paid"]\ntitle = "Cash"\nbody = "Paid"\n'
    en = EN.replace("[categories]", '[categories]\nmoney = "your ORDERS"') + text
    with pytest.raises(CatalogError, match=r'^en\.toml: categories: orders: has the same name as "money"'):
        load(write(tmp_path, types=types, en=en, ru=en))


def test_the_catalog_cannot_be_changed_while_it_is_used(tmp_path: Path) -> None:
    """Workers share it."""
    catalog: Catalog = made(tmp_path)
    with pytest.raises(TypeError):
        catalog.types[small_catalog.ORDER] = catalog.types[ORDER]  # type: ignore[index] # that is the point


def test_what_no_payload_changes_is_rendered_when_it_is_read(tmp_path: Path) -> None:
    """A button without a field is ready, with tags and without; what has a field or a condition is not."""
    en = EN.replace("Open", "Open &amp; <b>see</b>").replace("Paid: <i>{{ item }}</i>", "{% if item %}Paid{% endif %}")
    catalog = load(write(tmp_path, en=en))
    assert catalog.languages["en"].texts[ORDER].constant == {
        Part.BUTTON: {Markup.HTML: "Open &amp; <b>see</b>", Markup.PLAIN: "Open & see"}
    }
    assert catalog.render(ORDER, "en", {"number": 7, "item": ""}).button == "Open & see"


def test_any_word_may_be_asked_for_as_a_language(tmp_path: Path) -> None:
    """However many there are, no more than a thousand are remembered, and each gets the nearest language."""
    catalog = load(write(tmp_path))
    words = [*(f"ru-{number}" for number in range(1_500)), *(f"xx-{number}" for number in range(1_500))]
    assert [catalog.language(word).name for word in words] == ["ru"] * 1_500 + ["en"] * 1_500
    assert len(catalog._nearest) <= 1_000
