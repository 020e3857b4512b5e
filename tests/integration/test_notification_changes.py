"""What a live stream asks: what has happened in many inboxes since the version that each of them knows."""

from typing import NamedTuple

import pytest

from inapp import changes, render
from inapp.notification import NEWEST
from inapp.notification_text import NotificationText
from inapp.reading import read_all, read_one
from outbox.database.connection import Connection
from outbox.person.recipient import Profile, save
from tests.integration.inboxes import CATALOG, counted, ids, notify


class Told(NamedTuple):
    """What is told of one inbox."""

    unread: int
    version: int
    changed: list[tuple[int, bool]]
    """Id, and whether it has been read."""
    complete: bool


async def tell(conn: Connection, *asked: tuple[str, int]) -> list[Told]:
    """Ask, and read the answers."""
    found = await changes(conn, CATALOG, asked)
    assert [one.recipient for one in found] == [recipient for recipient, _ in asked]
    return [
        Told(one.unread, one.version, [(n.id, n.read_at is not None) for n in one.notifications], one.complete)
        for one in found
    ]


async def test_what_came_is_told_newest_first(conn: Connection) -> None:
    """A stream that knows a version is told what came after it, and the counter and version of the same moment."""
    await notify(conn, 3, "ann")
    a, b, c = await ids(conn, "ann")
    assert await tell(conn, ("ann", 0), ("ann", 2), ("ann", 3)) == [
        Told(3, 3, [(c, False), (b, False), (a, False)], complete=True),
        Told(3, 3, [(c, False)], complete=True),
        Told(3, 3, [], complete=True),
    ]


async def test_what_was_read_is_told_again(conn: Connection) -> None:
    """A notification that was known and has been read since is told as read, beside what came."""
    await notify(conn, 3, "ann")
    a, b, c = await ids(conn, "ann")
    await read_one(conn, "ann", a)
    await notify(conn, 1, "ann")
    *_, d = await ids(conn, "ann")
    assert await tell(conn, ("ann", 3), ("ann", 4), ("ann", 0)) == [
        Told(3, 5, [(d, False), (a, True)], complete=True),
        Told(3, 5, [(d, False)], complete=True),
        Told(3, 5, [(d, False), (c, False), (b, False), (a, True)], complete=True),
    ]


async def test_what_came_and_was_read_is_one_that_explains_two_versions(conn: Connection) -> None:
    """A notification that came and was read since is told once, and nothing is missing; so are those read together."""
    await notify(conn, 2, "ann")
    await notify(conn, 2, "ann")
    a, b, c, d = await ids(conn, "ann")
    await read_one(conn, "ann", d)
    assert await tell(conn, ("ann", 2)) == [Told(3, 5, [(d, True), (c, False)], complete=True)]
    await read_all(conn, "ann")
    assert await tell(conn, ("ann", 2), ("ann", 5)) == [
        Told(0, 8, [(d, True), (c, True), (b, True), (a, True)], complete=True),
        Told(0, 8, [(c, True), (b, True), (a, True)], complete=True),
    ]


async def test_more_than_the_newest_tell_is_not_complete(conn: Connection) -> None:
    """Where more has changed than the newest notifications tell, none is told, and the answer says so."""
    await notify(conn, NEWEST + 2, "ann")
    oldest, second, third, *_ = await ids(conn, "ann")
    (all_told, one_less, as_many) = await tell(conn, ("ann", 0), ("ann", 1), ("ann", 2))
    assert (all_told, one_less) == (Told(52, 52, [], complete=False), Told(52, 52, [], complete=False))
    assert (len(as_many.changed), as_many.complete) == (50, True)
    # one among the newest fifty, and one that is older
    await read_one(conn, "ann", third)
    assert await tell(conn, ("ann", 52)) == [Told(51, 53, [(third, True)], complete=True)]
    await read_one(conn, "ann", second)
    assert await tell(conn, ("ann", 52), ("ann", 53)) == [Told(50, 54, [], complete=False)] * 2
    await read_all(conn, "ann", oldest)
    await notify(conn, 1, "ann")
    assert await tell(conn, ("ann", 54)) == [Told(50, 56, [], complete=False)]
    assert (await tell(conn, ("ann", 55)))[0].complete


async def test_a_version_ahead_of_its_inbox_is_not_complete(conn: Connection) -> None:
    """A version that the inbox has not reached, or that is of a forgotten one, asks for the first page anew."""
    await notify(conn, 2, "ann")
    assert await tell(conn, ("ann", 3), ("eve", 0), ("eve", 1)) == [
        Told(2, 2, [], complete=False),
        Told(0, 0, [], complete=True),
        Told(0, 0, [], complete=False),
    ]
    await conn.execute("select outbox.forget('ann')")
    assert await tell(conn, ("ann", 2)) == [Told(0, 0, [], complete=False)]


async def test_nobody_asks_nothing(conn: Connection) -> None:
    """Without streams there is nothing to tell."""
    assert await tell(conn) == []


async def test_a_broadcast_is_rendered_once_in_each_language(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """What five hundred people were sent is rendered once for each language that they read, and reaches each."""
    people = [f"u{number}" for number in range(500)]
    await save(conn, [Profile(who, locale="en" if number % 2 else "ru") for number, who in enumerate(people)])
    await notify(conn, 1, *people)
    rendered = []

    def count(*given: object) -> NotificationText:
        rendered.append(given)
        return render(*given)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr("inapp.notification.render", count)
    found = await changes(conn, CATALOG, [(who, 0) for who in people])
    titles = [told.notifications[0].title for told in found]
    assert titles == ["Выплата отправлена: 10,00\N{NO-BREAK SPACE}₽", "Payout sent: 10.00\N{NO-BREAK SPACE}RUB"] * 250
    assert len(rendered) == 2


async def test_no_history_is_told_wrongly(conn: Connection) -> None:
    """Whatever came and was read in whatever order: complete is exactly what has changed since that version."""
    history = {0: await state(conn)}
    for step in STEPS:
        if step > 0:
            await notify(conn, step, "ann")
        else:
            known = await ids(conn, "ann")
            await read_all(conn, "ann", known[step]) if step < -NEWEST else await read_one(conn, "ann", known[step])
        if await ids(conn, "ann"):
            history[(await counted(conn, "ann"))[1]] = await state(conn)
    now, last = await state(conn), max(history)
    newest = (await ids(conn, "ann"))[-NEWEST:]
    for version, before in history.items():
        (told,) = await tell(conn, ("ann", version))
        changed = sorted(((id_, read) for id_, read in now.items() if before.get(id_) != read), reverse=True)
        reach = all(id_ in newest for id_, _ in changed)
        assert told == Told(list(now.values()).count(False), last, changed if reach else [], complete=reach), version


STEPS = [3, -1, 2, -4, 40, -2, -30, 25, -1, -58, -3, 1, -51, -5, 4, -50, -49, -53, 2, -2, -1]
"""So many came (one transaction); or the one so far from the newest was read; or, from far, all up to it."""


async def state(conn: Connection) -> dict[int, bool]:
    """Tell of each notification whether it has been read."""
    rows = await conn.fetch("select id, read_at from outbox.notification where recipient = 'ann' order by id")
    return {row["id"]: row["read_at"] is not None for row in rows}
