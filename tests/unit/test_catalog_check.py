from pathlib import Path

import pytest

from outbox.catalog import sample_check as plain_check
from outbox.catalog.load import load
from telegram import catalog_check as telegram_check
from tests.unit.small_catalog import EN, SETTINGS, TYPE, made, write


def problems(directory: Path, **files: str) -> list[str]:
    """Check a catalog of which some files are replaced."""
    catalog = load(write(directory, **files))
    return [str(problem) for problem in (*plain_check.check(catalog), *telegram_check.check(catalog))]


def test_a_sound_catalog_has_no_problems(tmp_path: Path) -> None:
    """Nothing is said about what is well."""
    assert problems(tmp_path) == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"types": TYPE.replace("item =", "thing =")},
            [
                'order.paid in en: sample: body needs the field "item"',
                'order.paid in ru: sample: body needs the field "item"',
            ],
        ),
        (
            {"en": EN.replace("{{ item }}", "{{ item|money('RUB') }}")},
            ["order.paid in en: sample: body cannot be made of what it holds"],
        ),
        (
            {"en": EN.replace("Order {{ number }}", "{% if number == 8 %}Eight{% endif %}")},
            ["order.paid in en: title: comes out empty with the sample"],
        ),
        (
            {"en": EN.replace('button = "Open"', "")},
            ["order.paid in en: button: is missing, so the link cannot be shown on Telegram"],
        ),
        (
            {"types": TYPE.replace('link = "/orders/{{ number }}"', "")},
            ["order.paid in en: button: the type has no link", "order.paid in ru: button: the type has no link"],
        ),
        (
            {"types": TYPE.replace("/orders/{{ number }}", "orders/{{ number }}")},
            [
                "order.paid in en: link: comes out as no web address with the sample",
                "order.paid in ru: link: comes out as no web address with the sample",
            ],
        ),
        (
            {"en": EN.replace("</i>", "")},
            ["order.paid in en on telegram: body: <i> is never closed"],
        ),
        (
            {"en": EN.replace("</i>", "</b>")},
            ["order.paid in en on telegram: body: </b> closes no open tag"],
        ),
        (
            {"en": EN.replace("Paid:", "Paid < 5:")},
            ["order.paid in en on telegram: body: < begins no tag that Telegram knows; write &lt;"],
        ),
        (
            {"en": EN.replace("Paid:", "Paid:" + "a " * 2100)},
            ["order.paid in en on telegram: body: too long, the message would be cut to 4096 characters"],
        ),
        (
            {"en": EN.replace("Order", "Order " * 60)},
            ["order.paid in en on telegram: title: longer than 256 characters, would be cut"],
        ),
        (
            {"en": EN.replace("Open", "Open" * 20)},
            ["order.paid in en on telegram: button: longer than 64 characters, would be cut"],
        ),
    ],
)
def test_what_will_not_come_out_well_is_told(tmp_path: Path, files: dict[str, str], expected: list[str]) -> None:
    """Type, language, channel and part of each problem, in one line."""
    assert problems(tmp_path, **files) == expected


@pytest.mark.parametrize("base", ["", 'base_url = "http://localhost:3000"\n'])
def test_a_link_that_telegram_takes_for_no_button_is_told(tmp_path: Path, base: str) -> None:
    """A path or a local host is good enough for the inbox only."""
    found = problems(tmp_path, settings=SETTINGS.splitlines()[0] + "\n" + base)
    assert [problem.split(" on ")[0] for problem in found] == ["order.paid in en", "order.paid in ru"]
    assert "Telegram takes only a whole address of a public host" in found[0]


def test_a_type_for_the_inbox_alone_needs_nothing_of_telegram(tmp_path: Path) -> None:
    """Neither a button nor a short text."""
    types = TYPE.replace('"telegram", ', "")
    catalog = made(tmp_path, body="word " * 2000, types=types)
    assert telegram_check.check(catalog) == []
    assert problems(tmp_path, types=types, en=EN.replace('button = "Open"', "")) == []


KEYS = [
    ("order/{{ number }}", []),
    ("{{ order }}", ['order.paid in en: sample: collapse_key needs the field "order"']),
    (
        "{% if number == 8 %}x{% endif %}",
        ["order.paid in en: collapse_key: comes out empty or longer than 200 characters with the sample"],
    ),
    (
        "x" * 201,
        ["order.paid in en: collapse_key: comes out empty or longer than 200 characters with the sample"],
    ),
]


@pytest.mark.parametrize(("key", "expected"), KEYS)
def test_a_key_by_which_nothing_is_edited_is_told(tmp_path: Path, key: str, expected: list[str]) -> None:
    """Once, for it is rendered in the default language alone."""
    assert problems(tmp_path, types=TYPE + f"collapse_key = '{key}'\n") == expected
