-- Events that the relay could read but never relay: names that no index can hold, times outside all calendars.
set local lock_timeout = '5s';
set local statement_timeout = '60s';

alter table outbox.event add constraint event_type_fits check (octet_length(type) <= 1000) not valid;
alter table outbox.event add constraint event_deliver_at_known
  check (deliver_at between to_timestamp(0) and to_timestamp(253402214400)) not valid;
alter table outbox.event add constraint event_expires_at_known
  check (expires_at between to_timestamp(0) and to_timestamp(253402214400)) not valid;

create or replace function outbox.emit(
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
  too_long constant text := 'a recipient has more than 2000 bytes';
  fault text;
  event_id bigint;
begin
  -- one expression of immutable functions: anything else would cost each emit a snapshot of its own
  if (btrim(emit.type) <> '' and cardinality(emit.recipients) between 1 and 10000 and array_ndims(emit.recipients) = 1
      and array_position(emit.recipients, null) is null and '' <> all (emit.recipients)
      and jsonb_typeof(emit.payload) = 'object' and octet_length(emit.payload::text) <= 65536
      -- what no index can hold, and times that most languages cannot
      and octet_length(emit.type) <= 1000 and octet_length(emit.recipients[1]) <= 2000
      and (emit.dedupe_key is null or octet_length(emit.dedupe_key) <= 2000)
      and (emit.deliver_at is null or emit.deliver_at between to_timestamp(0) and to_timestamp(253402214400))
      and (emit.expires_at is null or emit.expires_at between to_timestamp(0) and to_timestamp(253402214400))
      ) is not true then
    fault := case
      when emit.type is null or btrim(emit.type) = '' then 'type is null or empty'
      when emit.recipients is null or cardinality(emit.recipients) = 0 then 'no recipients'
      when array_ndims(emit.recipients) > 1 then 'recipients must be a list, not a matrix'
      when cardinality(emit.recipients) > 10000 then format('%s recipients, at most 10000 are allowed', cardinality(emit.recipients))
      when array_position(emit.recipients, null) is not null then 'a recipient is null'
      when '' = any (emit.recipients) then 'a recipient is empty'
      when emit.payload is null then 'payload is null, it must be a JSON object'
      when jsonb_typeof(emit.payload) <> 'object' then format('payload is a JSON %s, it must be an object', jsonb_typeof(emit.payload))
      when octet_length(emit.payload::text) > 65536
        then format('payload has %s bytes, at most 65536 are allowed', octet_length(emit.payload::text))
      when octet_length(emit.type) > 1000 then format('type has %s bytes, at most 1000 are allowed', octet_length(emit.type))
      when octet_length(emit.recipients[1]) > 2000 then too_long
      when octet_length(emit.dedupe_key) > 2000
        then format('dedupe_key has %s bytes, at most 2000 are allowed', octet_length(emit.dedupe_key))
      when emit.deliver_at is not null and not emit.deliver_at between to_timestamp(0) and to_timestamp(253402214400)
        then 'deliver_at is not between the years 1970 and 9999'
      else 'expires_at is not between the years 1970 and 9999'
    end;
    raise exception using errcode = '22023', message = 'outbox.emit: ' || fault;
  end if;
  if cardinality(emit.recipients) > 1 then
    if (select max(octet_length(r)) > 2000 from unnest(emit.recipients) r) then
      raise exception using errcode = '22023', message = 'outbox.emit: ' || too_long;
    end if;
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
