"""Pruning: what goes, what stays and why, and that everything still adds up."""

import asyncio
from collections import Counter
from dataclasses import astuple
from datetime import UTC, datetime, timedelta

import pytest

from inapp.reading import read_all
from outbox.cursor import consumer
from outbox.cursor.rebase import rebase
from outbox.database.connection import OUT_OF_REACH, Connection, Pool, connect
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Policy
from outbox.delivery.outcome import Delivered, Reason, Reject, Snooze, Unknown
from outbox.error import ForeignClusterError
from outbox.event_log import event
from outbox.lane import lane_claim
from outbox.operator import operator_action
from outbox.operator.operator_action import Action
from outbox.operator.stuck import Filter
from outbox.proof import completeness
from outbox.prune import event_prune
from outbox.prune.event_prune import Ages, Cutoff, Kept, Pruned, cutoff, prune
from outbox.recording import record
from tests.integration.lane_model import Ending, finish
from tests.integration.stage import until_true
from tests.integration.test_fan_out import counted, link, relay_all
from tests.integration.test_notification_read import waiting

AT_ONCE, HOUR = timedelta(0), timedelta(hours=1)
NOW = Ages(AT_ONCE, AT_ONCE)
YEAR = timedelta(days=365)
WAIT_FOR_READERS = Ages(AT_ONCE, YEAR)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SENT = Ending(Delivered(7))
TABLES = ("event", "batch", "waiting", "delivery", "attempt", "operator_action", "notification")
GONE = dict.fromkeys(TABLES, 0)


async def counts(conn: Connection) -> dict[str, int]:
    """Count the rows of what events become."""
    return {name: await conn.fetchval(f"select count(*) from outbox.{name}") for name in TABLES}  # noqa: S608 (ours)


async def events(conn: Connection) -> list[int]:
    """List the events that there are."""
    return [row["id"] for row in await conn.fetch("select id from outbox.event order by id")]


async def attempt(conn: Connection, ending: Ending = SENT, policy: Policy = Policy()) -> None:  # noqa: B008 (frozen)
    """Make one attempt in each due lane and end it so."""
    claimed = await lane_claim.claim(conn, Channel.TELEGRAM, 100)
    await record.record(conn, [finish(one, ending, policy) for one in claimed])


async def act(conn: Connection, action: Action) -> None:
    """Let an operator do this to all that is stuck."""
    await operator_action.carry_out(conn, await operator_action.plan(conn, action, Filter()), "olga")


async def tidy(conn: Connection, ages: Ages = NOW, *, dry_run: bool = False) -> Pruned:
    """Prune, and hold everything against the proof."""
    pruned = await prune(conn, await cutoff(conn, ages), dry_run=dry_run)
    found = await completeness.prove(conn, LONG_AGO)
    assert found.holds, found
    return pruned


async def delivered(conn: Connection, type_: str = "login.code", who: str = "anna", **more: str) -> int:
    """Emit one event, relay it and deliver it."""
    id_ = await event.emit(conn, type_, [who], **more)  # type: ignore[arg-type]  # keywords of one type
    await relay_all(conn)
    await attempt(conn)
    return id_


async def test_what_has_come_to_its_end_goes_whole(conn: Connection) -> None:
    """A delivered, read event goes with its deliveries, attempts, orders, notifications and its note in the ledger."""
    await link(conn, ["anna"])
    await event.emit(conn, "order.paid", ["anna", "boris"])
    await relay_all(conn)
    await attempt(conn, Ending(Snooze(AT_ONCE, Reason.PACE)))
    await attempt(conn, Ending(Reject(Reason.BAD_MESSAGE)))
    await act(conn, Action.REPLAY)
    await attempt(conn)
    for who in ("anna", "boris"):
        await read_all(conn, who)
    assert await counts(conn) == {**GONE, "event": 1, "batch": 1, "delivery": 2, "notification": 2} | {
        "attempt": 2,
        "operator_action": 1,
    }

    assert await tidy(conn, WAIT_FOR_READERS) == Pruned(1, 2, 2, 0)
    assert await counts(conn) == GONE
    # the inboxes stay: their versions must never begin anew
    assert [await counted(conn, who) for who in ("anna", "boris")] == [(0, 2), (0, 2)]


@pytest.mark.parametrize("ending", [Reject(Reason.BAD_MESSAGE), Unknown(Reason.LOST_ANSWER)])
async def test_what_waits_for_an_operator_stays(conn: Connection, ending: Reject | Unknown) -> None:
    """An event with a dead or unknown delivery stays, and goes when the operator has decided."""
    await link(conn, ["anna"])
    id_ = await event.emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    await attempt(conn, Ending(ending), Policy(on_unknown="hold"))

    assert (await tidy(conn)).kept == Counter({Kept.STUCK: 1})
    assert await events(conn) == [id_]
    await act(conn, Action.DISCARD if isinstance(ending, Reject) else Action.CONFIRM)
    assert (await tidy(conn)).events == 1


