"""POST /api/notifications/{id}/read and read-all: rows, counter and version move together, once."""

import asyncio
from collections.abc import Collection

import pytest

from inapp.reading import read_all, read_one
from inapp.signal import Signal
from outbox.database.connection import Connection, connect
from outbox.event_log import event
from outbox.relay import fan_out
from tests.integration.api_stage import ApiStage
from tests.integration.inboxes import ROUTES, counted, ids, notify
from tests.integration.stage import TYPE, payload, until_true

PATH = "/api/notifications"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List whom signals name."""
    named: list[str] = []

    def send(_: Signal, recipients: Collection[str]) -> None:
        named.extend(recipients)

    monkeypatch.setattr(Signal, "send", send)
    return named


async def test_reading_one_moves_row_counter_and_version(api: ApiStage, conn: Connection, told: list[str]) -> None:
    """Reading a notification leaves one unread less and one version more, and tells the person's other windows."""
    await notify(conn, 3, "ann", "bob")
    _, second, _ = await ids(conn, "ann")
    reply = await api.post(f"{PATH}/{second}/read", as_="ann")
    assert (reply.status, reply.data) == (200, {"unread": 2, "version": 4, "changed": 1})
    assert await counted(conn, "ann") == (2, 4, 2)
    assert await counted(conn, "bob") == (3, 3, 3)
    shown = (await api.get(PATH, as_="ann")).data["notifications"]
    assert [one["readAt"] is None for one in shown] == [True, False, True]
    assert shown[1]["readAt"] >= shown[1]["createdAt"]
    assert told == ["ann"]


async def test_reading_again_changes_nothing(api: ApiStage, conn: Connection, told: list[str]) -> None:
    """Reading what is read already answers how the inbox stands, and leaves row, counter and version alone."""
    await notify(conn, 2, "ann")
    first, _ = await ids(conn, "ann")
    await api.post(f"{PATH}/{first}/read", as_="ann")
    before = await conn.fetch("select * from outbox.notification order by id")
    reply = await api.post(f"{PATH}/{first}/read", as_="ann")
    assert (reply.status, reply.data) == (200, {"unread": 1, "version": 3, "changed": 0})
    assert await conn.fetch("select * from outbox.notification order by id") == before
    assert told == ["ann"]


async def test_reading_all_counts_a_version_for_each(api: ApiStage, conn: Connection, told: list[str]) -> None:
    """Reading all leaves nothing unread and counts one version for each that was; again, it changes nothing."""
    await notify(conn, 3, "ann", "bob")
    first, _, _ = await ids(conn, "ann")
    await api.post(f"{PATH}/{first}/read", as_="ann")
    reply = await api.post(f"{PATH}/read-all", as_="ann")
    assert (reply.status, reply.data) == (200, {"unread": 0, "version": 6, "changed": 2})
    assert await counted(conn, "ann") == (0, 6, 0)
    again = await api.post(f"{PATH}/read-all", as_="ann", json={})
    assert (again.status, again.data) == (200, {"unread": 0, "version": 6, "changed": 0})
    assert await counted(conn, "bob") == (3, 3, 3)
    assert told == ["ann", "ann"]


async def test_reading_up_to_one_leaves_what_came_after_it(api: ApiStage, conn: Connection) -> None:
    """Reading all up to an id leaves newer notifications unread; a null is all of them."""
    await notify(conn, 4, "ann")
    _, second, _, _ = await ids(conn, "ann")
    reply = await api.post(f"{PATH}/read-all", as_="ann", json={"upTo": second})
    assert reply.data == {"unread": 2, "version": 6, "changed": 2}
    shown = (await api.get(PATH, as_="ann")).data["notifications"]
    assert [one["readAt"] is None for one in shown] == [True, True, False, False]
    for nothing in (-1, 0, -(2**80)):
        assert (await api.post(f"{PATH}/read-all", as_="ann", json={"upTo": nothing})).data["changed"] == 0
    reply = await api.post(f"{PATH}/read-all", as_="ann", json={"upTo": None})
    assert reply.data == {"unread": 0, "version": 8, "changed": 2}


