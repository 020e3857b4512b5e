-- breaking
-- The relay in one function, whose rows never leave PostgreSQL; its ledger by batch; one table for all events that wait.
set local lock_timeout = '5s';
set local statement_timeout = '1h';

create table outbox.route (
  routing bigint not null,
  type text collate "C" not null,
  category text collate "C" not null,
  channels text[] collate "C" not null constraint route_channels_known check (channels <@ array['telegram', 'inapp']),
  ttl interval,
  urgent boolean not null,
  created_at timestamptz not null default now(),
  primary key (routing, type)
);
comment on table outbox.route is 'Where a catalog sends the events of each type. Written by the workers that use it, once for each catalog.';
comment on column outbox.route.routing is 'Hash of all routes of the catalog.';
comment on column outbox.route.ttl is 'Time to live on Telegram.';
comment on column outbox.route.urgent is 'May use the share of the Telegram rate that broadcasts leave free.';

create table outbox.batch (
  id bigint generated always as identity primary key,
  events int8multirange not null constraint batch_events_some check (not isempty(events)),
  routing bigint not null,
  relayed_at timestamptz not null default clock_timestamp()
);
comment on table outbox.batch is 'The relay''s ledger: which events were relayed, and by which routes. A type without a route in there went nowhere.';
comment on column outbox.batch.events is 'Ids of the events; no event stands in two batches.';
create index batch_events on outbox.batch using gist (events);

create table outbox.waiting (
  id bigint generated always as identity primary key,
  event_id bigint not null unique references outbox.event on delete cascade,
  type text collate "C" not null,
  reason text collate "C" not null constraint waiting_reason_known check (reason in ('scheduled', 'unrouted', 'paused')),
  due_at timestamptz constraint waiting_due_when_scheduled check ((due_at is not null) = (reason = 'scheduled')),
  since timestamptz not null default clock_timestamp()
);
comment on table outbox.waiting is 'Events that the relay has read and not fanned out yet, and why.';
comment on column outbox.waiting.id is 'Grows in the order in which the relay has read them.';
comment on column outbox.waiting.reason is 'scheduled: its time has not come. unrouted: the catalog does not know its type. paused: by an operator.';
create index waiting_due on outbox.waiting (due_at, event_id) where reason = 'scheduled';
create index waiting_unrouted on outbox.waiting (type, id) where reason = 'unrouted';

-- What was relayed keeps its channels and, to the minute, its time. A type that had other channels at another time has
-- them under another routing; one that was unknown went nowhere, and stays so.
create temporary table routed on commit drop as
select e.type, r.channels, -dense_rank() over (partition by e.type order by r.channels) as routing
from outbox.relayed r join outbox.event e on e.id = r.event_id
where r.channels <> '{}' group by e.type, r.channels;
insert into outbox.route (routing, type, category, channels, urgent)
select routing, type, '', channels, false from routed;
insert into outbox.batch (events, routing, relayed_at)
select range_agg(int8range(r.event_id, r.event_id, '[]')), coalesce(t.routing, 0), max(r.relayed_at)
from outbox.relayed r
left join outbox.event e on e.id = r.event_id
left join routed t on t.type = e.type and t.channels = r.channels
group by coalesce(t.routing, 0), date_trunc('minute', r.relayed_at)
order by max(r.relayed_at);
insert into outbox.waiting (event_id, type, reason, due_at)
select s.event_id, e.type, 'scheduled', s.due_at
from outbox.scheduled s join outbox.event e on e.id = s.event_id order by s.event_id;
drop table outbox.relayed, outbox.scheduled;

-- An insert into the inbox meets two indexes instead of three, of which one grows at its end only: what is read and what
-- is unread are each listed by an index of their own.
alter table outbox.notification drop constraint notification_pkey;
alter table outbox.notification drop constraint notification_recipient_event_id_key;
alter table outbox.notification add primary key (event_id, recipient);
create index notification_read on outbox.notification (recipient, id) where read_at is not null;
alter table outbox.inbox set (fillfactor = 50);