async def test_what_is_not_finished_stays(conn: Connection) -> None:
    """An event stays while a delivery of it waits, and while it is being sent."""
    await link(conn, ["anna", "boris"])
    await event.emit(conn, "login.code", ["anna", "boris"])
    await relay_all(conn)
    assert (await tidy(conn)).kept == Counter({Kept.OPEN: 1})
    (one,) = await lane_claim.claim(conn, Channel.TELEGRAM, 1)
    assert (await tidy(conn)).kept == Counter({Kept.OPEN: 1})
    await record.record(conn, [finish(one, SENT, Policy())])
    assert (await tidy(conn)).kept == Counter({Kept.OPEN: 1})
    await attempt(conn)
    assert (await tidy(conn)).events == 1


async def test_what_is_not_relayed_stays(conn: Connection) -> None:
    """An event stays that the relay has not read, or whose time has not come."""
    later = datetime.now(UTC) + HOUR
    await event.emit(conn, "login.code", ["anna"], deliver_at=later)
    await relay_all(conn)
    await event.emit(conn, "login.code", ["anna"])
    assert (await tidy(conn)).kept == Counter({Kept.WAITING: 2})
    await relay_all(conn)
    assert await tidy(conn) == Pruned(1, 1, kept=Counter({Kept.WAITING: 1}))


async def test_what_waits_for_its_type_stays(conn: Connection) -> None:
    """An event of an unknown type stays, however old it is."""
    await event.emit(conn, "nobody.knows", ["anna"])
    await relay_all(conn)
    assert await tidy(conn) == Pruned(kept=Counter({Kept.WAITING: 1}))
    assert await counts(conn) == {**GONE, "event": 1, "waiting": 1}


async def test_what_is_unread_waits_for_its_own_age(conn: Connection) -> None:
    """An event stays while somebody has not read its notification, and goes with it when that is old enough."""
    await event.emit(conn, "order.hint", ["anna", "boris"])
    await event.emit(conn, "order.hint", ["boris"])
    await relay_all(conn)
    await read_all(conn, "boris")
    assert await tidy(conn, WAIT_FOR_READERS) == Pruned(1, 0, 1, kept=Counter({Kept.UNREAD: 1}))
    assert await tidy(conn) == Pruned(1, 0, 2, 1)


async def test_a_counter_goes_down_with_what_it_counts(conn: Connection) -> None:
    """What nobody has read leaves the counter as it goes, and each is a new version; other inboxes stay as they are."""
    for who in ("anna", "anna", "boris"):
        await event.emit(conn, "order.hint", [who])
    await relay_all(conn)
    before = await cutoff(conn, NOW)
    await event.emit(conn, "order.hint", ["anna", "clara"])
    await relay_all(conn)
    await read_all(conn, "boris")

    assert (await prune(conn, before)).unread == 2
    assert [await counted(conn, who) for who in ("anna", "boris", "clara")] == [(1, 5), (0, 2), (1, 1)]


async def test_what_came_to_its_end_lately_stays(conn: Connection) -> None:
    """An old event stays for as long again after it was relayed, after its last delivery and after it was read."""
    await link(conn, ["anna"])
    ids = [await event.emit(conn, "login.code", ["boris"])]
    emitted = await cutoff(conn, NOW)
    await relay_all(conn)
    assert (await prune(conn, emitted)).kept == Counter({Kept.RECENT: 1})

    ids.append(await event.emit(conn, "login.code", ["anna"]))
    await relay_all(conn)
    relayed = await cutoff(conn, NOW)
    await attempt(conn)
    assert await prune(conn, relayed) == Pruned(1, 1, kept=Counter({Kept.RECENT: 1}))

    ids.append(await event.emit(conn, "order.hint", ["anna"]))
    await relay_all(conn)
    notified = await cutoff(conn, NOW)
    await read_all(conn, "anna")
    assert await prune(conn, notified) == Pruned(1, 1, kept=Counter({Kept.RECENT: 1}))
    assert await events(conn) == ids[2:]
    assert (await tidy(conn)).events == 1


async def test_what_is_young_is_not_looked_at(conn: Connection) -> None:
    """An event that is younger than the age stays, and is not counted among the kept."""
    await delivered(conn)
    assert await tidy(conn, Ages(HOUR, HOUR)) == Pruned()
    assert len(await events(conn)) == 1


