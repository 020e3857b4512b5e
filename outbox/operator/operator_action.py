"""What an operator does about deliveries that are stuck; each is recorded with who did it and when."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

import asyncpg

from outbox.database.connection import Connection
from outbox.delivery.state import State
from outbox.event_log.traceparent import trace_id_of
from outbox.lane import lane_claim, lane_wake
from outbox.operator import stuck
from outbox.operator.stuck import Filter, Group

BATCH = 500
"""Deliveries changed in one transaction."""


class Action(StrEnum):
    """What an operator can do."""

    REPLAY = "replay"
    """A dead letter is tried again, by the schedule from its beginning."""
    DISCARD = "discard"
    """A dead letter is put away for good."""
    RESEND = "resend"
    """What may have arrived is sent again: a possible duplicate."""
    CONFIRM = "confirm"
    """What may have arrived did arrive."""


# dead -> pending
REPLAY = """
update outbox.delivery set state = 'pending', reason = null, attempts = 0, due_at = now(), settled_at = null,
  back = true
where id = any($1::bigint[]) and state = 'dead' and settled_at <= $2 returning id
"""

# dead -> skipped
DISCARD = """
update outbox.delivery set state = 'skipped', reason = 'discarded', settled_at = now()
where id = any($1::bigint[]) and state = 'dead' and settled_at <= $2 returning id
"""

# unknown -> pending
RESEND = """
update outbox.delivery set state = 'pending', reason = null, due_at = now(), settled_at = null, back = true
where id = any($1::bigint[]) and state = 'unknown' and settled_at <= $2 returning id
"""

# unknown -> sent
CONFIRM = """
update outbox.delivery set state = 'sent', reason = null, settled_at = now()
where id = any($1::bigint[]) and state = 'unknown' and settled_at <= $2 returning id
"""


class Order(NamedTuple):
    """The move that an action makes, and its statement."""

    old: State
    new: State
    sql: str


ORDERS: Mapping[Action, Order] = {
    Action.REPLAY: Order(State.DEAD, State.PENDING, REPLAY),
    Action.DISCARD: Order(State.DEAD, State.SKIPPED, DISCARD),
    Action.RESEND: Order(State.UNKNOWN, State.PENDING, RESEND),
    Action.CONFIRM: Order(State.UNKNOWN, State.SENT, CONFIRM),
}


class Moved(NamedTuple):
    """A delivery that an action has changed, and what its event came from."""

    delivery_id: int
    event_id: int
    request_id: str | None
    trace_id: str | None


@dataclass(slots=True)
class Done:
    """What an action has changed, or would change."""

    changed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By type and reason."""
    last: Moved | None = None
    too_late: int = 0
    """Left alone, since they would only expire."""
    missed: int = 0
    """Somebody else was first."""


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """What an action would change: counted before anything is."""

    action: Action
    wanted: Filter
    """Leaves out what gets stuck after the count: whoever agreed to 120 has not agreed to more."""
    groups: Sequence[Group]
    ignore_expiry: bool = False

    def leaves(self, *, late: bool) -> bool:
        """Tell whether it leaves a delivery alone, since it would only expire."""
        return late and not self.ignore_expiry and ORDERS[self.action].new is State.PENDING

    @property
    def foreseen(self) -> Done:
        """Tell what it would come to."""
        done = Done()
        for group in self.groups:
            if self.leaves(late=group.late):
                done.too_late += group.count
            else:
                done.changed[group.type, group.reason] += group.count
        return done


async def plan(conn: Connection, action: Action, wanted: Filter, *, ignore_expiry: bool = False) -> OrderPlan:
    """Count what an action would change; change nothing."""
    now = await conn.fetchval("select now()")
    closed = replace(wanted, settled_before=min(now, wanted.settled_before or now))
    groups = await stuck.count(conn, ORDERS[action].old, closed)
    return OrderPlan(action, closed, groups, ignore_expiry)


async def carry_out(conn: Connection, what: OrderPlan, operator: str, done: Done | None = None) -> Done:
    """Do what was planned, in batches of one transaction each; what is done stays done if it breaks off.

    `done` is filled as it goes, for whoever wants to know how far it came.
    """
    done, last = done or Done(), 0
    arguments = stuck.arguments(ORDERS[what.action].old, what.wanted)
    # found outside the transaction: what stands in it has then happened before the moment of the action
    while rows := await conn.fetch(stuck.PICK, *arguments, last, BATCH):
        last = rows[-1]["id"]
        meant = [row for row in rows if not what.leaves(late=row["late"])]
        changed = await _change(conn, what, meant, operator)
        moved = [row for row in meant if row["id"] in changed]
        done.changed.update((row["type"], row["reason"]) for row in moved)
        if moved:
            done.last = _moved(moved[-1])
        done.too_late += len(rows) - len(meant)
        done.missed += len(meant) - len(changed)
    return done


def _moved(row: asyncpg.Record) -> Moved:
    return Moved(row["id"], row["event_id"], row["request_id"], trace_id_of(row["traceparent"]))


NOTE = "insert into outbox.operator_action (delivery_id, action, operator) select unnest($1::bigint[]), $2, $3"

# the last attempt of each may have arrived, and it is sent again
MARK_RESENT = """
update outbox.attempt set resent = true
where id = any(array(
  select a.id from unnest($1::bigint[]) d (id) cross join lateral (
    select a.id from outbox.attempt a where a.delivery_id = any(array[d.id]) order by a.delivery_id, a.id desc limit 1
  ) a
))
"""

CLEAR_EXPIRY = "update outbox.delivery set expires_at = null where id = any($1::bigint[]) and expires_at is not null"


async def _change(conn: Connection, what: OrderPlan, rows: Sequence[asyncpg.Record], operator: str) -> frozenset[int]:
    """Change deliveries that nobody has changed meanwhile, and record it with each; return their ids."""
    order = ORDERS[what.action]
    async with conn.transaction():
        await lane_claim.lock(conn, [row["lane_id"] for row in rows])
        ids = [row["id"] for row in rows]
        changed = frozenset(row["id"] for row in await conn.fetch(order.sql, ids, what.wanted.settled_before))
        await conn.execute(NOTE, changed, what.action, operator)
        if what.action is Action.RESEND:
            await conn.execute(MARK_RESENT, changed)
        if what.ignore_expiry:
            await conn.execute(CLEAR_EXPIRY, changed)
        if order.new is State.PENDING:
            await lane_wake.requeue(conn, [row["lane_id"] for row in rows if row["id"] in changed])
    return changed