-- No plan of what follows hangs on statistics: a table is met through `lateral ... limit 1`, a scalar sub-select, or
-- `key = any(array[x])` where a row is updated, and nothing is joined to what was computed. Where several indexes could
-- be taken, the key is compared and ordered so that one is the only way: docs/decisions/0028-one-way-for-each-look-up.md.

create function outbox.wake_lanes(
  lanes bigint[], heads bigint[], types text[], urgent boolean[], expires_at timestamptz[]
) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  -- Two statements: only one that starts after the lock sees whether a lane has just gone idle.
  perform from outbox.lane l where l.id = any(wake_lanes.lanes) order by l.id for no key update;
  -- Idle lanes become due; leased ones look for themselves when their attempt ends. What is urgent hurries any lane. A
  -- lane with a due time keeps it. Exception: if only quiet hours hold back its head, a delivery that is urgent or
  -- expires before then makes the lane due now.
  update outbox.lane l set
    due_at = case
      when l.lease_until is not null then null
      when l.due_at is null then greatest(now(), l.ready_at)
      when l.due_at > now() and (a.urgent or (a.expires_at > now() and a.expires_at <= l.due_at)) and (
        select d.reason from outbox.delivery d
        where d.lane_id = any(array[a.lane_id]) and d.phase = 'open' and d.state = 'pending'
        order by d.lane_id, d.id limit 1
      ) = 'quiet_hours' then greatest(now(), l.ready_at)
      else l.due_at
    end,
    head_type = case when l.due_at is null and l.lease_until is null then a.type else l.head_type end,
    urgent = l.urgent or a.urgent
  from unnest(wake_lanes.lanes, wake_lanes.types, wake_lanes.urgent, wake_lanes.expires_at) a (lane_id, type, urgent, expires_at)
  where l.id = any(array[a.lane_id]) and (
    (l.due_at is null and l.lease_until is null) or (a.urgent and not l.urgent)
    or (l.due_at > now() and a.expires_at <= l.due_at)
  );
end $$;
comment on function outbox.wake_lanes is 'Make lanes due that got pending deliveries in this transaction, in ascending order: of each the first of these deliveries, its type, whether one of them is urgent, and when the first of them expires.';

create function outbox.add_notifications(
  events bigint[], types text[], categories text[],
  out notifications integer, out recipients text[], out muted_events bigint[], out muted text[]
)
language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  named bigint[];
  people text[] collate "C";
  kinds text[] collate "C";
  groups text[] collate "C";
  versions bigint[];
  counts bigint[];
begin
  select array_agg(p.event_id) filter (where not p.off), array_agg(p.recipient) filter (where not p.off),
    array_agg(p.type) filter (where not p.off), array_agg(p.category) filter (where not p.off),
    array_agg(p.event_id) filter (where p.off), array_agg(p.recipient) filter (where p.off)
  into named, people, kinds, groups, muted_events, muted
  from (
    select a.event_id, r.recipient, a.type, a.category, (
      select true from outbox.preference f
      where f.recipient = r.recipient and f.category = a.category and f.channel = 'inapp' and not f.enabled limit 1
    ) is true as off
    from unnest(add_notifications.events, add_notifications.types, add_notifications.categories)
      with ordinality a (event_id, type, category, place)
    cross join lateral (select e.recipients from outbox.event e where e.id = any(array[a.event_id]) order by e.id limit 1) e
    cross join lateral unnest(e.recipients) r (recipient)
    -- so that whoever locks several inboxes does it in one order
    order by r.recipient, a.place
  ) p;
  notifications := coalesce(cardinality(named), 0);
  if notifications = 0 then
    return;
  end if;

  -- those of one recipient have consecutive versions, which end with the inbox's new one
  with added as materialized (
    select u.recipient, count(*) as n from unnest(people) u (recipient) group by u.recipient order by u.recipient
  ), counted as (
    insert into outbox.inbox as i (recipient, unread, version)
    select a.recipient, a.n, a.n from added a
    on conflict (recipient) do update set unread = i.unread + excluded.unread, version = i.version + excluded.version
    returning i.recipient, i.version
  )
  select array_agg(c.recipient order by c.recipient), array_agg(c.version order by c.recipient),
    (select array_agg(a.n order by a.recipient) from added a)
  into recipients, versions, counts
  from counted c;
  insert into outbox.notification (event_id, recipient, type, category, version)
  select * from unnest(named, people, kinds, groups, array(
    select u.version - u.n + k from unnest(versions, counts) u (version, n) cross join lateral generate_series(1, u.n) k
  ));
