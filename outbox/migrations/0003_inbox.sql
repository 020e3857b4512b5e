-- The in-app inbox, erasure, and who may do what.
set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table outbox.inbox (
  recipient text collate "C" primary key,
  unread bigint not null constraint inbox_unread_counted check (unread >= 0),
  version bigint not null constraint inbox_version_counted check (version >= 0)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
comment on table outbox.inbox is 'Unread counter and version of each recipient''s inbox; they change with the rows they count.';

create table outbox.notification (
  id bigint generated always as identity,
  event_id bigint not null,
  recipient text collate "C" not null,
  type text collate "C" not null,
  category text collate "C" not null,
  version bigint not null,
  created_at timestamptz not null default clock_timestamp(),
  read_at timestamptz,
  primary key (recipient, id),
  unique (recipient, event_id)
) with (fillfactor = 90);
comment on table outbox.notification is 'What the in-app inbox shows: one per event and recipient, exactly once.';

create function outbox.forget(recipient text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  alias text := 'forgotten-' || gen_random_uuid();
begin
  if forget.recipient is null or forget.recipient = '' then
    raise exception using errcode = '22023', message = 'outbox.forget: recipient is null or empty';
  end if;
  -- no relay between here and the commit, or it would write the person anew
  perform from outbox.cursor where consumer = 'relay' for update;
  insert into outbox.lane (channel, recipient)
  select 'inapp', forget.recipient where exists (select from outbox.notification n where n.recipient = forget.recipient)
  on conflict do nothing;
  perform from outbox.lane l where l.recipient = forget.recipient order by id for update;

  update outbox.event
  set recipients = array_replace(recipients, forget.recipient, alias),
      payload = case when cardinality(recipients) = 1 then '{}' else payload end
  where recipients @> array[forget.recipient];

  -- the counts stay provable: what the inbox showed becomes a row that says why it is gone
  insert into outbox.delivery (event_id, lane_id, channel, recipient, state, reason, settled_at)
  select n.event_id, l.id, 'inapp', alias, 'skipped', 'forgotten', now()
  from outbox.notification n join outbox.lane l on l.channel = 'inapp' and l.recipient = n.recipient
  where n.recipient = forget.recipient;
  update outbox.delivery d
  set recipient = alias,
      state = case when state in ('pending', 'sending') then 'skipped' else state end,
      reason = case when state in ('pending', 'sending') then 'forgotten' else reason end,
      settled_at = coalesce(settled_at, now()),
      message_id = null
  where d.lane_id in (select l.id from outbox.lane l where l.recipient = forget.recipient);
  update outbox.lane l set recipient = alias, due_at = null, lease_until = null, token = token + 1 where l.recipient = forget.recipient;

  delete from outbox.notification n where n.recipient = forget.recipient;
  delete from outbox.inbox i where i.recipient = forget.recipient;
  delete from outbox.preference p where p.recipient = forget.recipient;
  delete from outbox.telegram_link t where t.recipient = forget.recipient;
  delete from outbox.recipient r where r.recipient = forget.recipient;
end $$;
comment on function outbox.forget is 'Erase a person: link, preferences, notifications, payloads written for them alone; the counts stay, under an alias.';

revoke all on function outbox.forget from public;
grant execute on function outbox.forget to outbox_worker;
grant select on all tables in schema outbox to outbox_reader;
grant select, insert, update, delete on all tables in schema outbox to outbox_worker;
grant usage on all sequences in schema outbox to outbox_worker;
grant select, update on sequence outbox.relay_asleep to outbox_worker;
alter default privileges in schema outbox grant select on tables to outbox_reader;
alter default privileges in schema outbox grant select, insert, update, delete on tables to outbox_worker;
