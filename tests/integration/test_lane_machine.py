"""Emit, relay, claim, crash, finish, replay, forget in any order: what must hold whatever happens."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Policy
from outbox.delivery.outcome import Delivered, Reason, Reject, Retry
from outbox.event_log.event import emit
from outbox.lane import digest, lane_claim, run
from outbox.lane.lane_claim import Claimed
from outbox.link import chat_link
from outbox.link.chat_link import ChatRefusal
from outbox.link.chat_state import LinkState
from outbox.operator import operator_action
from outbox.operator.operator_action import Action
from outbox.operator.stuck import Filter
from outbox.proof.completeness import prove
from outbox.prune.event_prune import Ages, cutoff, prune
from outbox.recording import record
from outbox.relay import fan_out
from tests.conftest import TEMPLATE
from tests.integration.lane_model import (
    CLEAN,
    ENDINGS,
    FAULTS,
    LATER,
    LOST,
    OUT_OF_ORDER,
    POLICIES,
    Ending,
    finish,
    finish_all,
    watched,
)
from tests.integration.test_fan_out import ROUTES, relay_all
from tests.integration.test_fan_out import link as link_all
from workers.embedded.engine import Postgres

TYPES = ["order.paid", "login.code", "pay.code", "pay.code", "news.weekly", "weather.changed"]
PEOPLE = ["anna", "boris", "clara"]
LINKED = PEOPLE[:2]
FIRST = ["login.code", "pay.code", "news.weekly"]
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

ACTIONS = [*Action, Action.REPLAY, Action.RESEND]
"""Those that bring a delivery back more often than those that end it."""

LISTED = frozenset({"order.paid", "login.code", "news.weekly"})
"""Types that one message may list: those that are not urgent."""
HELD = """
select exists (
  select from outbox.run r join outbox.delivery d on d.id = any(r.heads)
  where r.id = $1 and r.lease_until is not null and d.id = $2 and d.state = 'pending'
)
"""

DEAD, FAILED = Ending(Reject(Reason.BAD_MESSAGE)), Ending(Retry(Reason.UNAVAILABLE))

AT_ONCE = timedelta(0)
# what somebody waits for: the relay, a worker, an operator
AWAITED = """
select e.id from outbox.event e where not exists (select from outbox.batch b where b.events @> e.id)
union
select d.event_id from outbox.delivery d where d.phase <> 'done'
"""
OPEN = "select count(*) from outbox.delivery where phase = 'open'"
ENDED = "update outbox.run set lease_until = '-infinity' where lease_until is not null"
CHOOSE = """
insert into outbox.preference values ($1, 'security', 'telegram', $2)
on conflict (recipient, category, channel) do update set enabled = excluded.enabled
"""
SOON = """
update outbox.lane set due_at = now() where due_at > now();
update outbox.telegram_link set fault_since = fault_since - interval '13 hours' where fault is not null
"""
UNLINK = "update outbox.telegram_link set unlinked_at = now() where recipient = $1 and unlinked_at is null"


Attempted = tuple[Claimed, ...]
"""A lane's head, and what one message carries with it."""