end $$;
comment on function outbox.add_notifications is 'Notify the recipients of events, given in commit order, and count what they have not read. Who has muted a category is returned with the event instead.';

create function outbox.add_deliveries(
  events bigint[], categories text[], urgent boolean[], expires_at timestamptz[], muted_events bigint[], muted text[],
  out deliveries integer, out skipped integer, out lanes integer
)
language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  named bigint[];
  channels text[] collate "C";
  people text[] collate "C";
  hurried boolean[];
  ends timestamptz[];
  skips text[] collate "C";
  places bigint[];
  moment timestamptz := clock_timestamp();
  woken bigint[];
  heads bigint[];
  types text[];
  hurry boolean[];
  first_end timestamptz[];
begin
  select array_agg(p.event_id), array_agg(p.channel), array_agg(p.recipient), array_agg(p.urgent),
    array_agg(p.expires_at), array_agg(p.skip), array_agg(
      (select l.id from outbox.lane l where l.channel = p.channel and l.recipient = p.recipient limit 1)
    )
  into named, channels, people, hurried, ends, skips, places
  from (
    select a.place, a.event_id, 'telegram' as channel, r.recipient, a.urgent, a.expires_at, case
      when t.state is null then 'no_link'
      when (
        select true from outbox.preference f
        where f.recipient = r.recipient and f.category = a.category and f.channel = 'telegram' and not f.enabled limit 1
      ) then 'muted'
      -- a link that cannot be written to says why in the words of the reasons
      when t.state <> 'active' then t.state
    end as skip
    from unnest(add_deliveries.events, add_deliveries.categories, add_deliveries.urgent, add_deliveries.expires_at)
      with ordinality a (event_id, category, urgent, expires_at, place)
    cross join lateral (select e.recipients from outbox.event e where e.id = any(array[a.event_id]) order by e.id limit 1) e
    cross join lateral unnest(e.recipients) r (recipient)
    left join lateral (
      select l.state from outbox.telegram_link l
      where l.recipient = any(array[r.recipient]) and l.unlinked_at is null order by l.recipient limit 1
    ) t on true
    union all
    select null, m.event_id, 'inapp', m.recipient, false, null, 'muted'
    from unnest(add_deliveries.muted_events, add_deliveries.muted) m (event_id, recipient)
    order by place
  ) p;
  deliveries := coalesce(cardinality(named), 0);
  skipped := 0;
  lanes := 0;
  if deliveries = 0 then
    return;
  end if;

  if array_position(places, null) is not null then
    insert into outbox.lane (channel, recipient)
    select distinct p.channel, p.recipient
    from unnest(channels, people, places) p (channel, recipient, lane_id) where p.lane_id is null
    order by p.channel, p.recipient
    on conflict do nothing;
    select array_agg(coalesce(p.lane_id, (
      select l.id from outbox.lane l where l.channel = p.channel and l.recipient = p.recipient limit 1
    )) order by p.place)
    into places
    from unnest(channels, people, places) with ordinality p (channel, recipient, lane_id, place);
  end if;

  with ordered as materialized (
    select p.* from unnest(named, places, channels, people, hurried, ends, skips)
      p (event_id, lane_id, channel, recipient, urgent, expires_at, skip)
  ), born as (
    -- pending, or skipped with its reason and settled in the same moment
    insert into outbox.delivery
      (event_id, lane_id, channel, recipient, urgent, expires_at, created_at, state, reason, settled_at)
    select o.event_id, o.lane_id, o.channel, o.recipient, o.urgent, o.expires_at, moment,
      case when o.skip is null then 'pending' else 'skipped' end, o.skip, case when o.skip is not null then moment end
    from ordered o
    returning id, lane_id, event_id, urgent, expires_at, state
  ), work as materialized (
    select b.lane_id, min(b.id) as head, (array_agg(b.event_id order by b.id))[1] as event_id,
      bool_or(b.urgent) as urgent, min(b.expires_at) as expires_at
    from born b where b.state = 'pending' group by b.lane_id order by b.lane_id
  )
  select (select count(*) from born b where b.state = 'skipped'), count(*), array_agg(w.lane_id), array_agg(w.head),
    array_agg((select e.type from outbox.event e where e.id = any(array[w.event_id]) order by e.id limit 1)), array_agg(w.urgent), array_agg(w.expires_at)
  into skipped, lanes, woken, heads, types, hurry, first_end
  from work w;
  if lanes > 0 then
    perform outbox.wake_lanes(woken, heads, types, hurry, first_end);
  end if;
