"""What must hold of lanes and deliveries whatever happens, as the database can watch it, and how attempts may end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st

from outbox.database.connection import Connection, connect
from outbox.delivery.decision import Decision, Policy, decide
from outbox.delivery.outcome import Delivered, Outcome, Reason, Reject, Retry, Snooze, Unknown
from outbox.delivery.state import BORN, MOVES, State
from outbox.lane import digest
from outbox.lane.lane_claim import Claimed
from outbox.link.chat_state import LinkState
from outbox.recording.record import Finish

AT_ONCE, LATER = timedelta(0), timedelta(hours=1)

# refuses whatever the state machine does not have; a final state and a token's way down are refused by it too
WATCH = """
create table public.move (old text, new text, primary key (old, new));
create function public.watch_delivery() returns trigger language plpgsql as $$
declare
  was text := case when tg_op = 'INSERT' then 'born' else old.state end;
begin
  if was = 'pending' and exists (select from outbox.sending s where s.delivery_id = new.id) then
    was := 'sending';
  end if;
  if was <> new.state and not exists (select from public.move m where m.old = was and m.new = new.state) then
    raise exception 'illegal move: % -> %', was, new.state;
  end if;
  if tg_op = 'UPDATE' and new.attempts < old.attempts and not (was = 'dead' and new.state = 'pending') then
    raise exception 'attempts went down: % -> %', old.attempts, new.attempts;
  end if;
  return new;
end $$;
create trigger watch before insert or update on outbox.delivery for each row execute function public.watch_delivery();
create function public.watch_run() returns trigger language plpgsql as $$
begin
  if new.lease_until > coalesce(old.lease_until, '-infinity') and old.lease_until is not null and new.id <= old.id then
    raise exception 'leased under an old token: %', new.id;
  end if;
  return new;
end $$;
create trigger watch before update on outbox.run for each row execute function public.watch_run();
"""

CLEAN = """
truncate outbox.event, outbox.batch, outbox.waiting, outbox.recipient, outbox.preference, outbox.telegram_link,
  outbox.lane, outbox.run, outbox.delivery, outbox.attempt, outbox.operator_action, outbox.inbox, outbox.notification
  restart identity cascade;
update outbox.cursor set low = pg_current_snapshot(), high = pg_current_snapshot(), at_xid = '0', at_id = 0
"""

# each row is a fault
FAULTS = """
with member as (
  select r.id as run_id, r.type, r.urgent, r.lease_until is not null as leased, h.lane_id, h.head, d.phase
  from outbox.run r cross join unnest(r.lanes, r.heads) h (lane_id, head)
  left join outbox.delivery d on d.id = h.head
), sending as (
  select lane_id, head from member where leased and phase = 'open'
), head as (
  select distinct on (d.lane_id) d.lane_id, d.id, d.reason, d.due_at, e.type
  from outbox.delivery d join outbox.event e on e.id = d.event_id
  where d.phase = 'open' order by d.lane_id, d.id
)
select 'sends out of turn', s.head from sending s where exists (
  select from outbox.delivery b where b.lane_id = s.lane_id and b.phase = 'open' and b.id < s.head
  -- an operator may bring one back while another is under way
  and not exists (select from outbox.operator_action a where a.delivery_id = b.id))
union all
select 'is carried by nobody', d.id from outbox.delivery d
where d.state = 'sending' and not exists (select from sending s where s.lane_id = d.lane_id and s.head < d.id)
union all
select 'is carried behind one that waits', d.id from outbox.delivery d
where d.state = 'sending' and exists (
  select from outbox.delivery b join sending s on s.lane_id = b.lane_id
  where b.lane_id = d.lane_id and b.state = 'pending' and b.id < d.id and b.id > s.head)
union all
select 'waits in an idle lane', d.id from outbox.delivery d join outbox.lane l on l.id = d.lane_id
where d.phase = 'open' and l.due_at is null and not l.busy
union all
select 'waits in a lane that stands nowhere', d.id from outbox.delivery d join outbox.lane l on l.id = d.lane_id
where d.phase = 'open' and l.busy and not exists (
  select from member m where m.lane_id = l.id and (not m.leased or m.phase = 'open'))
union all
select 'stands in two runs', lane_id from member where not leased or phase = 'open' group by 2 having count(*) > 1
union all
select 'stands in a run and knows nothing of it', m.lane_id from member m join outbox.lane l on l.id = m.lane_id
where (not m.leased or m.phase = 'open') and not l.busy
union all
select 'waits for nothing', l.id from outbox.lane l where l.due_at is not null and not exists (
  select from head h where h.lane_id = l.id)
