"""Emit, relay, claim, crash, finish in any order: what must hold whatever happens."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from outbox import lane, link, record, relay
from outbox.channel import Channel
from outbox.database import Connection, connect
from outbox.decision import Decision, Policy, decide
from outbox.delivery import BORN, MOVES, State
from outbox.event import emit
from outbox.lane import Claimed
from outbox.link import LinkState
from outbox.outcome import Delivered, Outcome, Reason, Reject, Retry, Snooze, Unknown
from outbox.proof import prove
from outbox.record import Finish
from tests.conftest import TEMPLATE
from tests.integration.test_fan_out import ROUTES, relay_all
from tests.integration.test_fan_out import link as link_all
from workers.engine import Postgres

PEOPLE = ["anna", "boris", "clara", "dina"]
LINKED = PEOPLE[:3]
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
AT_ONCE, LATER = timedelta(0), timedelta(hours=1)

# refuses whatever the state machine does not have; a final state and a token's way down are refused by it too
WATCH = """
create table public.move (old text, new text, primary key (old, new));
create function public.watch_delivery() returns trigger language plpgsql as $$
declare
  was text := case when tg_op = 'INSERT' then 'born' else old.state end;
begin
  if was <> new.state and not exists (select from public.move m where m.old = was and m.new = new.state) then
    raise exception 'illegal move: % -> %', was, new.state;
  end if;
  if tg_op = 'UPDATE' and new.attempts < old.attempts then
    raise exception 'attempts went down: % -> %', old.attempts, new.attempts;
  end if;
  return new;
end $$;
create trigger watch before insert or update on outbox.delivery for each row execute function public.watch_delivery();
create function public.watch_lane() returns trigger language plpgsql as $$
begin
  if new.token < old.token then
    raise exception 'token went down: % -> %', old.token, new.token;
  end if;
  if new.lease_until > coalesce(old.lease_until, '-infinity') and new.token = old.token then
    raise exception 'leased under an old token: %', new.token;
  end if;
  return new;
end $$;
create trigger watch before update on outbox.lane for each row execute function public.watch_lane();
create unique index one_at_a_time on outbox.delivery (lane_id) where state = 'sending';
"""

CLEAN = """
truncate outbox.event, outbox.relayed, outbox.scheduled, outbox.recipient, outbox.preference, outbox.telegram_link,
  outbox.lane, outbox.delivery, outbox.attempt, outbox.inbox, outbox.notification restart identity cascade;
update outbox.cursor set low = pg_current_snapshot(), high = pg_current_snapshot(), at_xid = '0', at_id = 0
"""

# each row is a fault
FAULTS = """
select 'sends out of turn', d.id from outbox.delivery d where d.state = 'sending' and exists (
  select from outbox.delivery b where b.lane_id = d.lane_id and b.phase = 'open' and b.id < d.id)
union all
select 'sends without a lease', d.id from outbox.delivery d join outbox.lane l on l.id = d.lane_id
where d.state = 'sending' and l.lease_until is null
union all
select 'waits in an idle lane', d.id from outbox.delivery d join outbox.lane l on l.id = d.lane_id
where d.state = 'pending' and l.due_at is null and l.lease_until is null
union all
select 'is due for nothing', l.id from outbox.lane l where l.due_at is not null and not exists (
  select from outbox.delivery d where d.lane_id = l.id and d.state = 'pending')
