-- The schema, its roles, the event log and its cursor.
set local lock_timeout = '5s';
set local statement_timeout = '60s';

do $$
declare
  wanted text;
begin
  foreach wanted in array array['outbox_producer', 'outbox_worker', 'outbox_reader'] loop
    if to_regrole(wanted) is null then
      begin
        execute format('create role %I nologin', wanted);
      exception
        when duplicate_object or unique_violation then null; -- a deploy in another database was first
        when insufficient_privilege then
          raise exception 'role % is missing and % may not create roles', wanted, current_user
            using hint = 'As a superuser: create role outbox_producer; create role outbox_worker; create role outbox_reader;';
      end;
    end if;
  end loop;
end $$;

create schema if not exists outbox;

create table outbox.event (
  id bigint generated always as identity primary key,
  xid xid8 not null default pg_current_xact_id(),
  type text collate "C" not null constraint event_type_named check (btrim(type) <> ''),
  recipients text[] collate "C" not null constraint event_recipients_counted check (cardinality(recipients) between 1 and 10000),
  payload jsonb not null default '{}' constraint event_payload_object check (jsonb_typeof(payload) = 'object'),
  dedupe_key text collate "C",
  request_id text,
  deliver_at timestamptz,
  expires_at timestamptz,
  created_at timestamptz not null default clock_timestamp()
);
comment on table outbox.event is 'The event log: append-only, written by producers through outbox.emit.';
comment on column outbox.event.xid is 'The transaction that wrote it: the snapshot cursor reads by it.';

create index event_window on outbox.event (xid, id);
create unique index event_dedupe on outbox.event (dedupe_key) where dedupe_key is not null;

create table outbox.cursor (
  consumer text collate "C" primary key,
  low pg_snapshot not null,
  high pg_snapshot not null,
  at_xid xid8 not null default '0',
  at_id bigint not null default 0,
  system_identifier bigint not null,
  moved_at timestamptz not null default now()
) with (fillfactor = 50);
comment on table outbox.cursor is 'How far each consumer has read: all that is visible in low, and of high what stands up to (at_xid, at_id).';

-- A flag that every emit reads: a sequence, since its value is one function call away where a table is a query.
-- Called: the relay sleeps, and whoever emits wakes it with NOTIFY outbox_event. Not called: it is awake.
create sequence outbox.relay_asleep minvalue 1 maxvalue 2 cycle;
comment on sequence outbox.relay_asleep is 'Whether the relay sleeps (is_called): then an emit notifies.';

insert into outbox.cursor (consumer, low, high, system_identifier)
select 'relay', seen, seen, cluster.system_identifier
from pg_current_snapshot() as seen, pg_control_system() as cluster;

create table outbox.relayed (
  event_id bigint primary key,
  channels text[] not null constraint relayed_channels_known check (channels <@ array['telegram', 'inapp']),
  relayed_at timestamptz not null default clock_timestamp()
);
comment on table outbox.relayed is 'One row per event that was fanned out, with the channels it was routed to; none: its type was unknown.';

create table outbox.scheduled (
  event_id bigint primary key references outbox.event on delete cascade,
  due_at timestamptz not null
);
comment on table outbox.scheduled is 'Events read by the relay whose deliver_at has not come.';
create index scheduled_due on outbox.scheduled (due_at);

create function outbox.emit(
  type text,
  recipients text[],
  payload jsonb default '{}',
  dedupe_key text default null,
  request_id text default null,
  deliver_at timestamptz default null,
  expires_at timestamptz default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  fault text;
  event_id bigint;
begin
  -- one expression of immutable functions: anything else would cost each emit a snapshot of its own
  if (btrim(emit.type) <> '' and cardinality(emit.recipients) between 1 and 10000 and array_ndims(emit.recipients) = 1
      and array_position(emit.recipients, null) is null and '' <> all (emit.recipients)
      and jsonb_typeof(emit.payload) = 'object' and octet_length(emit.payload::text) <= 65536) is not true then
    fault := case
      when emit.type is null or btrim(emit.type) = '' then 'type is null or empty'
      when emit.recipients is null or cardinality(emit.recipients) = 0 then 'no recipients'
      when array_ndims(emit.recipients) > 1 then 'recipients must be a list, not a matrix'
      when cardinality(emit.recipients) > 10000 then format('%s recipients, at most 10000 are allowed', cardinality(emit.recipients))
      when array_position(emit.recipients, null) is not null then 'a recipient is null'
      when '' = any (emit.recipients) then 'a recipient is empty'
      when emit.payload is null then 'payload is null, it must be a JSON object'
      when jsonb_typeof(emit.payload) <> 'object' then format('payload is a JSON %s, it must be an object', jsonb_typeof(emit.payload))
      else format('payload has %s bytes, at most 65536 are allowed', octet_length(emit.payload::text))
    end;
    raise exception using errcode = '22023', message = 'outbox.emit: ' || fault;
  end if;
  if cardinality(emit.recipients) > 1 then
    emit.recipients := array(select r from unnest(emit.recipients) with ordinality u(r, position) group by r order by min(position));
  end if;

  emit.request_id := coalesce(emit.request_id, nullif(current_setting('outbox.request_id', true), ''));

  if emit.dedupe_key is null then
    -- the usual case, without the cost of looking for a conflict
    insert into outbox.event (type, recipients, payload, request_id, deliver_at, expires_at)
    values (emit.type, emit.recipients, emit.payload, emit.request_id, emit.deliver_at, emit.expires_at)
    returning id into event_id;
  end if;
  while event_id is null loop
    insert into outbox.event (type, recipients, payload, dedupe_key, request_id, deliver_at, expires_at)
    values (emit.type, emit.recipients, emit.payload, emit.dedupe_key, emit.request_id, emit.deliver_at, emit.expires_at)
    on conflict (dedupe_key) where dedupe_key is not null do nothing
    returning id into event_id;
    exit when event_id is not null;
    -- someone was first: a later statement sees the row whose commit the insert has waited for
    select id into event_id from outbox.event where dedupe_key = emit.dedupe_key;
    if event_id is not null then
      return event_id;
    end if;
  end loop;

  if pg_sequence_last_value('outbox.relay_asleep') is not null then
    perform pg_notify('outbox_event', '');
  end if;
  return event_id;
end $$;
comment on function outbox.emit is 'Write one event inside the caller''s transaction; returns its id. Bad input: SQLSTATE 22023.';

revoke all on function outbox.emit from public;
grant usage on schema outbox to outbox_producer, outbox_worker, outbox_reader;
grant execute on function outbox.emit to outbox_producer, outbox_worker;