async def test_what_a_consumer_has_not_read_stays(conn: Connection) -> None:
    """An event stays until each named consumer has acked it or is dropped; who is behind is told by name."""
    ids = [await delivered(conn) for _ in range(4)]
    for name, limit in (("billing", 1), ("search", 3)):
        handed = await consumer.pull(conn, name, limit, HOUR)
        assert handed.batch is not None
        await consumer.ack(conn, name, handed.batch)
        # handed out, but not acked
        await consumer.pull(conn, name, 1, HOUR)

    found = await tidy(conn)
    assert (found.events, found.kept) == (1, Counter({Kept.CONSUMER: 3}))
    assert found.behind == Counter({"billing": 3, "search": 1})
    assert await events(conn) == ids[1:]
    await consumer.drop(conn, "billing")
    assert (await tidy(conn)).behind == Counter({"search": 1})
    assert await events(conn) == ids[3:]
    await consumer.drop(conn, "search")
    assert (await tidy(conn)).events == 1


async def test_a_late_commit_is_not_overlooked(conn: Connection, pool: Pool) -> None:
    """What an older transaction commits after a consumer has read beyond it stays until the consumer has read it."""
    async with pool.acquire() as slow:
        transaction = slow.transaction()
        await transaction.start()
        late = await event.emit(slow, "login.code", ["anna"])
        await delivered(conn)
        handed = await consumer.pull(conn, "billing", 10, HOUR)
        assert handed.batch is not None
        await consumer.ack(conn, "billing", handed.batch)
        await transaction.commit()
    await relay_all(conn)
    found = await tidy(conn)
    assert (found.events, found.behind) == (1, Counter({"billing": 1}))
    assert await events(conn) == [late]


async def test_what_the_relay_may_read_again_stays(conn: Connection) -> None:
    """After a rebase an event that a consumer has still to read comes to the relay too, whose ledger must know it."""
    await consumer.pull(conn, "billing", 1, HOUR)
    id_ = await delivered(conn)
    await rebase(conn)
    handed = await consumer.pull(conn, "billing", 10, HOUR)
    assert handed.batch is not None
    await consumer.ack(conn, "billing", handed.batch)

    assert (await tidy(conn)).kept == Counter({Kept.WAITING: 1})
    assert await events(conn) == [id_]
    await relay_all(conn)
    assert (await tidy(conn)).events == 1


async def test_a_dry_run_changes_nothing(conn: Connection) -> None:
    """A dry run tells what the run after it does, and leaves every row as it is."""
    await link(conn, ["anna"])
    await delivered(conn)
    await event.emit(conn, "order.paid", ["anna", "boris"])
    await relay_all(conn)
    await event.emit(conn, "order.hint", ["boris"])
    await relay_all(conn)
    before = await counts(conn)
    told = await tidy(conn, dry_run=True)
    assert await counts(conn) == before
    assert await tidy(conn) == told == Pruned(2, 1, 1, 1, kept=Counter({Kept.OPEN: 1}))