class LaneMachine(RuleBasedStateMachine):
    """Several workers' lives on one outbox, with its people and its operators, one step at a time."""

    claims: Bundle[Attempted] = Bundle("claims")

    def __init__(self, runner: asyncio.Runner, conn: Connection) -> None:
        super().__init__()
        self.run: Callable[[Coroutine[Any, Any, Any]], Any] = runner.run
        self.conn = conn
        self.final: dict[int, str] = {}
        self.emitted = 0

    @initialize()
    def begin(self) -> None:
        """Start with two linked people, each with messages waiting, and one without a link."""
        self.run(self.conn.execute(CLEAN))
        self.run(link_all(self.conn, LINKED))
        # an urgent one behind the first, so that few steps bring it to the head
        for kind in FIRST:
            self.run(emit(self.conn, kind, LINKED))
        self.emitted = len(FIRST)
        self.run(relay_all(self.conn))

    @rule(
        kind=st.sampled_from(TYPES),
        to=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True),
        lives=st.sampled_from([None, None, timedelta(minutes=30), -LATER]),
        commits=st.sampled_from([True, True, True, False]),
        relays=st.booleans(),
    )
    def emit(
        self,
        kind: str,
        to: list[str],
        lives: timedelta | None,
        commits: bool,  # noqa: FBT001 (drawn)
        relays: bool,  # noqa: FBT001 (drawn)
    ) -> None:
        """Emit an event that commits or not, with time to live or without, perhaps none any more, and relay it."""

        async def go() -> None:
            transaction = self.conn.transaction()
            await transaction.start()
            ends = None if lives is None else datetime.now(UTC) + lives
            await emit(self.conn, kind, to, expires_at=ends)
            await (transaction.commit() if commits else transaction.rollback())
            if relays:
                await relay_all(self.conn)

        self.run(go())
        self.emitted += commits

    @rule(limit=st.integers(1, 3))
    def relay(self, limit: int) -> None:
        """Relay a batch."""
        self.run(fan_out.step(self.conn, ROUTES, limit))

    @rule(target=claims, limit=st.integers(1, 3), folds=st.booleans())
    def claim(self, limit: int, folds: bool) -> Any:  # noqa: FBT001 (drawn)
        """Claim lanes, each by its first delivery; whoever never ends what it claimed has crashed."""
        return multiple(*self._claim(limit, folds=folds))

    def _claim(self, limit: int, *, folds: bool) -> list[Attempted]:
        claimed = self.run(lane_claim.claim(self.conn, Channel.TELEGRAM, limit))
        assert self.run(self.conn.fetch(OUT_OF_ORDER, [one.delivery_id for one in claimed])) == []
        return [self._fold(one) if folds else (one,) for one in claimed]

    def _fold(self, head: Claimed) -> Attempted:
        """Let one message carry what follows, as far as it may be listed."""
        if head.type not in LISTED:
            return (head,)
        following = self.run(digest.following(self.conn, head, LISTED, 3, 3))
        carries = self.run(digest.carry(self.conn, head, following))
        assert carries, "nobody else has been at work"
        return (head, *following)

    @rule(endings=st.lists(ENDINGS, min_size=1, max_size=3), policy=POLICIES, folds=st.booleans())
    def work(self, endings: list[Ending], policy: Policy, folds: bool) -> None:  # noqa: FBT001 (drawn)
        """Claim lanes and end their attempts at once."""
        for one, ending in zip(self._claim(len(endings), folds=folds), endings, strict=False):
            self._record([one], ending, policy)

    @rule(claimed=claims)
    def carry_more(self, claimed: Attempted) -> None:
        """Try to take what follows under a claim that has perhaps ended: it takes nothing then."""
        head = claimed[0]
        held = self.run(self.conn.fetchval(HELD, head.token, head.delivery_id))
        following = self.run(digest.following(self.conn, head, LISTED, 3, 3))
        if not held and following:
            assert not self.run(digest.carry(self.conn, head, following))

    @rule(claimed=st.lists(claims, min_size=1, max_size=3, unique=True), ending=ENDINGS, policy=POLICIES)
    def end(self, claimed: list[Attempted], ending: Ending, policy: Policy) -> None:
        """Record the ends of attempts, perhaps of such as have ended or lost their lease before."""
        self._record(claimed, ending, policy)

    @rule(claimed=consumes(claims), ending=ENDINGS, policy=POLICIES)
    def end_for_good(self, claimed: Attempted, ending: Ending, policy: Policy) -> None:
        """Record the end of an attempt and forget about it."""
        self._record([claimed], ending, policy)

    def _record(self, attempted: list[Attempted], ending: Ending, policy: Policy) -> None:
        claimed = [one for each in attempted for one in each]
        finishes = [one for each in attempted for one in finish_all(each, ending, policy)]

        async def go() -> None:
            held = {
                row["id"] for row in await self.conn.fetch("select id from outbox.run where lease_until is not null")
            }
            recorded = await record.record(self.conn, finishes)
            assert recorded.won <= {one.delivery_id for one in claimed if one.token in held}

        self.run(go())

    @rule()
    def end_leases(self) -> None:
        """Let all leases come to their end; nobody has noticed yet."""
        self.run(self.conn.execute(ENDED))

    @rule(target=claims, settles=st.sampled_from([False, False, True]), policy=POLICIES)
    def take_over(self, settles: bool, policy: Policy) -> Any:  # noqa: FBT001 (drawn)
        """Take over what ended, and settle it since nobody knows what came of it, or crash over it."""
        self.run(self.conn.execute(ENDED))
        lanes: dict[int, Attempted] = {}
        for one in self.run(run.take_ended(self.conn, 10)):
            lanes[one.lane_id] = (*lanes.get(one.lane_id, ()), one)
        if settles:
            self._record(list(lanes.values()), LOST, policy)
            return multiple()
        return multiple(*lanes.values())

    @rule()
    def time_passes(self) -> None:
        """Let hours pass for all that waits, and for what is held against a chat."""
        self.run(self.conn.execute(SOON))

    @rule(action=st.sampled_from(ACTIONS), who=st.sampled_from([None, None, None, "anna"]), late=st.booleans())
    def act(self, action: Action, who: str | None, late: bool) -> None:  # noqa: FBT001 (drawn)
        """Let an operator replay, discard, resend or confirm all that is stuck, or one person's."""

        async def go() -> None:
            plan = await operator_action.plan(self.conn, action, Filter(recipient=who), ignore_expiry=late)
            done = await operator_action.carry_out(self.conn, plan, "olga")
            assert (done.changed, done.missed) == (plan.foreseen.changed, 0)

        self.run(go())

    @rule(who=st.sampled_from(LINKED), state=st.sampled_from([LinkState.ACTIVE] * 3 + [*LinkState]), on=st.booleans())
    def change_mind(self, who: str, state: LinkState, on: bool) -> None:  # noqa: FBT001 (drawn)
        """Let a person block or unblock the bot, and switch a category off or on."""
        if state is LinkState.ACTIVE:
            self.run(chat_link.clear(self.conn, [who]))
        else:
            self.run(chat_link.refuse(self.conn, [ChatRefusal(who, state, state)]))
        self.run(self.conn.execute(CHOOSE, who, on))

    @rule(who=st.sampled_from(LINKED), stays=st.sampled_from([False, False, True]))
    def unlink(self, who: str, stays: bool) -> None:  # noqa: FBT001 (drawn)
        """Let a person unlink the chat, for good or to link it anew."""
        self.run(self.conn.execute(UNLINK, who))
        if not stays:
            self.run(link_all(self.conn, LINKED))

    @rule(who=st.sampled_from(PEOPLE), stays=st.sampled_from([False, False, True]))
    def forget(self, who: str, stays: bool) -> None:  # noqa: FBT001 (drawn)
        """Erase a person, whatever is under way, who stays away or comes back as somebody new."""
        self.run(self.conn.execute("select outbox.forget($1)", who))
        if not stays:
            self.run(link_all(self.conn, LINKED))

    @rule(waits=st.booleans())
    def prune(self, waits: bool) -> None:  # noqa: FBT001 (drawn)
        """Take away what is at its end, with what nobody has read or without it."""

        async def go() -> None:
            awaited = {row["id"] for row in await self.conn.fetch(AWAITED)}
            pruned = await prune(self.conn, await cutoff(self.conn, Ages(AT_ONCE, LATER if waits else AT_ONCE)))
            assert awaited == {row["id"] for row in await self.conn.fetch(AWAITED)}
            self.emitted -= pruned.events
            left = {row["id"] for row in await self.conn.fetch("select id from outbox.delivery")}
            self.final = {id_: state for id_, state in self.final.items() if id_ in left}

        self.run(go())

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

    @invariant()
    def everything_adds_up(self) -> None:
        """Account for every event that was committed."""
        proof = self.run(prove(self.conn, LONG_AGO))
        assert proof.holds, proof
        assert proof.events == self.emitted

    def teardown(self) -> None:
        """Let a healthy worker finish what is left, and add everything up."""
        self.run(self._drain())

    async def _drain(self) -> None:
        await relay_all(self.conn)
        await self.conn.execute(ENDED)
        hold = Policy(on_unknown="hold")
        taken = await run.take_ended(self.conn, 100)
        await record.record(self.conn, [finish(one, LOST, hold) for one in taken])
        waiting = await self.conn.fetchval(OPEN)
        for _ in range(waiting):
            await self.conn.execute(SOON)
            claimed = await lane_claim.claim(self.conn, Channel.TELEGRAM, 100)
            await record.record(self.conn, [finish(one, Ending(Delivered()), hold) for one in claimed])
        assert await self.conn.fetchval(OPEN) == 0
        assert not await lane_claim.unfinished(self.conn)
        proof = await prove(self.conn, LONG_AGO)
        assert (proof.holds, proof.waiting - proof.unrouted, proof.events) == (True, 0, self.emitted), proof


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
    """Whatever workers, people and operators do, nothing is lost, moved illegally, asleep or out of turn."""
    run_machine(
        lambda: LaneMachine(*own_database),  # type: ignore[arg-type]  # it takes whatever makes a machine
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def test_what_comes_back_leaves_a_lane_urgent(conn: Connection) -> None:
    """A lane whose urgent message is under way stays urgent when an operator replays another one of it."""
    await link_all(conn, ["anna"])
    for kind, ending in (("login.code", DEAD), ("pay.code", FAILED)):
        await emit(conn, kind, ["anna"])
        await relay_all(conn)
        (claimed,) = await lane_claim.claim(conn, Channel.TELEGRAM, 1)
        await operator_action.carry_out(conn, await operator_action.plan(conn, Action.REPLAY, Filter()), "olga")
        await record.record(conn, [finish(claimed, ending, Policy())])
    assert await conn.fetch(FAULTS) == []


async def test_a_claim_that_has_ended_takes_nothing_along(conn: Connection) -> None:
    """A lane that was given back belongs to nobody, also while its token is still the last claim's."""
    await link_all(conn, ["anna"])
    for _ in range(2):
        await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    (claimed,) = await lane_claim.claim(conn, Channel.TELEGRAM, 1)
    following = await digest.following(conn, claimed, LISTED, 3, 3)
    await record.record(conn, [finish(claimed, DEAD, Policy())])
    assert len(following) == 1
    assert not await digest.carry(conn, claimed, following)
    assert await conn.fetch(FAULTS) == []


def test_the_watch_sees_an_illegal_move(own_database: tuple[asyncio.Runner, Connection]) -> None:
    """The machine's watch refuses a final delivery that moves, and a lease that goes on without a new token."""
    runner, conn = own_database
    runner.run(conn.execute(CLEAN))
    runner.run(emit(conn, "login.code", ["anna"]))
    runner.run(relay_all(conn))
    with pytest.raises(asyncpg.RaiseError, match="illegal move: skipped -> pending"):
        runner.run(conn.execute("update outbox.delivery set state = 'pending', settled_at = null"))
    runner.run(conn.execute("insert into outbox.run (type, urgent, lanes, heads) values ('news', false, '{}', '{}')"))
    runner.run(conn.execute("update outbox.run set lease_until = now()"))
    with pytest.raises(asyncpg.RaiseError, match="leased under an old token: 1"):
        runner.run(conn.execute("update outbox.run set lease_until = now() + interval '1 hour'"))
    runner.run(conn.execute("update outbox.run set id = default, lease_until = now() + interval '1 hour'"))
