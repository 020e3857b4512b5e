-- What the HTTP API needs: batches that named consumers hold, and who was forgotten since a token was issued.
set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table outbox.pull (
  consumer text collate "C" primary key,
  batch uuid not null,
  low pg_snapshot not null,
  high pg_snapshot not null,
  at_xid xid8 not null,
  at_id bigint not null,
  lease_until timestamptz not null,
  acked_at timestamptz
);
comment on table outbox.pull is 'The newest batch that each named consumer was given, and where its cursor stands once that is acked.';
comment on column outbox.pull.batch is 'Changes each time events are handed out, also when they are the same again: a late ack of an older one is refused.';

alter table outbox.notification add column read_version bigint;
comment on column outbox.notification.version is 'Version of the inbox at which it came.';
comment on column outbox.notification.read_version is 'Version of the inbox at which it was read; the first one of those that were read together.';

create table outbox.salt (
  single boolean primary key default true constraint salt_single check (single),
  salt bytea not null
);
comment on table outbox.salt is 'Random, once for each installation: what recipients are hashed with in outbox.forgotten.';
insert into outbox.salt (salt) select uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());

create table outbox.forgotten (
  digest bytea primary key,
  forgotten_at timestamptz not null default clock_timestamp()
);
comment on table outbox.forgotten is 'Salted digests of erased recipients: enough to refuse a token from before, not to name anybody.';

create function outbox.digest_of(recipient text) returns bytea
language sql stable set search_path = pg_catalog, pg_temp
as $$ select sha256(salt || convert_to(recipient, 'UTF8')) from outbox.salt $$;
comment on function outbox.digest_of is 'How outbox.forgotten names a recipient.';

create function outbox.renamed(content jsonb, person text, alias text, mentioned text) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
  case jsonb_typeof(content)
    when 'object' then
      return (
        select coalesce(jsonb_object_agg(
          outbox.renamed(to_jsonb(f.key), person, alias, mentioned) #>> '{}', outbox.renamed(f.value, person, alias, mentioned)
        ), '{}') from jsonb_each(content) f
      );
    when 'array' then
      return (
        select coalesce(jsonb_agg(outbox.renamed(f.value, person, alias, mentioned) order by f.ordinality), '[]')
        from jsonb_array_elements(content) with ordinality f
      );
    when 'string' then
      return case
        when content #>> '{}' = person then to_jsonb(alias)
        when mentioned is null then content
        else to_jsonb(regexp_replace(content #>> '{}', mentioned, alias, 'g'))
      end;
    else
      return content;
  end case;
end $$;
comment on function outbox.renamed is 'JSON in which a person bears an alias: as a whole word of its own, and wherever the pattern of a mention fits.';

create or replace function outbox.forget(recipient text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  alias text := 'forgotten-' || gen_random_uuid();
  quoted text := to_json(recipient)::text;
  mentioned text;
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
  -- before the notifications, as whoever reads them does
  perform from outbox.inbox i where i.recipient = forget.recipient for update;

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
  delete from outbox.live_message m
  where m.lane_id in (select l.id from outbox.lane l where l.recipient = forget.recipient);
  update outbox.lane l set recipient = alias, due_at = null, lease_until = null, token = token + 1 where l.recipient = forget.recipient;

  update outbox.telegram_update u set chat_id = null
  where u.chat_id in (select t.chat_id from outbox.telegram_link t where t.recipient = forget.recipient);
  delete from outbox.notification n where n.recipient = forget.recipient;
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

revoke all on function outbox.digest_of, outbox.renamed from public;
grant execute on function outbox.digest_of to outbox_worker;
revoke all on outbox.salt, outbox.forgotten from outbox_reader;
