"""An installation in the middle of its work, with a row of every kind that a backup or a transfer has to keep."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outbox.catalog.load import load
from outbox.cursor import consumer
from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Decision
from outbox.delivery.outcome import Delivered, Outcome, Reason, Reject
from outbox.delivery.state import State
from outbox.event_log import event
from outbox.lane import lane_claim
from outbox.recording import record
from outbox.recording.record import Finish
from outbox.relay import fan_out
from outbox.relay.routing import routes_of
from outbox.transfer import table
from outbox.transfer.table import Total
from tests.conftest import SETTINGS
from tests.integration.stage import MARKETPLACE, TYPE, Stage, payload
from workers.embedded import engine
from workers.embedded.engine import Postgres

PEOPLE = {"anna": 11, "boris": 12}
SENT, WAITING, UNRELAYED, SCHEDULED = (0, 1), (2,), (3, 4), 5
"""Numbers of the messages to both that stand so."""
TO_RELAY = 3
"""Events that a rebase gives the relay: also the scheduled one, which the named consumer has not read."""
STATES = {"sent": 4, "pending": 1, "sending": 1, "dead": 1, "skipped": 1}
BRANCH = timedelta(hours=1)
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


async def leave_at_work(stage: Stage) -> None:
    """Leave sent, waiting, leased, dead and skipped deliveries, events not relayed and scheduled, and a consumer."""
    await stage.people({**PEOPLE, "dora": 13})
    for number in SENT:
        await stage.emit(number, *PEOPLE)
        await _end(stage.conn, Delivered(70 + number), Decision(State.SENT, 1))
    await stage.emit(9, "dora", "nobody-linked")
    await _end(stage.conn, Reject(Reason.BAD_MESSAGE), Decision(State.DEAD, 1, Reason.BAD_MESSAGE))
    for number in WAITING:
        await stage.emit(number, *PEOPLE)
    at = datetime.now(UTC) + timedelta(hours=1)
    await event.emit(stage.conn, TYPE, list(PEOPLE), payload(SCHEDULED), deliver_at=at)
    await relay_all(stage.conn)
    assert len(await lane_claim.claim(stage.conn, Channel.TELEGRAM, 1)) == 1
    await _read_half(stage.conn)
    await stage.conn.execute("select outbox.forget('gone')")
    await stage.conn.execute("select setval('outbox.relay_asleep', 1, true)")
    for number in UNRELAYED:
        await stage.emit(number, *PEOPLE)
    assert await stage.states() == STATES


async def relay_all(conn: Connection) -> None:
    """Relay until nothing is left to look at."""
    routes = routes_of(load(MARKETPLACE / "catalog"))
    while await fan_out.peek(conn, routes):
        await fan_out.step(conn, routes)


async def _end(conn: Connection, outcome: Outcome, decision: Decision) -> None:
    await relay_all(conn)
    claimed = await lane_claim.claim(conn, Channel.TELEGRAM, 10)
    await record.record(conn, [Finish(one, outcome, decision) for one in claimed])
    await conn.execute("update outbox.lane set ready_at = '-infinity', paced_until = '-infinity'")


async def _read_half(conn: Connection) -> None:
    """Let a named consumer ack two events and hold a third."""
    read = await consumer.pull(conn, "search", 2, BRANCH)
    assert read.batch is not None
    await consumer.ack(conn, "search", read.batch)
    assert len((await consumer.pull(conn, "search", 1, BRANCH)).events) == 1


async def hasten(conn: Connection) -> None:
    """End the lease and the hour that are waited for."""
    await conn.execute("update outbox.run set lease_until = now() where lease_until is not null")
    await conn.execute("update outbox.event set deliver_at = now() where deliver_at > now()")
    await conn.execute("update outbox.waiting set due_at = now() where reason = 'scheduled'")


async def delivered(stage: Stage) -> None:
    """Hold what the chats show, and every inbox, to what was left to do: nothing is lost and in-app nothing twice."""
    for chat_id in PEOPLE.values():
        assert sorted(await stage.arrived(chat_id)) == [*WAITING, *UNRELAYED, SCHEDULED]
    in_app = "select count(*) from outbox.notification where recipient = any($1) group by event_id, recipient"
    assert [row[0] for row in await stage.conn.fetch(in_app, list(PEOPLE))] == [1] * 12
    assert stage.run("prove").code == 0


async def totals(conn: Connection) -> dict[str, Total]:
    """Count and add up every table."""
    async with conn.transaction(readonly=True):
        return {each.name: await table.total(conn, each) for each in await table.tables(conn)}


def other_binaries(chosen: Path | None) -> Path | None:
    """Find a PostgreSQL of another version than the one of this run; the test is skipped where there is none."""
    if chosen is not None:
        return None
    if not DEBIAN:
        pytest.skip("no second PostgreSQL; on Debian: apt-get install postgresql-15")
    return DEBIAN[-1]


@contextmanager
def another(binaries: Path | None) -> Iterator[Postgres]:
    """Run another cluster, with nothing in it."""
    with engine.postgres(binaries=binaries, settings=SETTINGS) as server:
        yield server
