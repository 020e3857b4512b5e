"""Vestnik's own events: from the record of an attempt to somebody's inbox."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from inapp import page
from outbox.catalog.load import Catalog, load
from outbox.database.connection import Connection, connect
from outbox.delivery.decision import Policy
from outbox.delivery.outcome import Reason, Unknown
from outbox.event_log.own_event import CHAT_REFUSED, DELIVERY_HELD, OwnEvent, chat_refused, delivery_held, emit_all
from outbox.person.recipient import Profile, save
from outbox.proof.completeness import prove
from outbox.recording import record
from outbox.relay.fan_out import peek, step
from outbox.relay.routing import routes_of
from tests.integration.runs import states
from tests.integration.stage import MARKETPLACE, TYPE, Stage, until_true
from tests.integration.test_lane import OVER, blocked, claim_one, ended, queue

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
HOLD = Policy(on_unknown="hold")
HELD_EN = "Nobody knows whether a message arrived: payout.paid"
HELD_RU = "Неизвестно, дошло ли сообщение: payout.paid"
REFUSED_EN = "Telegram messages no longer reach your chat"
REFUSED_RU = "Сообщения Telegram больше не доходят до вашего чата"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """Load a catalog that does not mention them."""
    return load(MARKETPLACE / "catalog")


def held(type_: str = "payout.paid", *operators: str, moment: datetime = NOON) -> OwnEvent:
    """Make the event for the operators."""
    told = delivery_held(type_, operators or ("op-1",), moment)
    assert told is not None
    return told


async def titles(conn: Connection, catalog: Catalog, recipient: str) -> list[str]:
    """Relay what is there and read the inbox of one recipient, newest first."""
    await step(conn, routes_of(catalog))
    return [shown.title for shown in (await page(conn, catalog, recipient)).notifications]


async def emitted(conn: Connection) -> list[tuple[str, list[str]]]:
    """List type and recipients of all own events."""
    rows = await conn.fetch("select type, recipients from outbox.event where type like 'vestnik.%' order by id")
    return [(row["type"], row["recipients"]) for row in rows]


async def test_each_operator_reads_it_in_their_language(conn: Connection, catalog: Catalog) -> None:
    """A held delivery becomes one unread notification for each operator, in Russian, in English or in the default."""
    await save(conn, [Profile("op-ru", locale="ru"), Profile("op-en", locale="en-GB")])
    await emit_all(conn, [held("payout.paid", "op-ru", "op-en", "op-unknown")])
    assert await titles(conn, catalog, "op-en") == [HELD_EN]
    assert await titles(conn, catalog, "op-ru") == [HELD_RU]
    assert await titles(conn, catalog, "op-unknown") == [HELD_RU]
    (shown,) = (await page(conn, catalog, "op-en")).notifications
    assert (shown.type, shown.category, shown.link) == (DELIVERY_HELD, "vestnik", None)
    assert shown.body.endswith("See all that wait: vestnik unknown list")
    assert await conn.fetchval("select unread from outbox.inbox where recipient = 'op-en'") == 1
    assert await conn.fetchval("select count(*) from outbox.delivery") == 0
    assert (await prove(conn, LONG_AGO)).holds


async def test_a_recipient_reads_that_their_chat_refuses(conn: Connection, catalog: Catalog) -> None:
    """The person whose chat may not be written to finds it in the inbox."""
    await save(conn, [Profile("anna", locale="en", chat_id=1001)])
    await emit_all(conn, [chat_refused("anna", 17)])
    assert await titles(conn, catalog, "anna") == [REFUSED_EN]


async def test_an_outage_tells_once_an_hour(conn: Connection, catalog: Catalog) -> None:
    """A thousand held deliveries of one type in one hour are one event; another type or hour is another."""
    await emit_all(conn, [held(moment=NOON + timedelta(seconds=number)) for number in range(1000)])
    await emit_all(conn, [held(moment=NOON + timedelta(minutes=59)), held("dispute.opened")])
    await emit_all(conn, [held(moment=NOON + timedelta(hours=1))])
    assert await emitted(conn) == [(DELIVERY_HELD, ["op-1"])] * 3
    assert len(await titles(conn, catalog, "op-1")) == 3


async def test_events_of_different_shape_go_in_one_statement(conn: Connection) -> None:
    """Several operators here and one recipient there, with any characters in their ids."""
    odd = 'o"p,{}\\ Анна'
    await emit_all(conn, [held("payout.paid", "op-1", odd), chat_refused(odd, 1), chat_refused("anna", 2)])
    assert sorted(await emitted(conn)) == [
        (CHAT_REFUSED, ["anna"]),
        (CHAT_REFUSED, [odd]),
        (DELIVERY_HELD, ["op-1", odd]),
    ]


async def test_nothing_to_tell_asks_nothing(conn: Connection) -> None:
    """Without an event there is no statement."""
    seen: list[object] = []
    conn.add_query_logger(seen.append)
    await emit_all(conn, [])
    assert seen == []


@pytest.mark.parametrize("order", ["ab", "ba"])
async def test_two_writers_never_wait_for_each_other(conn: Connection, database_url: str, order: str) -> None:
    """Who tells the same two things in another order waits for the first, and neither is a deadlock's victim."""
    other = await connect(database_url)
    async with conn.transaction():
        await emit_all(conn, [held("a")])
        second = asyncio.create_task(emit_all(other, [held(type_) for type_ in order]))
        await blocked(conn, second)
        await emit_all(conn, [held("b")])
    await second
    await other.close()
    assert len(await emitted(conn)) == 2