union all
select 'counts wrong', 0 from outbox.inbox i
where i.unread <> (select count(*) from outbox.notification n where n.recipient = i.recipient)
"""

OPEN = "select count(*) from outbox.delivery where phase = 'open'"

OUTCOMES = st.sampled_from(
    [
        Delivered(7),
        Delivered(reason=Reason.UNDECODABLE),
        Snooze(AT_ONCE, Reason.PACE),
        Snooze(LATER, Reason.FLOOD),
        Retry(Reason.UNAVAILABLE),
        Reject(Reason.BAD_MESSAGE),
        Reject(Reason.BLOCKED),
        Reject(Reason.NO_LINK),
        Unknown(Reason.LOST_ANSWER),
    ]
)
POLICIES = st.builds(
    Policy,
    schedule=st.just((AT_ONCE, LATER, AT_ONCE)),
    on_unknown=st.sampled_from(("resend", "hold")),
    jitter=st.just(1.0),
)


class LaneMachine(RuleBasedStateMachine):
    """Several workers' lives on one outbox, one step at a time."""

    claims: Bundle[Claimed] = Bundle("claims")

    def __init__(self, runner: asyncio.Runner, conn: Connection) -> None:
        super().__init__()
        self.run: Callable[[Coroutine[Any, Any, Any]], Any] = runner.run
        self.conn = conn
        self.final: dict[int, str] = {}
        self.emitted = 0

    @initialize()
    def begin(self) -> None:
        """Start with three linked people, each with messages waiting, and one without a link."""
        self.run(self.conn.execute(CLEAN))
        self.run(link_all(self.conn, LINKED))
        for _ in range(4):
            self.run(emit(self.conn, "login.code", LINKED))
        self.emitted = 4
        self.run(relay_all(self.conn))

    @rule(
        kind=st.sampled_from(["order.paid", "login.code", "order.hint", "weather.changed"]),
        to=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4, unique=True),
        lives=st.sampled_from([None, None, timedelta(minutes=30), -LATER]),
        commits=st.sampled_from([True, True, True, False]),
    )
    def emit(self, kind: str, to: list[str], lives: timedelta | None, commits: bool) -> None:  # noqa: FBT001 (drawn)
        """Emit an event that commits or not, with time to live or without, perhaps none any more."""

        async def go() -> None:
            transaction = self.conn.transaction()
            await transaction.start()
            ends = None if lives is None else datetime.now(UTC) + lives
            await emit(self.conn, kind, to, expires_at=ends)
            await (transaction.commit() if commits else transaction.rollback())

        self.run(go())
        self.emitted += commits

    @rule(limit=st.integers(1, 3))
    def relay(self, limit: int) -> None:
        """Relay a batch."""
        self.run(relay.step(self.conn, ROUTES, limit))

    @rule(target=claims, limit=st.integers(1, 3))
    def claim(self, limit: int) -> Any:
        """Claim lanes; whoever never ends what it claimed has crashed."""
        return multiple(*self.run(lane.claim(self.conn, Channel.TELEGRAM, limit)))

    @rule(claimed=st.lists(claims, min_size=1, max_size=3, unique=True), outcome=OUTCOMES, policy=POLICIES)
    def end(self, claimed: list[Claimed], outcome: Outcome, policy: Policy) -> None:
        """Record the ends of attempts, perhaps of such as have ended or lost their lease before."""
        self._record(claimed, outcome, policy)

    @rule(claimed=consumes(claims), outcome=OUTCOMES, policy=POLICIES)
    def end_for_good(self, claimed: Claimed, outcome: Outcome, policy: Policy) -> None:
        """Record the end of an attempt and forget about it."""
        self._record([claimed], outcome, policy)

    def _record(self, claimed: list[Claimed], outcome: Outcome, policy: Policy) -> None:
        async def go() -> None:
            held = {(row["id"], row["token"]) for row in await self.conn.fetch("select id, token from outbox.lane")}
            recorded = await record.record(self.conn, [finish(one, outcome, policy) for one in claimed])
            assert recorded.won <= {one.delivery_id for one in claimed if (one.lane_id, one.token) in held}

        self.run(go())

    @rule()
    def end_leases(self) -> None:
        """Let all leases come to their end; nobody has noticed yet."""
        self.run(self.conn.execute(ENDED))

    @rule(target=claims, settles=st.sampled_from([False, False, True]), policy=POLICIES)
    def take_over(self, settles: bool, policy: Policy) -> Any:  # noqa: FBT001 (drawn)
        """Take over what ended, and settle it since nobody knows what came of it, or crash over it."""
        self.run(self.conn.execute(ENDED))
        taken = self.run(lane.take_ended(self.conn, 10))
        if settles:
            self._record(taken, Unknown(Reason.WORKER_LOST), policy)
            return multiple()
        return multiple(*taken)

    @rule()
    def time_passes(self) -> None:
        """Let an hour pass for all that waits."""
        self.run(self.conn.execute(SOON))

    @rule(who=st.sampled_from(LINKED), state=st.sampled_from(LinkState), on=st.booleans())
    def change_mind(self, who: str, state: LinkState, on: bool) -> None:  # noqa: FBT001 (drawn)
        """Let a person block or unblock the bot, and switch a category off or on."""
        self.run(link.set_states(self.conn, {who: state}))
        self.run(self.conn.execute(CHOOSE, who, on))

    @rule(who=st.sampled_from(PEOPLE))
    def forget(self, who: str) -> None:
        """Erase a person, whatever is under way."""
        self.run(self.conn.execute("select outbox.forget($1)", who))

    @invariant()
    def nothing_is_out_of_place(self) -> None:
        """Hold that each open delivery is in its turn and its lane knows of it."""
        assert self.run(self.conn.fetch(FAULTS)) == []

    @invariant()
    def final_states_stay_final(self) -> None:
        """Keep what is sent, skipped or expired as it is, and keep it at all."""
        rows = self.run(self.conn.fetch("select id, state from outbox.delivery where phase = 'done'"))
        final = {row["id"]: row["state"] for row in rows}
        assert final.items() >= self.final.items()
        self.final = final

    def teardown(self) -> None:
        """Add everything up, then let a healthy worker finish what is left, and add up again."""
        self.run(self._prove())
        self.run(self._drain())
        self.run(self._prove())

    async def _prove(self) -> None:
        proof = await prove(self.conn, LONG_AGO)
        assert proof.holds, proof
        assert proof.events == self.emitted

    async def _drain(self) -> None:
        await relay_all(self.conn)
        await self.conn.execute(ENDED)
        hold = Policy(on_unknown="hold")
        taken = await lane.take_ended(self.conn, 100)
        await record.record(self.conn, [finish(one, Unknown(Reason.WORKER_LOST), hold) for one in taken])
        waiting = await self.conn.fetchval(OPEN)
        for _ in range(waiting):
            await self.conn.execute(SOON)
            claimed = await lane.claim(self.conn, Channel.TELEGRAM, 100)
            await record.record(self.conn, [finish(one, Delivered(), hold) for one in claimed])
        assert await self.conn.fetchval(OPEN) == 0
        assert not await lane.unfinished(self.conn)
        assert (await prove(self.conn, LONG_AGO)).waiting == 0


