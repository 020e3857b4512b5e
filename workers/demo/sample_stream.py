"""The sample stream, and the comparison of what came of it with what must come of it."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from outbox.database.connection import Connection

FOLDER = Path(str(files("workers"))) / "demo" / "marketplace"
EVENTS = FOLDER / "events.jsonl"
RECIPIENTS = FOLDER / "recipients.jsonl"
CATALOG = FOLDER / "catalog"
EMITS = 2_000
"""Lines of the stream; some events are emitted twice."""


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """One person of the sample."""

    recipient: str
    chat_id: int | None
    chat: str
    """State of the chat: started, blocked, deactivated; none: not linked."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the demo's table."""

    what: str
    expected: object
    found: object

    @property
    def differs(self) -> bool:
        """Tell whether it is not what it must be."""
        return self.expected != self.found


@dataclass(slots=True)
class Arrived:
    """What the simulator says that people see: the numbers of the sample's events in each chat, oldest first."""

    chats: dict[str, list[int]] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        """Count all messages."""
        return sum(len(numbers) for numbers in self.chats.values())


def people() -> list[SamplePerson]:
    """Read the sample's people."""
    lines = [json.loads(line) for line in RECIPIENTS.read_text(encoding="utf-8").splitlines()]
    return [SamplePerson(line["recipient"], line["chat_id"], line["chat"]) for line in lines]


def expectation() -> dict[str, Any]:
    """Read what must come of the sample."""
    found: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
    return found


def number_of(message: Mapping[str, Any]) -> int:
    """Tell which of the sample's events a message shows: its button links to /jobs/NUMBER."""
    url = message["reply_markup"]["inline_keyboard"][0][0]["url"]
    return int(url.rsplit("/", 1)[-1])


def in_order(chats: Mapping[str, Sequence[int]]) -> tuple[int, int]:
    """Count the started chats whose messages are exactly the expected ones in order; and all of them."""
    wanted = {
        who: [int(key.rsplit(":", 1)[-1]) for key in keys]
        for who, keys in expectation()["telegram_order_of_started"].items()
    }
    return sum(list(chats.get(who, [])) == numbers for who, numbers in wanted.items()), len(wanted)


# what PostgreSQL says of Telegram, by the chat's state in the sample
DELIVERIES = """
select p.chat, d.state, count(*)
from outbox.delivery d join unnest($1::text[], $2::text[]) p (recipient, chat) on p.recipient = d.recipient
where d.channel = 'telegram' group by 1, 2
"""

COUNTS = """
select (select count(*) from outbox.event) as events,
  (select count(*) from outbox.notification) as notifications,
  (select coalesce(sum(unread), 0)::bigint from outbox.inbox) as unread
"""


async def compare(conn: Connection, arrived: Arrived) -> list[Comparison]:
    """Compare events, notifications, deliveries by state of the chat, order and doubles."""
    wanted = expectation()
    known = people()
    counts = await conn.fetchrow(COUNTS)
    if counts is None:  # a select without a table always answers
        raise AssertionError
    by_chat: dict[str, Counter[str]] = defaultdict(Counter)
    for chat, state, count in await conn.fetch(
        DELIVERIES, [person.recipient for person in known], [person.chat for person in known]
    ):
        by_chat[chat][state] += count
    telegram = wanted["telegram"]
    right, chats = in_order(arrived.chats)
    doubles = sum(len(numbers) - len(set(numbers)) for numbers in arrived.chats.values())
    return [
        Comparison("events", wanted["events"], counts["events"]),
        Comparison("in-app notifications", wanted["inapp_notifications"], counts["notifications"]),
        Comparison("in-app unread counters, added up", wanted["inapp_notifications"], counts["unread"]),
        Comparison("Telegram: to started chats, sent", telegram["to_started"], by_chat["started"]["sent"]),
        Comparison("Telegram: messages that people see", telegram["to_started"], arrived.messages),
        Comparison("Telegram: chats in order", chats, right),
        Comparison("Telegram: messages twice", 0, doubles),
        *(
            Comparison(f"Telegram: to {name} chats, dead or skipped", telegram[f"to_{name}"], _ended(by_chat[name]))
            for name in ("blocked", "deactivated")
        ),
        Comparison("Telegram: to unlinked people, skipped", telegram["to_unlinked"], by_chat["none"]["skipped"]),
    ]


def _ended(states: Mapping[str, int]) -> int:
    return states.get("dead", 0) + states.get("skipped", 0)