async def test_an_operator_can_be_forgotten(conn: Connection, catalog: Catalog) -> None:
    """Nothing names a forgotten operator any more, the others keep theirs, and everything still adds up."""
    await emit_all(conn, [held("payout.paid", "op-gone", "op-1"), held("dispute.opened", "op-gone")])
    assert len(await titles(conn, catalog, "op-gone")) == 2
    await conn.execute("select outbox.forget('op-gone')")
    assert await titles(conn, catalog, "op-gone") == []
    assert await titles(conn, catalog, "op-1") == [HELD_RU]
    named = "select count(*) from outbox.event e where strpos(e::text, 'op-gone') > 0"
    assert await conn.fetchval(named) == 0
    assert (await prove(conn, LONG_AGO)).holds


async def test_a_held_delivery_tells_once(conn: Connection) -> None:
    """The record that holds a delivery writes its event; a second record of the same attempt writes nothing."""
    await queue(conn, ["anna"])
    finish = ended(await claim_one(conn), Unknown(Reason.LOST_ANSWER), HOLD, tell=(held("login.code"),))
    await record.record(conn, [finish])
    await record.record(conn, [finish])
    assert await states(conn) == [("unknown", "lost_answer")]
    assert await emitted(conn) == [(DELIVERY_HELD, ["op-1"])]


async def test_a_lost_lease_tells_nothing(conn: Connection) -> None:
    """An attempt whose lease was lost leaves no event: whoever took the lane over tells of it."""
    await queue(conn, ["anna"])
    late = await claim_one(conn, lease=OVER)
    await conn.execute("update outbox.run set id = default where lease_until is not null")
    finish = ended(late, Unknown(Reason.LOST_ANSWER), HOLD, tell=(held("login.code"), chat_refused("anna", 1)))
    recorded = await record.record(conn, [finish])
    assert recorded.won == frozenset()
    assert await emitted(conn) == []


async def test_event_and_record_are_one_transaction(conn: Connection) -> None:
    """Where the event cannot be written the attempt is not recorded either."""
    await queue(conn, ["anna"])
    nobody = OwnEvent(DELIVERY_HELD, (), {}, "k")
    finish = ended(await claim_one(conn), Unknown(Reason.LOST_ANSWER), HOLD, tell=(nobody,))
    with pytest.raises(asyncpg.InvalidParameterValueError, match="no recipients"):
        await record.record(conn, [finish])
    assert await states(conn) == [("sending", None)]


def with_hold(folder: Path) -> Path:
    """Copy the catalog, with a type that must not arrive twice."""
    shutil.copytree(MARKETPLACE / "catalog", folder)
    file = folder / "catalog.toml"
    section = f'[types."{TYPE}"]\n'
    file.write_text(
        file.read_text(encoding="utf-8").replace(section, f'{section}on_unknown = "hold"\n'), encoding="utf-8"
    )
    return folder


async def test_a_worker_tells_operator_and_owner(stage: Stage, catalog: Catalog) -> None:
    """A lost answer to a type that holds is in the operator's inbox, a chat without rights in its owner's."""
    await stage.people({"anna": 1001, "boris": 1002})
    no_rights = "Bad Request: not enough rights to send text messages to the chat"
    await stage.order("POST", "faults", {"kind": "close_after_delivery", "chat_id": 1001})
    await stage.order("POST", "faults", {"kind": "error", "code": 400, "description": no_rights, "chat_id": 1002})
    folder = with_hold(stage.folder / "catalog")
    with stage.watching(OPERATORS="op-1", CATALOG_DIR=str(folder)):
        await stage.emit(1, "anna", "boris")

        async def told() -> bool:
            return len(await emitted(stage.conn)) == 2 and not await peek(stage.conn, routes_of(catalog))

        await until_true(told)
    assert await titles(stage.conn, catalog, "op-1") == [HELD_RU]
    assert REFUSED_RU in await titles(stage.conn, catalog, "boris")
    assert await stage.states() == {"unknown": 1, "dead": 1}