end $$;
comment on function outbox.add_deliveries is 'Make Telegram deliveries of events, given in commit order, and put their lanes right; also skipped in-app deliveries of those who have muted a category.';

create function outbox.relay(
  routing bigint, events integer, pairs integer,
  out standing text, out relayed jsonb, out first_id bigint, out oldest timestamptz, out scheduled integer,
  out unrouted integer, out notifications integer, out deliveries integer, out skipped integer, out lanes integer,
  out recipients text[], out more boolean
)
language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  last_id constant bigint := 9223372036854775807;
  most_bytes constant integer := 1048576;
  place outbox.cursor%rowtype;
  seen pg_snapshot;
  after_xid xid8;
  after_id bigint;
  found_events integer;
  taken_events integer;
  ids bigint[];
  types text[] collate "C";
  moments timestamptz[];
  postponed timestamptz[];
  expiries timestamptz[];
  span int8multirange;
  known int8multirange;
  going bigint[];
  aside bigint[];
  aside_types text[] collate "C";
  aside_due timestamptz[];
  inapp bigint[];
  inapp_types text[] collate "C";
  inapp_categories text[] collate "C";
  telegram bigint[];
  telegram_categories text[] collate "C";
  urgent boolean[];
  ends timestamptz[];
  muted_events bigint[];
  muted text[];