ENDED = "update outbox.lane set lease_until = '-infinity' where lease_until is not null"
CHOOSE = """
insert into outbox.preference values ($1, 'security', 'telegram', $2)
on conflict (recipient, category, channel) do update set enabled = excluded.enabled
"""
SOON = "update outbox.lane set due_at = now() where due_at > now()"


def finish(claimed: Claimed, outcome: Outcome, policy: Policy) -> Finish:
    """End an attempt as the worker does."""
    now = claimed.claimed_at
    if claimed.expires_at is not None and now >= claimed.expires_at and not isinstance(outcome, Unknown):
        gone = Reject(Reason.EXPIRED)
        return Finish(claimed, gone, Decision(State.EXPIRED, claimed.attempts, Reason.EXPIRED))
    own = Policy(policy.schedule, policy.on_unknown, claimed.expires_at, policy.jitter)
    closed = LinkState.BLOCKED if outcome == Reject(Reason.BLOCKED) else None
    return Finish(claimed, outcome, decide(outcome, claimed.attempts, now, own), link=closed)


async def watched(url: str) -> Connection:
    """Connect to a database that refuses every illegal move."""
    conn = await connect(url)
    await conn.execute(WATCH)
    legal: Sequence[tuple[str, str]] = [(old, new) for old, targets in MOVES.items() for new in targets]
    await conn.executemany("insert into public.move values ($1, $2)", [*legal, *(("born", new) for new in BORN)])
    return conn


@pytest.fixture
def own_database(postgres: Postgres) -> Iterator[tuple[asyncio.Runner, Connection]]:
    """Lend a database of its own to the machine, with the loop that its connection lives in."""
    name = f"test_{uuid.uuid4().hex}"

    async def admin(sql: str) -> None:
        conn = await asyncpg.connect(postgres.url())
        await conn.execute(sql)
        await conn.close()

    with asyncio.Runner() as runner:
        runner.run(admin(f"create database {name} template {TEMPLATE}"))
        conn = runner.run(watched(postgres.url(name)))
        yield runner, conn
        runner.run(conn.close())
        runner.run(admin(f"drop database {name} with (force)"))


def test_whatever_happens_nothing_is_lost(own_database: tuple[asyncio.Runner, Connection]) -> None:
    """Whatever workers do and whenever they crash, nothing is lost, moved illegally, unsettled or out of turn."""
    run_machine(
        lambda: LaneMachine(*own_database),  # type: ignore[arg-type]  # it takes whatever makes a machine
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_watch_sees_an_illegal_move(own_database: tuple[asyncio.Runner, Connection]) -> None:
    """The machine's watch refuses a final delivery that moves, a token that goes down and a lease without a new one."""
    runner, conn = own_database
    runner.run(conn.execute(CLEAN))
    runner.run(emit(conn, "login.code", ["anna"]))
    runner.run(relay_all(conn))
    with pytest.raises(asyncpg.RaiseError, match="illegal move: skipped -> pending"):
        runner.run(conn.execute("update outbox.delivery set state = 'pending', settled_at = null"))
    with pytest.raises(asyncpg.RaiseError, match="token went down: 0 -> -1"):
        runner.run(conn.execute("update outbox.lane set token = -1"))
    with pytest.raises(asyncpg.RaiseError, match="leased under an old token: 0"):
        runner.run(conn.execute("update outbox.lane set lease_until = now()"))
