"""The judge: compares what was committed with what people have got, and names every fault."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from outbox.proof.completeness import Proof, prove
from tests.crash.catalog import HELD, TELEGRAM
from tests.crash.ledger import Emitted, Ledger
from tests.integration.stage import Stage

EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the database accounts for one Telegram message."""

    event_id: int
    recipient: str
    state: str
    resent: int = 0
    """How often it was sent again although it may have arrived."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is found when all is over."""

    arrived: Mapping[str, Sequence[int]]
    """Numbers of the messages that each person sees on Telegram, oldest first."""
    deliveries: Sequence[Delivery]
    shown: Mapping[str, Sequence[int]]
    """Event ids in each person's inbox, oldest first."""
    counted: Mapping[str, tuple[int, int]]
    """Unread counter and version of each person's inbox."""
    proof: Proof


DELIVERIES = """
select event_id, recipient, state,
  (select count(*) from outbox.attempt a where a.delivery_id = d.id and a.resent) as resent
from outbox.delivery d where channel = 'telegram'
"""
SHOWN = "select recipient, array_agg(event_id order by version) from outbox.notification group by 1"
COUNTED = "select recipient, unread, version from outbox.inbox"


async def gather(stage: Stage, chats: Mapping[str, int]) -> Evidence:
    """Ask the simulator and the database."""
    conn = stage.conn
    return Evidence(
        arrived={who: await stage.arrived(chat_id) for who, chat_id in chats.items()},
        deliveries=[Delivery(*row) for row in await conn.fetch(DELIVERIES)],
        shown=dict(await conn.fetch(SHOWN)),  # type: ignore[arg-type]  # a row of two is a pair
        counted={who: (unread, version) for who, unread, version in await conn.fetch(COUNTED)},
        proof=await prove(conn, EPOCH),
    )


def faults(ledger: Ledger, evidence: Evidence) -> list[str]:
    """Name everything that breaks a promise."""
    return [
        *_unaccounted(ledger, evidence.proof),
        *_inbox(ledger, evidence),
        *_telegram(ledger, evidence),
        *_order(ledger, evidence),
    ]


def check(ledger: Ledger, evidence: Evidence) -> None:
    """Fail with the name of everything that breaks a promise."""
    found = faults(ledger, evidence)
    assert not found, f"{len(found)} faults\n" + "\n".join(found)


def copies(evidence: Evidence) -> int:
    """Count the messages that arrived once more."""
    return sum(len(numbers) - len(set(numbers)) for numbers in evidence.arrived.values())


def resent(evidence: Evidence) -> int:
    """Count the messages that were sent again although they may have arrived."""
    return sum(delivery.resent for delivery in evidence.deliveries)


def _unaccounted(ledger: Ledger, proof: Proof) -> Iterator[str]:
    if not proof.holds:
        yield f"the proof does not hold: {proof.gaps}"
    if (proof.events, proof.waiting, proof.unrouted) != (len(ledger.committed), 0, 0):
        yield f"{len(ledger.committed)} events were committed; {proof}"


def _inbox(ledger: Ledger, evidence: Evidence) -> Iterator[str]:
    wanted = Counter((who, e.event_id) for e in ledger.committed for who in e.recipients)
    found = Counter((who, event_id) for who, ids in evidence.shown.items() for event_id in ids)
    for who, event_id in (wanted - found).elements():
        yield f"the inbox of {who} misses event {event_id}"
    for who, event_id in (found - wanted).elements():
        yield f"the inbox of {who} shows event {event_id} once too often"
    for who, ids in evidence.shown.items():
        if evidence.counted[who] != (len(ids), len(ids)):
            yield f"the inbox of {who} has {len(ids)} rows, unread counter and version are {evidence.counted[who]}"


def _telegram(ledger: Ledger, evidence: Evidence) -> Iterator[str]:
    found = {who: Counter(numbers) for who, numbers in evidence.arrived.items()}
    deliveries = {(delivery.event_id, delivery.recipient): delivery for delivery in evidence.deliveries}
    for emitted in ledger.committed:
        for who in emitted.recipients if emitted.type in TELEGRAM else ():
            delivery = deliveries.pop((emitted.event_id, who), None)
            fault = _message(emitted, found[who].pop(emitted.number, 0), delivery)
            if fault is not None:
                yield f"event {emitted.event_id} (number {emitted.number}) for {who}: {fault}; {delivery}"
    for delivery in deliveries.values():
        yield f"nobody has emitted {delivery}"
    for who, rest in found.items():
        for number in rest:
            taken_back = "was rolled back" if number in ledger.rolled_back else "was not for Telegram or this person"
            yield f"number {number} arrived at {who} and {taken_back}"


def _message(emitted: Emitted, times: int, delivery: Delivery | None) -> str | None:
    """Judge one message by how often it arrived."""
    if delivery is None:
        return "no delivery"
    if emitted.type == HELD:
        if times > 1:
            return f"is never to be sent again, and arrived {times} times"
        if delivery.resent:
            return "is never to be sent again, and was"
        return (
            None if delivery.state == "unknown" or (delivery.state, times) == ("sent", 1) else f"arrived {times} times"
        )
    if delivery.state != "sent" or times == 0:
        return f"arrived {times} times"
    return f"{times - 1} copies, of which only {delivery.resent} are counted" if times - 1 > delivery.resent else None


def _order(ledger: Ledger, evidence: Evidence) -> Iterator[str]:
    by_number = {emitted.number: emitted for emitted in ledger.committed}
    by_id = {emitted.event_id: emitted for emitted in ledger.committed}
    for who, numbers in evidence.arrived.items():
        first = [by_number[number] for number in dict.fromkeys(numbers) if number in by_number]
        yield from (f"{who} on Telegram: {pair}" for pair in inversions(first))
    for who, ids in evidence.shown.items():
        shown = [by_id[event_id] for event_id in ids if event_id in by_id]
        yield from (f"{who} in the inbox: {pair}" for pair in inversions(shown))


def inversions(arrived: Sequence[Emitted]) -> Iterator[str]:
    """Find events that came after one which can only have been committed later.

    Of two transactions that overlapped either may come first.
    """
    earliest: Emitted | None = None
    smallest: dict[int, int] = defaultdict(lambda: 2**63)
    for emitted in reversed(arrived):
        if earliest is not None and earliest.committed < emitted.begun:
            yield f"number {earliest.number} came after {emitted.number}, which began when it was committed"
        if smallest[emitted.transaction] < emitted.number:
            yield f"number {smallest[emitted.transaction]} came after {emitted.number} of the same transaction"
        smallest[emitted.transaction] = min(smallest[emitted.transaction], emitted.number)
        if earliest is None or emitted.committed < earliest.committed:
            earliest = emitted
