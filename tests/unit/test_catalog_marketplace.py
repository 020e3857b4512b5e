import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from inapp.notification_text import NotificationText, render
from outbox.catalog import sample_check as plain_check
from outbox.catalog.load import Catalog, Markup, load
from outbox.delivery.channel import Channel
from telegram import catalog_check as telegram_check
from telegram.message import Button, Message, compose
from tests.unit.strict_html import read

MARKETPLACE = Path(__file__).parents[2] / "examples" / "marketplace"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """Load the example."""
    return load(MARKETPLACE / "catalog")


def events() -> Iterator[dict[str, Any]]:
    """Read the sample stream."""
    with (MARKETPLACE / "events.jsonl").open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def test_the_example_has_no_problems(catalog: Catalog) -> None:
    """What `vestnik catalog check` would tell."""
    assert plain_check.check(catalog) == []
    assert telegram_check.check(catalog) == []


def test_five_types_go_to_telegram_and_all_into_the_inbox(catalog: Catalog) -> None:
    """The channels are those that the sample's expectation names."""
    both = {"invitation.created", "application.accepted", "submission.reviewed", "payout.paid", "dispute.opened"}
    inbox = {"application.received", "escrow.funded", "job.closed", "message.created", "review.received"}
    assert {name for name, known in catalog.types.items() if Channel.TELEGRAM in known.channels} == both
    own = {"vestnik.delivery_held", "vestnik.chat_refused", "vestnik.chat_displaced"}
    assert {name for name, known in catalog.types.items() if Channel.INAPP in known.channels} == both | inbox | own
    assert set(json.loads((MARKETPLACE / "expected.json").read_text(encoding="utf-8"))["telegram_types"]) == both


def test_money_and_disputes_are_urgent(catalog: Catalog) -> None:
    """They use the share of the rate that is kept free; an invitation ends after a week."""
    assert {name for name, known in catalog.types.items() if known.urgent} == {"payout.paid", "dispute.opened"}
    assert {name for name, known in catalog.types.items() if known.sensitive} == {"dispute.opened"}
    assert catalog.types["invitation.created"].ttl == timedelta(days=7)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_line_of_the_stream_becomes_a_message(catalog: Catalog, language: str) -> None:
    """Markup in names, emoji, right-to-left and 9,000 characters: valid HTML with a button, within the limits."""
    for event in events():
        message = compose(catalog, event["type"], language, event["payload"])
        text, tags = read(message.text)
        assert len(text) <= 4096
        assert len(message.text.encode()) <= 32_768
        assert tags[0] == "b"
        assert message.button is not None
        assert message.button.url == f"https://market.example{event['payload']['url']}"


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_line_of_the_stream_becomes_a_notification(catalog: Catalog, language: str) -> None:
    """In plain text the payload's words stand as they were written."""
    for event in events():
        payload = event["payload"]
        shown = render(catalog, event["type"], language, payload)
        plain = catalog.render(event["type"], language, payload, Markup.PLAIN)
        assert (shown.body, shown.link) == (plain.body, f"https://market.example{payload['url']}")
        for name in {"job", "brand", "from", "text"} & set(payload):
            assert payload[name] in f"{shown.title}\n{shown.body}"


def test_a_payout_in_russian(catalog: Catalog) -> None:
    """The amount as Russians write it, template syntax in a name as it stands."""
    payload = {"job": "Тест {{ 7*7 }}", "brand": "M&M's", "amount": "978897.91", "currency": "RUB", "url": "/jobs/4"}
    assert compose(catalog, "payout.paid", "ru", payload) == Message(
        text="<b>Выплата отправлена: 978\u00a0897,91\u00a0₽</b>\n\n"
        "Задание: <b>Тест {{ 7*7 }}</b> (M&amp;M&#39;s).\n\n#Деньги",
        button=Button("Подробнее о выплате", "https://market.example/jobs/4"),
        tail="\n\n#Деньги",
    )


@pytest.mark.parametrize(
    ("verdict", "title"),
    [
        ("approved", "Work approved: Reels"),
        ("changes_requested", "Changes requested: Reels"),
        ("escalated", "Work reviewed: Reels"),
    ],
)
def test_a_review_says_its_verdict(catalog: Catalog, verdict: str, title: str) -> None:
    """A verdict that the texts do not know yet is told in general words."""
    payload = {"job": "Reels", "brand": "Acme", "verdict": verdict, "text": "a < b", "url": "/jobs/2"}
    shown = NotificationText(title, "Comment from Acme:\na < b", "https://market.example/jobs/2")
    assert render(catalog, "submission.reviewed", "en", payload) == shown