async def test_an_empty_inbox_can_be_read(api: ApiStage, told: list[str]) -> None:
    """Reading all of an inbox that never got anything changes nothing and is no fault."""
    reply = await api.post(f"{PATH}/read-all", as_="ann", json={"upTo": 2**80})
    assert (reply.status, reply.data) == (200, {"unread": 0, "version": 0, "changed": 0})
    assert told == []


async def test_nobody_reads_another_persons(api: ApiStage, conn: Connection, told: list[str]) -> None:
    """Another person's notification is not found, exactly as one that does not exist, and stays unread."""
    await notify(conn, 1, "ann", "bob")
    (of_bob,) = await ids(conn, "bob")
    theirs = await api.post(f"{PATH}/{of_bob}/read", as_="ann")
    missing = await api.post(f"{PATH}/{of_bob + 1000}/read", as_="ann")
    assert (theirs.status, theirs.code, theirs.message) == (missing.status, missing.code, missing.message)
    assert (theirs.status, theirs.code) == (404, "NOT_FOUND")
    assert await counted(conn, "bob") == (1, 1, 1)
    assert told == []


IDS = [("0", 404), ("-1", 404), (str(2**63), 404), ("9" * 400, 404), ("one", 422), ("1.5", 422)]


async def test_an_id_that_cannot_be_is_no_fault_of_the_server(api: ApiStage) -> None:
    """An id beyond every number that PostgreSQL has is not found; one that is no number is refused."""
    for id_, status in IDS:
        assert (await api.post(f"{PATH}/{id_}/read", as_="ann")).status == status


async def test_a_body_that_is_none_is_refused(api: ApiStage, conn: Connection) -> None:
    """What to read must be said in JSON; else nothing is read."""
    await notify(conn, 1, "ann")
    headers = {"Content-Type": "application/json"}
    for body in ("nonsense", '{"upTo": "x"}', "[]", '{"upTo": 1.5}'):
        reply = await api.post(f"{PATH}/read-all", as_="ann", data=body, headers=headers)
        assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
    assert await counted(conn, "ann") == (1, 1, 1)


async def test_without_a_token_nothing_is_shown_or_read(api: ApiStage) -> None:
    """Each of them needs the person's token; the application's secret is none."""
    for verb, path in (("GET", ""), ("POST", "/1/read"), ("POST", "/read-all")):
        assert (await api.call(verb, PATH + path)).code == "UNAUTHORIZED"
        assert (await api.application(verb, PATH + path)).code == "UNAUTHORIZED"


async def waiting(conn: Connection) -> bool:
    """Tell whether a statement waits for a lock in this database."""
    found: bool = await conn.fetchval(
        "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
    )
    return found


async def test_two_who_read_the_same_count_it_once(conn: Connection, database_url: str) -> None:
    """Who waits for another's reading of the same notifications finds them read, and counts only the others."""
    await notify(conn, 3, "ann")
    first, _, _ = await ids(conn, "ann")
    other, third = await connect(database_url), await connect(database_url)
    async with other.transaction():
        assert (await read_one(other, "ann", first)) is not None
        reading = asyncio.create_task(read_all(third, "ann"))
        await until_true(lambda: waiting(conn))
    done = await reading
    assert (done.unread, done.version, done.changed) == (0, 6, 2)
    assert await counted(conn, "ann") == (0, 6, 0)
    await other.close()
    await third.close()


async def test_reading_waits_for_the_relay_before_it_touches_a_row(conn: Connection, database_url: str) -> None:
    """Who reads while something comes waits at the inbox, holds no row meanwhile, and leaves what came unread."""
    await notify(conn, 2, "ann")
    relaying, reader = await connect(database_url), await connect(database_url)
    await event.emit(conn, TYPE, ["ann"], payload(3))
    async with relaying.transaction():
        await fan_out.step(relaying, ROUTES)
        reading = asyncio.create_task(read_all(reader, "ann"))
        await until_true(lambda: waiting(conn))
        await conn.execute("select from outbox.notification where recipient = 'ann' for update nowait")
    done = await reading
    assert (done.unread, done.version, done.changed) == (1, 5, 2)
    rows = await conn.fetch("select version, read_version from outbox.notification order by id")
    assert [tuple(row) for row in rows] == [(1, 4), (2, 4), (3, None)]
    await relaying.close()
    await reader.close()
