-- breaking
-- Runs: lanes that are due or being sent, many in one row. See docs/decisions/0027-runs.md.
set local lock_timeout = '5s';
set local statement_timeout = '1h';

create table outbox.run (
  id bigint generated always as identity primary key,
  channel text collate "C" not null default 'telegram' constraint run_channel_known check (channel in ('telegram', 'inapp')),
  type text collate "C" not null,
  urgent boolean not null,
  due_at timestamptz not null default now(),
  lease_until timestamptz,
  lanes bigint[] not null,
  heads bigint[] not null constraint run_paired check (cardinality(heads) = cardinality(lanes))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
comment on table outbox.run is 'Lanes that are due or being sent, many in one row. A lane stands in one run at the most.';
comment on column outbox.run.id is 'The token of whoever has claimed it; whoever takes it over gives it a new one.';
comment on column outbox.run.type is 'Type of the heads: claims are dealt out fairly between types. Empty where the run is urgent.';
comment on column outbox.run.urgent is 'Something urgent waits in its lanes: claimed before the others.';
comment on column outbox.run.lease_until is 'A worker sends the heads, until then; null: nobody has claimed it.';
comment on column outbox.run.heads is 'The first open delivery of each lane. Of a run that nobody has claimed it may have been ended meanwhile.';
-- read in one go, and never from a table of their own
alter table outbox.run alter column lanes set storage plain;
alter table outbox.run alter column heads set storage plain;
create index run_queued on outbox.run (channel, urgent, type, due_at, id) where lease_until is null;
create index run_leased on outbox.run (lease_until) where lease_until is not null;

create view outbox.sending as
select r.id as token, r.lease_until, h.lane_id, h.head as delivery_id
from outbox.run r cross join lateral unnest(r.lanes, r.heads) h (lane_id, head)
where r.lease_until is not null;
comment on view outbox.sending is 'Heads of lanes that a worker has claimed: those of them that are pending are being sent.';

-- None of these is in an index: a lane that wakes or goes idle touches none.
alter table outbox.lane add column busy boolean not null default false;
alter table outbox.lane add column head bigint not null default 0;
alter table outbox.lane add column last_urgent bigint not null default 0;
comment on column outbox.lane.due_at is 'When it goes into a run; null: it stands in one, or is idle.';
comment on column outbox.lane.busy is 'It stands in a run.';
comment on column outbox.lane.head is 'No open delivery has a smaller id, except those that came back.';
comment on column outbox.lane.last_urgent is 'The last urgent delivery that waits in it has this id; whatever is before that goes as urgent.';

-- What an index knows of a delivery does not change when it is sent: each is written once, at its end, and cheaply.
alter table outbox.delivery add column back boolean not null default false;
alter table outbox.delivery add column stuck boolean not null generated always as (state in ('dead', 'unknown')) stored;
comment on column outbox.delivery.state is 'What is being sent is pending here, and the head of a run with a lease.';
comment on column outbox.delivery.back is 'An operator has brought it back, perhaps before the head of its lane.';
comment on column outbox.delivery.stuck is 'An operator has to look at it.';
drop index outbox.delivery_open;
drop index outbox.delivery_urgent;
drop index outbox.delivery_stuck;
-- the condition is always true, but the planner sees that only where a lane is named: this is no way to an id
create index delivery_lane on outbox.delivery (lane_id, id) where lane_id is not null;
create index delivery_back on outbox.delivery (lane_id, id) where back;
create index delivery_stuck on outbox.delivery (id) where stuck;

-- what waits, is due or is being sent in a database of before
create temporary table carried on commit drop as
select l.id as lane_id, l.due_at, l.lease_until, h.head, h.sending, h.last_urgent, e.type
from outbox.lane l
cross join lateral (
  select min(d.id) as head, min(d.id) filter (where d.state = 'sending') as sending, max(d.id) filter (where d.urgent) as last_urgent
  from outbox.delivery d where d.lane_id = l.id and d.phase = 'open'
) h
left join outbox.delivery d on d.id = coalesce(h.sending, h.head)
left join outbox.event e on e.id = d.event_id
where h.head is not null;
update outbox.lane l set
  busy = c.sending is not null or c.due_at is null or c.due_at <= now(),
  due_at = case when c.sending is null and c.due_at > now() then c.due_at end,
  head = c.head,
  last_urgent = coalesce(c.last_urgent, 0),
  lease_until = null
from carried c where l.id = c.lane_id;
update outbox.lane l set due_at = null, lease_until = null
where (l.due_at is not null or l.lease_until is not null) and l.id not in (select lane_id from carried);
update outbox.delivery d set state = 'pending' from carried c where d.id = c.sending;
insert into outbox.run (type, urgent, due_at, lease_until, lanes, heads)
select type, urgent, min(due_at), lease_until, array_agg(lane_id order by head), array_agg(head order by head)
from (
  select *, (row_number() over (partition by type, urgent, lease_until order by head) - 1) / 250 as part
  from (
    select c.lane_id, coalesce(c.sending, c.head) as head, coalesce(c.due_at, now()) as due_at,
      -- nobody knows what came of what was being sent: it is settled when the lease ends, at once if there was none
      case when c.sending is not null then coalesce(c.lease_until, now()) end as lease_until,
      coalesce(c.last_urgent >= coalesce(c.sending, c.head), false) as urgent,
      case when c.last_urgent >= coalesce(c.sending, c.head) then '' else coalesce(c.type, '') end as type
    from carried c where c.sending is not null or c.due_at is null or c.due_at <= now()
  ) q
) p group by type, urgent, lease_until, part order by min(head);

alter table outbox.lane drop constraint lane_leased_or_due;
drop index outbox.lane_due_type;
drop index outbox.lane_due_urgent;
drop index outbox.lane_lease;
alter table outbox.lane drop column head_type;
alter table outbox.lane drop column urgent;
alter table outbox.lane drop column lease_until;
alter table outbox.lane drop column token;
alter table outbox.lane add constraint lane_busy_or_waiting check (not busy or due_at is null);
create index lane_due on outbox.lane (channel, due_at) where due_at is not null;

-- Lanes that stand nowhere, each with its first open delivery, into runs of at most 250.
create function outbox.queue(lanes bigint[], heads bigint[], types text[], urgents boolean[], due_at timestamptz default now()) returns void
language sql as $$
  insert into outbox.run (type, urgent, due_at, lanes, heads)
  select type, urgent, queue.due_at, array_agg(lane_id order by head), array_agg(head order by head)
  from (
    select *, (row_number() over (partition by type, urgent order by head) - 1) / 250 as part
    from (
      select lane_id, head, case when urgent then '' else type end as type, urgent
      from unnest(lanes, heads, types, urgents) a (lane_id, head, type, urgent)
    ) a
  ) a group by type, urgent, part order by min(head)
$$;

create function outbox.first_open(lane_id bigint, head bigint) returns bigint
language sql stable as $$
  select least(
    (select d.id from outbox.delivery d where d.lane_id = any(array[first_open.lane_id]) and d.back and d.phase = 'open' order by d.lane_id, d.id limit 1),
    (select d.id from outbox.delivery d
     where d.lane_id = any(array[first_open.lane_id]) and d.id >= first_open.head and d.phase = 'open' order by d.lane_id, d.id limit 1)
  )
$$;
comment on function outbox.first_open is 'The first open delivery of a lane: of those that came back, and of those from its head on.';

create function outbox.put_on(lanes bigint[], due_since timestamptz default now()) returns integer
language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  busy_lanes bigint[];
  first bigint[];
  types text[];
  urgents boolean[];
  paced integer;
begin
  with next as materialized (
    select l.id as lane_id, l.ready_at, n.id as head, n.back, n.type, greatest(n.due_at, l.ready_at) as due_at,
      coalesce((
        -- one that was skipped hurries nobody any more
        select u.id from outbox.delivery u
        where u.lane_id = l.id and u.id >= n.id and u.id <= l.last_urgent and u.phase = 'open' and u.urgent
        order by u.id desc limit 1
      ), 0) as last_urgent
    from unnest(put_on.lanes) a (lane_id)
    cross join lateral (select id, ready_at, head, last_urgent from outbox.lane where id = any(array[a.lane_id]) order by id limit 1) l
    left join lateral (
      select d.id, d.back, e.type,
        -- what quiet hours hold back goes at once where something behind it cannot wait until they are over
        case when d.reason = 'quiet_hours' and (
          select true from outbox.delivery u
          where u.lane_id = l.id and u.id >= d.id and u.phase = 'open' and u.state = 'pending'
            and (u.urgent or (u.expires_at > now() and u.expires_at <= d.due_at)) limit 1
        ) then now() else d.due_at end as due_at
      from (select outbox.first_open(l.id, l.head) as id offset 0) f
      cross join lateral (select id, back, event_id, reason, due_at from outbox.delivery where id = any(array[f.id]) order by id limit 1) d
      left join lateral (select type from outbox.event where id = any(array[d.event_id]) order by id limit 1) e on true
    ) n on true
  ), put as (
    update outbox.lane l set
      busy = coalesce(n.head is not null and n.due_at <= now(), false),
      due_at = case when n.head is not null and n.due_at > now() then n.due_at end,
      head = case when n.back is false then n.head else l.head end,
      last_urgent = n.last_urgent
    from next n where l.id = any(array[n.lane_id])
  )
  select array_agg(lane_id) filter (where due_at <= now()), array_agg(head) filter (where due_at <= now()),
    array_agg(coalesce(type, '')) filter (where due_at <= now()), array_agg(head <= last_urgent) filter (where due_at <= now()),
    count(*) filter (where due_at > now() and due_at = ready_at)
  into busy_lanes, first, types, urgents, paced from next where head is not null;
  if busy_lanes is not null then
    perform outbox.queue(busy_lanes, first, types, urgents, due_since);
  end if;
  return paced;
end $$;
comment on function outbox.put_on is 'Put lanes that stand nowhere into runs, let them wait or be idle, by what comes first in each; returns how many only their chat''s pace holds back. The caller has locked them in an earlier statement.';

create function outbox.take_out(lane_id bigint) returns timestamptz
language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  sent bigint;
  found_in bigint;
  due_since timestamptz;
begin
  -- more often than anybody can be in the way
  for attempt in 1..100 loop
    select d.id into sent from outbox.run r
    cross join lateral (
      select h.head from unnest(r.lanes, r.heads) h (lane_id, head) where h.lane_id = take_out.lane_id
    ) h
    cross join lateral (
      select id from outbox.delivery where id = any(array[h.head]) and phase = 'open' order by id limit 1
    ) d
    where r.lease_until is not null and take_out.lane_id = any(r.lanes) limit 1;
    if sent is not null then
      -- it goes on; whoever ends it comes before us, or waits for us and sees then what we have changed
      perform from outbox.delivery d where d.id = sent and d.phase = 'open' for no key update;
      continue when not found;
      return null;
    end if;
    select r.id, r.due_at into found_in, due_since from outbox.run r
    where r.lease_until is null and take_out.lane_id = any(r.lanes) limit 1 for update;
    -- a claim has moved it meanwhile
    continue when not found;
    update outbox.run r set
      lanes = array(select h.lane_id from unnest(r.lanes, r.heads) h (lane_id, head) where h.lane_id <> take_out.lane_id),
      heads = array(select h.head from unnest(r.lanes, r.heads) h (lane_id, head) where h.lane_id <> take_out.lane_id)
    where r.id = found_in;
    delete from outbox.run r where r.id = found_in and cardinality(r.lanes) = 0;
    return due_since;
  end loop;
  return null;
end $$;
comment on function outbox.take_out is 'Take a lane out of the run in which it waits; returns since when it has been due, or null where its head is being sent. The caller has locked the lane.';

create function outbox.move_on(lanes bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  lane_id bigint;
  due_since timestamptz;
begin
  -- those who take lanes out of runs take turns: each locks several runs
  perform pg_advisory_xact_lock(7501166); -- "run" in ASCII
  foreach lane_id in array lanes loop
    due_since := outbox.take_out(lane_id);
    if due_since is not null then
      perform outbox.put_on(array[lane_id], due_since);
    end if;
  end loop;
end $$;
comment on function outbox.move_on is 'Look anew where lanes belong that wait in runs, by what stands in them now; what is being sent is left alone. The caller has locked them.';

-- as 0015 calls it, with runs
create or replace function outbox.wake_lanes(
  lanes bigint[], heads bigint[], types text[], urgent boolean[], expires_at timestamptz[]
) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  idle bigint[];
  waiting bigint[];
  hurried bigint[];
  due bigint[];
begin
  -- Always in the order of the ids, so that two who lock several lanes cannot wait for each other. The values are the
  -- newest: a lane that has just gone idle is seen to be.
  select array_agg(w.place) filter (where not l.busy and l.due_at is null),
    array_agg(w.place) filter (where l.due_at is not null and (w.urgent or w.expires_at is not null)),
    array_agg(w.place) filter (where l.busy and w.urgent)
  into idle, waiting, hurried
  from unnest(wake_lanes.lanes, wake_lanes.urgent, wake_lanes.expires_at) with ordinality w (lane_id, urgent, expires_at, place)
  cross join lateral (select busy, due_at from outbox.lane where id = any(array[w.lane_id]) order by id limit 1 for no key update) l;

  if idle is not null then
    with woken as (
      update outbox.lane l set
        busy = l.ready_at <= now(),
        due_at = case when l.ready_at > now() then l.ready_at end,
        head = heads[a.place],
        last_urgent = case when wake_lanes.urgent[a.place] then outbox.last_urgent(l.id, heads[a.place]) else 0 end
      from unnest(idle) a (place) where l.id = any(array[wake_lanes.lanes[a.place]])
      returning a.place, l.busy
    )
    select array_agg(place order by place) filter (where busy) into due from woken;
    if due is not null then
      perform outbox.queue(
        array_agg(wake_lanes.lanes[place]), array_agg(heads[place]), array_agg(types[place]), array_agg(wake_lanes.urgent[place])
      ) from unnest(due) a (place);
    end if;
  end if;

  -- A lane that waits waits on, but for one whose head quiet hours hold back: that cannot keep back what cannot wait.
  if waiting is not null then
    update outbox.lane l set
      due_at = case
        when l.due_at > now() and (
          wake_lanes.urgent[a.place] or wake_lanes.expires_at[a.place] > now() and wake_lanes.expires_at[a.place] <= l.due_at
        ) and (
          select d.reason from outbox.delivery d where d.id = outbox.first_open(l.id, l.head)
        ) = 'quiet_hours' then greatest(now(), l.ready_at)
        else l.due_at
      end,
      last_urgent = case when wake_lanes.urgent[a.place] then outbox.last_urgent(l.id, heads[a.place]) else l.last_urgent end
    from unnest(waiting) a (place) where l.id = any(array[wake_lanes.lanes[a.place]]);
  end if;

  -- one that is being sent learns only that something urgent waits
  if hurried is not null then
    update outbox.lane l set last_urgent = outbox.last_urgent(l.id, heads[a.place])
    from unnest(hurried) a (place) where l.id = any(array[wake_lanes.lanes[a.place]]);
    perform outbox.move_on(array_agg(wake_lanes.lanes[place])) from unnest(hurried) a (place);
  end if;
end $$;
comment on function outbox.wake_lanes is 'Wake lanes that got deliveries in this transaction: of each, in the order of their ids, the first of these, its type, whether one is urgent, and when the first expires.';

create function outbox.last_urgent(lane_id bigint, head bigint) returns bigint
language sql stable as $$
  select coalesce(greatest(
    (select max(d.id) from outbox.delivery d where d.lane_id = last_urgent.lane_id and d.back and d.urgent and d.phase = 'open'),
    (select d.id from outbox.delivery d
     where d.lane_id = any(array[last_urgent.lane_id]) and d.id >= last_urgent.head and d.urgent and d.phase = 'open' order by d.lane_id desc, d.id desc limit 1)
  ), 0)
$$;
comment on function outbox.last_urgent is 'The last urgent delivery that is open in a lane, of those that came back and those from its head on; 0: none.';

create function outbox.requeue(lanes bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  looked_for constant integer := 50;
  hurried bigint[];
begin
  with before as materialized (
    select id, head, last_urgent from outbox.lane where id = any(requeue.lanes)
  ), urgent as (
    update outbox.lane l set last_urgent = u.id
    from before b cross join lateral (select outbox.last_urgent(b.id, b.head) as id offset 0) u
    where l.id = any(array[b.id]) and l.last_urgent <> u.id
    returning l.id, l.busy and b.last_urgent < u.id as grew
  )
  select array_agg(id) filter (where grew) into hurried from urgent;
  perform outbox.put_on(array(select id from outbox.lane where id = any(requeue.lanes) and not busy));
  -- Where there are many, only what cannot wait is looked for: the others are passed on when their turn comes.
  if cardinality(requeue.lanes) <= looked_for then
    hurried := array(select id from outbox.lane where id = any(requeue.lanes) and busy order by id);
  end if;
  if hurried <> '{}' then
    perform outbox.move_on(hurried);
  end if;
end $$;
comment on function outbox.requeue is 'Put lanes right in which deliveries have come back or were ended. The caller has locked them in an earlier statement.';

create function outbox.promote(channel text, most integer) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  ids bigint[];
  first bigint[];
  types text[];
  urgents boolean[];
begin
  select array_agg(id order by due_at) into ids from (
    select id, due_at from outbox.lane where channel = promote.channel and due_at <= now()
    order by due_at limit most for no key update skip locked
  ) l;
  if ids is null then
    return;
  end if;
  -- a later statement: it sees what stands in them now
  select array_agg(l.id order by a.place), array_agg(d.id order by a.place), array_agg(coalesce(e.type, '') order by a.place),
    array_agg(d.id <= l.last_urgent order by a.place)
  into ids, first, types, urgents
  from unnest(ids) with ordinality a (lane_id, place)
  cross join lateral (select id, head, last_urgent from outbox.lane where id = any(array[a.lane_id]) and due_at <= now() order by id limit 1) l
  left join lateral (select id, event_id from outbox.delivery where id = outbox.first_open(l.id, l.head) limit 1) d on true
  left join lateral (select type from outbox.event where id = any(array[d.event_id]) order by id limit 1) e on true;
  update outbox.lane l set due_at = null, busy = a.head is not null
  from unnest(ids, first) a (lane_id, head) where l.id = any(array[a.lane_id]);
  perform outbox.queue(array_agg(lane_id), array_agg(head), array_agg(type), array_agg(urgent))
  from unnest(ids, first, types, urgents) a (lane_id, head, type, urgent) where head is not null having count(*) > 0;
end $$;
comment on function outbox.promote is 'Put lanes that waited and are due now into runs, at most so many.';

-- Runs that nobody has claimed -> leased, whole or the first part of one.
create function outbox.claim(
  channel text, urgent integer, types text[], shares integer[], lease interval, paced boolean
) returns table (
  lane_id bigint, token bigint, delivery_id bigint, event_id bigint, recipient text, attempts bigint, expires_at timestamptz,
  type text, payload text, request_id text, emitted_at timestamptz, locale text, chat_id bigint, thread_id bigint,
  claimed_at timestamptz, reason text, link_state text, link_fault text, in_pace boolean, is_urgent boolean, quiet text,
  traceparent text
)
language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- no run is locked that is not needed: a cursor locks them one by one
  queued cursor (of_type text, hurried boolean) for
    select r.id, r.type, r.urgent, r.due_at, r.lanes, r.heads from outbox.run r
    where r.channel = claim.channel and r.urgent = hurried and r.type = of_type and r.lease_until is null and r.due_at <= now()
    order by r.due_at, r.id for update skip locked;
  wanted record;
  part bigint;
  open_lanes bigint[];
  open_heads bigint[];
  bad_lanes bigint[];
  bad_heads bigint[];
  leased bigint;
  tokens bigint[] := '{}';
  rest_lanes bigint[] := '{}';
  rest_heads bigint[] := '{}';
  rest_types text[] := '{}';
  rest_urgents boolean[] := '{}';
  looked_at bigint[];
begin
  for wanted in
    select '' as type, claim.urgent as share, true as hurried where claim.urgent > 0
    union all
    select s.type, s.share, false from unnest(claim.types, claim.shares) s (type, share) where s.share > 0
  loop
    for run in queued (wanted.type, wanted.hurried) loop
      part := least(wanted.share, cardinality(run.lanes));
      -- Whoever locks a delivery that waits decides about it: who ends it, or we. One that is locked, ended or behind
      -- what came back is not sent now.
      select array_agg(h.lane_id order by h.place) filter (where d.id is not null and b.id is null),
        array_agg(h.head order by h.place) filter (where d.id is not null and b.id is null),
        array_agg(h.lane_id order by h.place) filter (where d.id is null or b.id is not null),
        array_agg(h.head order by h.place) filter (where d.id is null or b.id is not null)
      into open_lanes, open_heads, bad_lanes, bad_heads
      from unnest(run.lanes[: part], run.heads[: part]) with ordinality h (lane_id, head, place)
      left join lateral (
        select d.id from outbox.delivery d where d.id = any(array[h.head]) and d.state = 'pending' order by d.id limit 1 for no key update skip locked
      ) d on true
      left join lateral (
        select b.id from outbox.delivery b
        where b.lane_id = h.lane_id and b.back and b.phase = 'open' and b.id < h.head limit 1
      ) b on true;
      if part < cardinality(run.lanes) then
        update outbox.run r set lanes = run.lanes[part + 1 :], heads = run.heads[part + 1 :] where r.id = run.id;
        leased := null;
        if open_lanes is not null then
          insert into outbox.run (channel, type, urgent, due_at, lease_until, lanes, heads)
          values (claim.channel, run.type, run.urgent, run.due_at, now() + claim.lease, open_lanes, open_heads)
          returning id into leased;
        end if;
      elsif open_lanes is null then
        delete from outbox.run r where r.id = run.id;
        leased := null;
      elsif bad_lanes is null then
        update outbox.run r set lease_until = now() + claim.lease where r.id = run.id returning r.id into leased;
      else
        update outbox.run r set lease_until = now() + claim.lease, lanes = open_lanes, heads = open_heads
        where r.id = run.id returning r.id into leased;
      end if;
      if leased is not null then
        tokens := tokens || leased;
        wanted.share := wanted.share - cardinality(open_lanes);
      end if;
      if bad_lanes is not null then
        rest_lanes := rest_lanes || bad_lanes;
        rest_heads := rest_heads || bad_heads;
        rest_types := rest_types || array_fill(run.type, array[cardinality(bad_lanes)]);
        rest_urgents := rest_urgents || array_fill(run.urgent, array[cardinality(bad_lanes)]);
      end if;
      exit when wanted.share <= 0;
    end loop;
  end loop;

  if rest_lanes <> '{}' then
    -- whoever holds one of these lanes is not waited for
    looked_at := array(select l.id from outbox.lane l where l.id = any(rest_lanes) order by l.id for no key update skip locked);
    perform outbox.queue(array_agg(lane_id), array_agg(head), array_agg(type), array_agg(urgent), now() + interval '100 ms')
    from unnest(rest_lanes, rest_heads, rest_types, rest_urgents) a (lane_id, head, type, urgent)
    where lane_id <> all(looked_at) having count(*) > 0;
    perform outbox.put_on(looked_at);
  end if;

  return query
  select h.lane_id, r.id, d.id, d.event_id, d.recipient, d.attempts, d.expires_at,
    e.type, e.payload, e.request_id, e.created_at, coalesce(p.language, p.locale),
    t.chat_id, t.thread_id, now(), d.reason, t.state, t.fault,
    case when claim.paced then (select l.paced_until <= now() from outbox.lane l where l.id = h.lane_id) else true end,
    r.urgent,
    case when p.quiet <> 'off' then json_build_array(
      -- held until later and here all the same: something behind it cannot wait, so it goes without a sound
      case when d.reason = 'quiet_hours' and d.due_at > now() then 'silent' else p.quiet end,
      p.quiet_from, p.quiet_until, coalesce(p.zone, p.timezone)
    )::text end,
    e.traceparent
  from unnest(tokens) a (token)
  cross join lateral (select id, urgent, lanes, heads from outbox.run where id = any(array[a.token]) order by id limit 1) r
  cross join lateral unnest(r.lanes, r.heads) h (lane_id, head)
  cross join lateral (
    select id, event_id, recipient, attempts, expires_at, reason, due_at from outbox.delivery where id = any(array[h.head]) order by id limit 1
  ) d
  left join lateral (
    select type, payload::text, request_id, created_at, traceparent from outbox.event where id = any(array[d.event_id]) order by id limit 1
  ) e on true
  left join lateral (
    select locale, timezone, language, zone, quiet, quiet_from, quiet_until from outbox.recipient p
    where p.recipient = any(array[d.recipient]) order by p.recipient limit 1
  ) p on true
  left join lateral (
    select chat_id, thread_id, state, fault from outbox.telegram_link t
    where t.recipient = any(array[d.recipient]) and t.unlinked_at is null order by t.recipient limit 1
  ) t on true;
end $$;
comment on function outbox.claim is 'Lease runs, or parts of them: up to so many urgent lanes, and of the others a share for each type; returns their heads, with what it takes to send them.';

create function outbox.ready_after(paced_until timestamptz, every float8, burst integer) returns timestamptz
language sql stable as $$
  select greatest(now(), paced_until) + make_interval(secs => every) * (2 - burst)
$$;
comment on function outbox.ready_after is 'When a chat may get its next message, by GCRA with the theoretical arrival time kept in the lane; with a burst of 1 that time itself.';

create function outbox.end_attempts(
  tokens bigint[], deliveries bigint[], message_ids bigint[], took real[], every float8[], bursts integer[], over bigint[],
  out won bigint[], out paced integer
)
language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  valid bigint[];
  held bigint[];
  ended bigint[];
  sent bigint[];
  lasted real[];
  next_lanes bigint[];
  next_heads bigint[];
  left_lanes bigint[];
begin
  -- A run that is ours still: while we hold it nobody else can end its attempts or take it over.
  select array_agg(r.id) into valid from (
    select id from outbox.run where id = any(tokens) and lease_until is not null order by id for no key update
  ) r;
  held := array(select h.head from unnest(valid) a (token) cross join lateral (
    select heads from outbox.run where id = any(array[a.token]) order by id limit 1
  ) r cross join lateral unnest(r.heads) h (head));
  paced := 0;
  -- Lanes before deliveries, as everybody locks them. A lane that has more waiting, and no pace to keep, is not written.
  with next as materialized (
    select d.id, d.lane_id, d.back, a.message_id, a.seconds, a.every, a.burst, n.id as head,
      n.id is null or n.due_at > now() as stays
    from unnest(tokens, deliveries, message_ids, took, every, bursts) a (token, delivery_id, message_id, seconds, every, burst)
    cross join lateral (
      select id, lane_id, back from outbox.delivery where id = any(array[a.delivery_id]) and state = 'pending' order by id limit 1
    ) d
    left join lateral (
      select o.id, o.due_at from (
        select least(
          (select b.id from outbox.delivery b
           where b.lane_id = any(array[d.lane_id]) and b.back and b.phase = 'open' and b.id <> d.id order by b.lane_id, b.id limit 1),
          (select o.id from outbox.delivery o
           where o.lane_id = d.lane_id and o.phase = 'open' and o.id <> d.id
             and o.id >= case when d.back then (select l.head from outbox.lane l where l.id = d.lane_id) else d.id end
           order by o.id limit 1)
        ) as id offset 0
      ) f cross join lateral (select id, due_at from outbox.delivery where id = any(array[f.id]) order by id limit 1) o
    ) n on true
    where a.token = any(valid) and a.delivery_id = any(held)
    order by d.lane_id
  ), kept as (
    update outbox.lane l set
      busy = not n.stays and (n.every = 0 or outbox.ready_after(l.paced_until, n.every, n.burst) <= now()),
      due_at = case when not n.stays and n.every > 0 and outbox.ready_after(l.paced_until, n.every, n.burst) > now()
        then outbox.ready_after(l.paced_until, n.every, n.burst) end,
      head = case when n.back then l.head else greatest(l.head, n.id + 1) end,
      paced_until = case when n.every > 0 then outbox.ready_after(l.paced_until, n.every, 1) else l.paced_until end,
      ready_at = case when n.every > 0 then outbox.ready_after(l.paced_until, n.every, n.burst) else l.ready_at end
    from next n
    where l.id = any(array[n.lane_id]) and (n.stays or n.every > 0)
    returning n.lane_id, n.head, n.stays, l.busy
  )
  select (select array_agg(id order by id) from next), (select array_agg(message_id order by id) from next),
    (select array_agg(seconds order by id) from next),
    (select array_agg(lane_id) from next where not stays and every = 0) || array_agg(lane_id) filter (where busy),
    (select array_agg(head) from next where not stays and every = 0) || array_agg(head) filter (where busy),
    array_agg(lane_id) filter (where stays), count(*) filter (where not stays and not busy)
  into ended, sent, lasted, next_lanes, next_heads, left_lanes, paced from kept;

  with moved as (
    update outbox.delivery d set
      state = 'sent', reason = null, attempts = d.attempts + 1, message_id = a.message_id, seconds = a.seconds,
      settled_at = now(), back = false
    from unnest(ended, sent, lasted) a (delivery_id, message_id, seconds)
    where d.id = any(array[a.delivery_id]) and d.state = 'pending'
    returning d.id
  )
  select array_agg(id) into won from moved;

  -- later statements: only so do they see what was added before we had the lanes
  if next_lanes is not null then
    perform outbox.queue(
      array_agg(a.lane_id), array_agg(a.head), array_agg(coalesce(e.type, '')), array_agg(a.head <= l.last_urgent)
    )
    from unnest(next_lanes, next_heads) a (lane_id, head)
    cross join lateral (select last_urgent from outbox.lane where id = any(array[a.lane_id]) order by id limit 1) l
    left join lateral (select event_id from outbox.delivery where id = any(array[a.head]) order by id limit 1) d on true
    left join lateral (select type from outbox.event where id = any(array[d.event_id]) order by id limit 1) e on true;
  end if;
  if left_lanes is not null then
    left_lanes := array(
      select l.id from unnest(left_lanes) a (lane_id)
      cross join lateral (select id, head from outbox.lane where id = any(array[a.lane_id]) order by id limit 1) l
      where (select true from outbox.delivery d where d.lane_id = l.id and d.id >= l.head and d.phase = 'open' limit 1)
        or (select true from outbox.delivery d where d.lane_id = l.id and d.back and d.phase = 'open' limit 1)
    );
    if left_lanes <> '{}' then
      paced := paced + outbox.put_on(left_lanes);
    end if;
  end if;
  if over <> '{}' then
    delete from outbox.run where id = any(over) and id = any(valid);
  end if;
end $$;
comment on function outbox.end_attempts is 'End attempts that delivered and say no more than that; returns whose attempt was recorded, and how many lanes only their chat''s pace holds back. `over`: runs of which nothing is left.';

create or replace function outbox.forget(recipient text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  alias text := 'forgotten-' || gen_random_uuid();
  quoted text := to_json(recipient)::text;
  mentioned text;
  mine bigint[];
  shown bigint[];
  waiting bigint[];
begin
  if forget.recipient is null or forget.recipient = '' then
    raise exception using errcode = '22023', message = 'outbox.forget: recipient is null or empty';
  end if;
  -- no relay between here and the commit, or it would write the person anew
  perform from outbox.cursor where consumer = 'relay' for update;
  insert into outbox.lane (channel, recipient)
  select 'inapp', forget.recipient
  where exists (select from outbox.notification n where n.recipient = forget.recipient and n.read_at is null)
    or exists (select from outbox.notification n where n.recipient = forget.recipient and n.read_at is not null)
  on conflict do nothing;
  mine := array(
    select l.id from outbox.lane l where l.channel = any(array['telegram', 'inapp']) and l.recipient = forget.recipient
  );
  perform from outbox.lane l where l.id = any(mine) order by l.id for update;
  -- before the notifications, as whoever reads them does
  perform from outbox.inbox i where i.recipient = forget.recipient for update;
  shown := array(
    select n.event_id from outbox.notification n where n.recipient = forget.recipient and n.read_at is null
    union all
    select n.event_id from outbox.notification n where n.recipient = forget.recipient and n.read_at is not null
  );

  -- An id like user-4711 or a@b.example stands nowhere by accident; 4711 or anna does: of such a one only whole words,
  -- in what was theirs too, are the person, or other people's sums and names would change.
  if length(forget.recipient) >= 6 and forget.recipient ~ '[0-9@]' and forget.recipient ~ '[^0-9.,-]' then
    mentioned := '(?<![[:alnum:]])' || regexp_replace(forget.recipient, '([][\\.^$*+?(){}|])', '\\\1', 'g') || '(?![[:alnum:]])';
    quoted := substr(quoted, 2, length(quoted) - 2);
  end if;

  -- what was written for them alone goes; what is for others too stays, without the person's id
  update outbox.event
  set recipients = array_replace(recipients, forget.recipient, alias),
      payload = case
        when recipients = array[forget.recipient] then '{}'
        when strpos(payload::text, quoted) > 0 then outbox.renamed(payload, forget.recipient, alias, mentioned)
        else payload
      end,
      dedupe_key = case when strpos(dedupe_key, forget.recipient) > 0 then alias || '-' || id else dedupe_key end,
      request_id = case when strpos(request_id, forget.recipient) > 0 then alias else request_id end
  where recipients @> array[forget.recipient]
    or mentioned is not null
    and (strpos(payload::text, quoted) > 0 or strpos(dedupe_key, forget.recipient) > 0 or strpos(request_id, forget.recipient) > 0);

  -- the counts stay provable: what the inbox showed becomes a row that says why it is gone
  insert into outbox.delivery (event_id, lane_id, channel, recipient, state, reason, settled_at)
  select n.event_id, (select l.id from outbox.lane l where l.channel = 'inapp' and l.recipient = forget.recipient),
    'inapp', alias, 'skipped', 'forgotten', now()
  from unnest(shown) n (event_id);
  -- whoever claims what is open or ends its attempt is waited for; an attempt that is under way then finds nothing to end
  waiting := array(
    select o.id from outbox.lane l cross join lateral (
      select o.id from outbox.delivery o where o.lane_id = l.id and o.id >= l.head and o.phase = 'open'
      union all
      select o.id from outbox.delivery o where o.lane_id = l.id and o.id < l.head and o.back and o.phase = 'open'
    ) o
    where l.id = any(mine)
  );
  perform from outbox.delivery d where d.id = any(waiting) order by d.id for no key update;
  -- those who take lanes out of runs take turns
  perform pg_advisory_xact_lock(7501166);
  perform outbox.take_out(l.id) from outbox.lane l where l.id = any(mine) and l.busy;
  update outbox.delivery d
  set recipient = alias,
      state = case when state in ('pending', 'sending') then 'skipped' else state end,
      reason = case when state in ('pending', 'sending') then 'forgotten' else reason end,
      settled_at = coalesce(settled_at, now()),
      message_id = null
  where d.id = any(array(select o.id from outbox.delivery o where o.lane_id = any(mine) order by o.lane_id, o.id));
  delete from outbox.live_message m where m.lane_id = any(mine);
  update outbox.lane l set recipient = alias, busy = false, due_at = null, last_urgent = 0 where l.id = any(mine);

  update outbox.telegram_update u set chat_id = null
  where u.chat_id = any(array(select t.chat_id from outbox.telegram_link t where t.recipient = forget.recipient));
  delete from outbox.notification n where n.event_id = any(shown) and n.recipient = forget.recipient;
  delete from outbox.inbox i where i.recipient = forget.recipient;
  delete from outbox.preference p where p.recipient = forget.recipient;
  delete from outbox.binding_request b where b.recipient = forget.recipient;
  delete from outbox.link_audit a where a.recipient = forget.recipient;
  delete from outbox.telegram_link t where t.recipient = forget.recipient;
  delete from outbox.recipient r where r.recipient = forget.recipient;

  -- a token that was issued before opens nothing any more
  insert into outbox.forgotten as f (digest) values (outbox.digest_of(forget.recipient))
  on conflict (digest) do update set forgotten_at = excluded.forgotten_at;
end $$;

revoke all on function outbox.queue, outbox.first_open, outbox.last_urgent, outbox.put_on, outbox.take_out, outbox.move_on,
  outbox.wake_lanes,
  outbox.requeue, outbox.promote, outbox.claim, outbox.ready_after, outbox.end_attempts from public;
grant execute on function outbox.queue, outbox.first_open, outbox.last_urgent, outbox.put_on, outbox.take_out, outbox.move_on,
  outbox.wake_lanes,
  outbox.requeue, outbox.promote, outbox.claim, outbox.ready_after, outbox.end_attempts to outbox_worker;
grant usage on sequence outbox.run_id_seq to outbox_worker;