union all
select 'is open before the head of its lane', d.id from outbox.delivery d join outbox.lane l on l.id = d.lane_id
where d.phase = 'open' and d.id < l.head and not d.back
union all
select 'is urgent and its lane is not', d.id from outbox.delivery d join outbox.lane l on l.id = d.lane_id
where d.phase = 'open' and d.urgent and l.last_urgent < d.id
union all
select 'is urgent and its run is not', m.lane_id from member m join outbox.lane l on l.id = m.lane_id
join outbox.delivery d on d.lane_id = m.lane_id
where not m.leased and not m.urgent and d.phase = 'open' and d.urgent
union all
select 'is due as another type', m.lane_id from member m join head h on h.lane_id = m.lane_id
where not m.leased and not m.urgent and m.head = h.id and m.type <> h.type
union all
select 'quiet hours hold up what cannot wait', l.id from outbox.lane l join head h on h.lane_id = l.id
where h.reason = 'quiet_hours' and l.due_at > greatest(now(), l.ready_at) and exists (
  select from outbox.delivery u where u.lane_id = l.id and u.state = 'pending'
  and (u.urgent or (u.expires_at > now() and u.expires_at <= h.due_at)))
union all
select 'came back by nobody', d.id from outbox.delivery d
where d.reason = 'discarded' and not exists (select from outbox.operator_action a where a.delivery_id = d.id)
union all
select 'is over and still there', r.id from outbox.run r where cardinality(r.lanes) = 0
union all
select 'counts wrong', 0 from outbox.inbox i
where i.unread <> (select count(*) from outbox.notification n where n.recipient = i.recipient)
"""

OUT_OF_ORDER = """
select c.id from unnest($1::bigint[]) c (id) join outbox.delivery d on d.id = c.id
where exists (select from outbox.delivery b where b.lane_id = d.lane_id and b.phase = 'open' and b.id < d.id)
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ends, and what that says about its chat."""

    outcome: Outcome
    link: LinkState | None = None
    link_after: timedelta = AT_ONCE
    restore_links: timedelta = AT_ONCE
    every: timedelta = AT_ONCE


ENDINGS = st.sampled_from(
    [
        Ending(Delivered(7)),
        Ending(Delivered(8), every=timedelta(seconds=10)),
        Ending(Delivered(reason=Reason.UNDECODABLE)),
        Ending(Snooze(AT_ONCE, Reason.PACE)),
        Ending(Snooze(LATER, Reason.FLOOD)),
        Ending(Snooze(LATER, Reason.QUIET_HOURS)),
        Ending(Retry(Reason.UNAVAILABLE)),
        Ending(Retry(Reason.FORBIDDEN), LinkState.SUSPENDED, link_after=24 * LATER),
        Ending(Reject(Reason.BAD_MESSAGE)),
        Ending(Reject(Reason.TEMPLATE)),
        Ending(Reject(Reason.BLOCKED), LinkState.BLOCKED),
        Ending(Reject(Reason.CHAT_NOT_FOUND), LinkState.UNREACHABLE, link_after=LATER),
        Ending(Snooze(LATER, Reason.UNLINK_GUARD), restore_links=LATER),
        Ending(Reject(Reason.NO_LINK)),
        Ending(Unknown(Reason.LOST_ANSWER)),
        Ending(Unknown(Reason.LOST_ANSWER, delay=AT_ONCE)),
        Ending(Unknown(Reason.LOST_ANSWER, delay=LATER)),
    ]
)
POLICIES = st.builds(
    Policy,
    schedule=st.just((AT_ONCE, LATER, AT_ONCE)),
    on_unknown=st.sampled_from(("resend", "hold")),
    jitter=st.just(1.0),
)
LOST = Ending(Unknown(Reason.WORKER_LOST))


def finish(claimed: Claimed, ending: Ending, policy: Policy) -> Finish:
    """End an attempt as the worker does."""
    now, outcome = claimed.claimed_at, ending.outcome
    if claimed.expires_at is not None and now >= claimed.expires_at and not isinstance(outcome, Unknown):
        gone = Reject(Reason.EXPIRED)
        return Finish(claimed, gone, Decision(State.EXPIRED, claimed.attempts, Reason.EXPIRED))
    own = Policy(policy.schedule, policy.on_unknown, claimed.expires_at, policy.jitter)
    return Finish(
        claimed,
        outcome,
        decide(outcome, claimed.attempts, now, own),
        link=ending.link,
        link_after=ending.link_after,
        restore_links=ending.restore_links,
        every=ending.every,
    )


def finish_all(claimed: Sequence[Claimed], ending: Ending, policy: Policy) -> list[Finish]:
    """End an attempt with all that its message carried, as the worker does."""
    head, *carried = claimed
    shared = Ending(digest.of_carried(ending.outcome))
    return [finish(head, ending, policy), *(finish(one, shared, policy) for one in carried)]


async def watched(url: str) -> Connection:
    """Connect to a database that refuses every illegal move."""
    conn = await connect(url)
    await conn.execute(WATCH)
    legal: list[tuple[str, str]] = [(old, new) for old, targets in MOVES.items() for new in targets]
    await conn.executemany("insert into public.move values ($1, $2)", [*legal, *(("born", new) for new in BORN)])
    return conn