async def test_batches_are_bounded(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction takes at most so many events and event-recipient pairs; an event that has more goes alone."""
    monkeypatch.setattr(event_prune, "EVENTS", 4)
    monkeypatch.setattr(event_prune, "FIRST", 4)
    monkeypatch.setattr(event_prune, "PAIRS", 10)
    for number in [3, 3, 3, 3, 25, 1, 1, 1, 1, 1, 1]:
        await event.emit(conn, "order.hint", [f"u{n}" for n in range(number)])
    await relay_all(conn)
    batches: list[int] = []
    remove = event_prune._remove

    async def note(conn: Connection, going: list[event_prune.Judged], before: Cutoff) -> list[event_prune.Judged]:
        batches.append(len(going))
        return await remove(conn, going, before)

    monkeypatch.setattr(event_prune, "_remove", note)
    assert (await tidy(conn)).events == 11
    assert batches == [4, 1, 2, 4]


async def test_a_run_that_breaks_off_leaves_whole_batches(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is lost in the middle of a batch loses that batch only, and the next run takes the rest."""
    monkeypatch.setattr(event_prune, "EVENTS", 2)
    monkeypatch.setattr(event_prune, "FIRST", 2)
    ids = [await delivered(conn, "order.hint") for _ in range(6)]
    await conn.execute(
        "create function public.die() returns trigger language plpgsql as "
        "$$ begin perform pg_terminate_backend(pg_backend_pid()); return old; end $$; "
        f"create trigger die before delete on outbox.event for each row when (old.id = {ids[3]}) "
        "execute function public.die()"
    )
    other = await connect(database_url)
    with pytest.raises(OUT_OF_REACH):
        await prune(other, await cutoff(other, NOW))
    assert await events(conn) == ids[2:]
    assert (await completeness.prove(conn, LONG_AGO)).holds
    assert await counted(conn, "anna") == (4, 8)
    await conn.execute("drop trigger die on outbox.event")
    assert (await tidy(conn)).events == 4


async def test_what_somebody_holds_is_left_for_the_next_run(conn: Connection, pool: Pool) -> None:
    """Who holds an event or an inbox is not waited for, or not for long; the others go."""
    await delivered(conn, "order.hint", "anna")
    held = await delivered(conn, "login.code", "boris")
    await delivered(conn, "login.code", "clara")
    async with pool.acquire() as other, other.transaction():
        await other.execute("select from outbox.event where id = $1 for update", held)
        assert await tidy(conn) == Pruned(2, 1, 1, 1, kept=Counter({Kept.BUSY: 1}))
    held = await delivered(conn, "order.hint", "anna")
    async with pool.acquire() as other, other.transaction():
        await other.execute("select from outbox.inbox where recipient = 'anna' for update")
        assert await tidy(conn) == Pruned(kept=Counter({Kept.BUSY: 2}))
    assert (await tidy(conn)).events == 2


async def test_what_has_changed_since_is_judged_again(
    conn: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notification that is read while the run waits for its inbox has come to its end only now, and stays."""
    monkeypatch.setattr(event_prune, "PATIENCE", "set local lock_timeout = '60s'")
    read = await delivered(conn, "order.hint", "anna")
    before = await cutoff(conn, NOW)
    async with pool.acquire() as reader, pool.acquire() as other:
        async with reader.transaction():
            await read_all(reader, "anna")
            run = asyncio.create_task(prune(other, before))
            await until_true(lambda: waiting(conn))
        assert await run == Pruned(kept=Counter({Kept.BUSY: 1}))
    assert await events(conn) == [read]


async def test_what_an_erasure_is_changing_is_left_alone(conn: Connection, pool: Pool) -> None:
    """While a person is being erased their events stay, and the others go; afterwards theirs go under the alias."""
    theirs = await delivered(conn, "order.paid", "anna")
    await delivered(conn, "login.code", "boris")
    async with pool.acquire() as other, other.transaction():
        await other.execute("select outbox.forget('anna')")
        # the one that is unread waits for the inbox that the erasure holds, and keeps its batch with it
        assert await tidy(conn) == Pruned(kept=Counter({Kept.BUSY: 2}))
        assert await tidy(conn, WAIT_FOR_READERS) == Pruned(1, 1, kept=Counter({Kept.UNREAD: 1}))
    assert await events(conn) == [theirs]
    assert await tidy(conn) == Pruned(1, 2)
    assert await counts(conn) == GONE


async def test_a_key_may_be_used_anew(conn: Connection) -> None:
    """The dedupe key of an event that is gone makes a new event; until then it gives the old one's id."""
    first = await delivered(conn, dedupe_key="order-1")
    assert await event.emit(conn, "login.code", ["anna"], dedupe_key="order-1") == first
    await tidy(conn)
    assert await event.emit(conn, "login.code", ["anna"], dedupe_key="order-1") > first


async def test_two_runs_at_once_do_no_harm(conn: Connection, pool: Pool) -> None:
    """Of several runs at the same time each event goes with one of them."""
    await link(conn, ["anna"])
    for number in range(300):
        await event.emit(conn, "order.paid", ["anna", f"u{number}"])
    await relay_all(conn)
    for _ in range(300):
        await conn.execute("update outbox.lane set due_at = now() where due_at is not null")
        await attempt(conn)
    before = await cutoff(conn, NOW)

    async def run() -> Pruned:
        async with pool.acquire() as mine:
            return await prune(mine, before)

    runs = await asyncio.gather(*(run() for _ in range(4)))
    last = await tidy(conn)
    gone = [astuple(one)[:4] for one in (*runs, last)]
    assert [sum(column) for column in zip(*gone, strict=True)] == [300, 600, 600, 600]
    assert await counts(conn) == GONE
    assert await conn.fetchval("select count(*) from outbox.inbox where unread <> 0") == 0


async def test_a_foreign_cluster_is_refused(conn: Connection) -> None:
    """Where the cursors are another cluster's nobody knows who has read what: nothing goes."""
    await delivered(conn)
    before = await cutoff(conn, NOW)
    await conn.execute("update outbox.cursor set system_identifier = 1")
    with pytest.raises(ForeignClusterError, match="vestnik cursor rebase"):
        await prune(conn, before)
    assert len(await events(conn)) == 1


async def test_a_worker_may_prune(conn: Connection) -> None:
    """The role that delivers may prune: it needs no rights of its own."""
    await delivered(conn, "order.hint")
    await conn.execute("set role outbox_worker")
    assert (await tidy(conn)).events == 1