begin
  select * into place from outbox.cursor c where c.consumer = 'relay' for update skip locked;
  if not found then
    standing := case when exists (select from outbox.cursor c where c.consumer = 'relay') then 'held' else 'missing' end;
    return;
  end if;
  -- a statement of its own, after the lock: the one that locks may have seen less than whoever moved the cursor last
  seen := pg_current_snapshot();
  standing := case
    when place.system_identifier = 0 then 'moved'
    when place.system_identifier <> (select c.system_identifier from pg_control_system() c) then 'foreign'
    when pg_snapshot_xmax(place.high) > pg_snapshot_xmax(seen) then 'ahead'
    when relay.routing <> 0 and not exists (select from outbox.route r where r.routing = relay.routing) then 'unregistered'
    else 'relayed'
  end;
  if standing <> 'relayed' then
    return;
  end if;
  if place.low::text = place.high::text then
    place.high := seen;
  end if;
  -- where the index is entered: a row comparison with (0, 0) would walk through everything that the log keeps
  after_xid := greatest(place.at_xid, pg_snapshot_xmax(place.low));
  after_id := case when place.at_xid >= pg_snapshot_xmax(place.low) then place.at_id else 0 end;

  -- Two reads, each by the index (xid, id) and each limited: first transactions that were open at `low`, then those that
  -- began after it. All of the first have lower ids than any of the second.
  with window_of as materialized (
    select * from (
      (select e.* from pg_snapshot_xip(place.low) x
       cross join lateral (
         select e.id, e.xid, e.type, e.recipients, e.created_at, e.deliver_at, e.expires_at from outbox.event e
         where (e.xid, e.id) <= (x, last_id) and (e.xid, e.id) > (
           x, case when x < place.at_xid then last_id when x = place.at_xid then place.at_id else 0 end
         )
         order by e.xid, e.id limit relay.events
       ) e
       where pg_visible_in_snapshot(x, place.high)
       order by e.xid, e.id limit relay.events)
      union all
      (select e.id, e.xid, e.type, e.recipients, e.created_at, e.deliver_at, e.expires_at from outbox.event e
       where (e.xid, e.id) > (after_xid, after_id) and e.xid < pg_snapshot_xmax(place.high)
         and pg_visible_in_snapshot(e.xid, place.high)
       order by e.xid, e.id limit relay.events)
    ) e order by e.xid, e.id limit relay.events
  ), light as (
    -- as they are stored: whoever counts the recipients has to unpack them, and shall not do so of all
    select w.*, row_number() over o as number, sum(pg_column_size(w.recipients)) over o as bytes
    from window_of w window o as (order by w.xid, w.id)
  ), counted as (
    select l.*, sum(cardinality(l.recipients)) over (order by l.number) as pairs
    from light l where l.bytes <= most_bytes or l.number = 1
  ), page as (
    -- one event is read however many recipients it has
    select * from counted c where c.pairs <= relay.pairs or c.number = 1 order by c.number
  )
  select (select count(*) from window_of), count(*), (array_agg(p.xid))[count(*)::integer], (array_agg(p.id))[count(*)::integer],
    array_agg(p.id), array_agg(p.type), array_agg(greatest(p.created_at, p.deliver_at)),
    array_agg(case when p.deliver_at > now() then p.deliver_at end), array_agg(p.expires_at),
    range_agg(int8range(p.id, p.id, '[]'))
  into found_events, taken_events, place.at_xid, place.at_id, ids, types, moments, postponed, expiries, span
  from page p;
  more := found_events = relay.events or taken_events < found_events;
  if not more then
    place.low := place.high;
    place.at_xid := '0';
    place.at_id := 0;
  end if;

  -- what was relayed before: the cursor was set back
  select range_agg(r) into known
  from outbox.batch b cross join lateral unnest(b.events) r
  where b.events && span and span && r;

  -- those that wait no longer, after what went meanwhile: whose time has come, then whose type has become known
  if exists (select from outbox.waiting) then
    select ids || array_agg(w.event_id), types || array_agg(w.type), moments || array_agg(w.moment),
      postponed || array_agg(w.later), expiries || array_agg(w.expires_at)
    into ids, types, moments, postponed, expiries
    from (
      select w.*, e.expires_at, coalesce(w.due_at, greatest(e.created_at, e.deliver_at)) as moment,
        case when w.due_at is null and e.deliver_at > now() then e.deliver_at end as later,
        row_number() over o as number, sum(cardinality(e.recipients)) over o as pairs
      from (
        (select 1 as turn, w.* from outbox.waiting w where w.reason = 'scheduled' and w.due_at <= now()
         order by w.due_at, w.event_id limit relay.events)
        union all
        (select 2, w.* from outbox.route r cross join lateral (
           select w.* from outbox.waiting w
           where w.reason = 'unrouted' and w.type = any(array[r.type]) order by w.type, w.id limit relay.events
         ) w
         where r.routing = relay.routing
         order by w.id limit relay.events)
      ) w
      cross join lateral (
        select e.created_at, e.deliver_at, e.expires_at, e.recipients from outbox.event e where e.id = any(array[w.event_id]) order by e.id limit 1
      ) e
      -- a scheduled one has an id above all that are due before it: times come first
      window o as (order by w.turn, w.due_at, case when w.turn = 1 then w.event_id else w.id end)
      order by w.turn, w.due_at, case when w.turn = 1 then w.event_id else w.id end
    ) w
    where (w.pairs <= relay.pairs or w.number = 1) and not coalesce(span @> w.event_id, false);
  end if;

  with fates as materialized (
    select a.*, r.category, r.channels, r.urgent, least(a.expires_at, a.moment + r.ttl) as ends,
      r.category is not null and a.later is null as goes
    from unnest(ids, types, moments, postponed, expiries) with ordinality
      a (id, type, moment, later, expires_at, place)
    left join lateral (
      select r.* from outbox.route r where r.routing = relay.routing and r.type = a.type limit 1
    ) r on true
    where not coalesce(known @> a.id, false)
    order by a.place
  )
  select (select jsonb_object_agg(t.type, t.count) from (
      select f.type, count(*) from fates f where f.goes group by f.type
    ) t),
    min(f.id) filter (where f.goes), min(f.moment) filter (where f.goes),
    count(*) filter (where not f.goes and f.category is not null), count(*) filter (where f.category is null),
    array_agg(f.id) filter (where f.goes),
    array_agg(f.id) filter (where not f.goes), array_agg(f.type) filter (where not f.goes),
    array_agg(case when f.category is not null then f.later end) filter (where not f.goes),
    array_agg(f.id) filter (where f.goes and 'inapp' = any(f.channels)),
    array_agg(f.type) filter (where f.goes and 'inapp' = any(f.channels)),
    array_agg(f.category) filter (where f.goes and 'inapp' = any(f.channels)),
    array_agg(f.id) filter (where f.goes and 'telegram' = any(f.channels)),
    array_agg(f.category) filter (where f.goes and 'telegram' = any(f.channels)),
    array_agg(f.urgent) filter (where f.goes and 'telegram' = any(f.channels)),
    array_agg(f.ends) filter (where f.goes and 'telegram' = any(f.channels))
  into relayed, first_id, oldest, scheduled, unrouted, going, aside, aside_types, aside_due, inapp, inapp_types,
    inapp_categories, telegram, telegram_categories, urgent, ends
  from fates f;

  notifications := 0;
  deliveries := 0;
  skipped := 0;
  lanes := 0;
  if going is not null then
    insert into outbox.batch (events, routing)
    select range_agg(int8range(g, g, '[]')), relay.routing from unnest(going) g;
    if inapp is not null then
      select n.notifications, n.recipients, n.muted_events, n.muted
      into notifications, recipients, muted_events, muted
      from outbox.add_notifications(inapp, inapp_types, inapp_categories) n;
    end if;
    if telegram is not null or muted is not null then
      select d.deliveries, d.skipped, d.lanes into deliveries, skipped, lanes
      from outbox.add_deliveries(telegram, telegram_categories, urgent, ends, muted_events, muted) d;
    end if;
    if exists (select from outbox.waiting) then
      delete from outbox.waiting w where w.event_id = any(going);
    end if;
  end if;
  if aside is not null then
    insert into outbox.waiting as w (event_id, type, reason, due_at)
    select a.id, a.type, case when a.due_at is null then 'unrouted' else 'scheduled' end, a.due_at
    from unnest(aside, aside_types, aside_due) with ordinality a (id, type, due_at, place) order by a.place
    on conflict (event_id) do update set reason = excluded.reason, due_at = excluded.due_at
    where (w.reason, w.due_at) is distinct from (excluded.reason, excluded.due_at);
  end if;

  update outbox.cursor c
  set low = place.low, high = place.high, at_xid = place.at_xid, at_id = place.at_id, moved_at = now()
  where c.consumer = 'relay';
end $$;
comment on function outbox.relay is 'Fan out the next events after the cursor, at most so many for at most so many recipients (one event at the least), by the routes of a catalog, in one transaction. standing says whether that was done: relayed; held: another relay is at it; missing: there is no cursor; moved, foreign, ahead: it is not of this database; unregistered: these routes are not known.';

-- as before, but that no plan of it hangs on statistics
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
  update outbox.delivery d
  set recipient = alias,
      state = case when state in ('pending', 'sending') then 'skipped' else state end,
      reason = case when state in ('pending', 'sending') then 'forgotten' else reason end,
      settled_at = coalesce(settled_at, now()),
      message_id = null
  where d.lane_id = any(mine);
  delete from outbox.live_message m where m.lane_id = any(mine);
  update outbox.lane l set recipient = alias, due_at = null, lease_until = null, token = token + 1 where l.id = any(mine);

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

revoke all on function outbox.wake_lanes, outbox.add_notifications, outbox.add_deliveries, outbox.relay from public;
grant execute on function outbox.wake_lanes, outbox.add_notifications, outbox.add_deliveries, outbox.relay to outbox_worker;
