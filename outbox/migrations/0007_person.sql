-- What people decide themselves: which chat is theirs, in which language, when they want quiet.
set local lock_timeout = '5s';
set local statement_timeout = '60s';

alter table outbox.recipient add column language text collate "C";
alter table outbox.recipient add column zone text;
alter table outbox.recipient add column quiet text collate "C" not null default 'off';
alter table outbox.recipient add column quiet_from time not null default '22:00';
alter table outbox.recipient add column quiet_until time not null default '08:00';
alter table outbox.recipient
  add constraint recipient_quiet_known check (quiet in ('off', 'silent', 'hold')) not valid;
comment on column outbox.recipient.locale is 'The application''s word for their language; what they chose themselves stands in language.';
comment on column outbox.recipient.language is 'Chosen by the person; goes before locale.';
comment on column outbox.recipient.zone is 'Time zone chosen by the person; goes before timezone.';
comment on column outbox.recipient.quiet is 'What quiet hours do to Telegram messages: nothing, send without a sound, hold until they end.';

create table outbox.binding_request (
  recipient text collate "C" primary key,
  token_hash bytea not null unique,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  consumed_at timestamptz
);
comment on table outbox.binding_request is 'The one-time token that links a chat, as its SHA-256. One row a recipient: a newer one takes the place of the older.';

create table outbox.link_audit (
  id bigint generated always as identity primary key,
  link_id bigint not null,
  recipient text collate "C" not null,
  change text collate "C" not null
    constraint link_audit_change_known check (change in ('linked', 'unlinked', 'displaced', 'migrated', 'active', 'blocked', 'unreachable', 'suspended')),
  how text collate "C" not null
    constraint link_audit_how_known check (how in ('start', 'stop', 'button', 'command', 'import', 'api', 'member', 'send')),
  operator text,
  changed_at timestamptz not null default now()
);
comment on table outbox.link_audit is 'Who has linked and unlinked which chat, when and how; and what chats have become.';
comment on column outbox.link_audit.how is 'start, stop, button: the person in the chat. command, import: an operator. api: the application. member: Telegram told so. send: a send showed it.';
create index link_audit_recipient on outbox.link_audit (recipient);

create table outbox.telegram_update (
  bot_id bigint not null,
  update_id bigint not null,
  chat_id bigint,
  failed_start boolean not null default false,
  handled_at timestamptz not null default now(),
  primary key (bot_id, update_id)
);
comment on table outbox.telegram_update is 'Updates that were handled, so that each is handled once; kept for as long as Telegram may send them again.';
comment on column outbox.telegram_update.failed_start is 'A /start with a token that linked nothing: a chat may try a few only.';
create index telegram_update_age on outbox.telegram_update (handled_at);
create index telegram_update_failed on outbox.telegram_update (chat_id, handled_at) where failed_start;

create table outbox.live_message (
  lane_id bigint not null,
  key text collate "C" not null,
  chat_id bigint not null,
  message_id bigint not null,
  sent_at timestamptz not null default now(),
  primary key (lane_id, key)
);
comment on table outbox.live_message is 'The message that later events with the same collapse_key edit.';

create or replace function outbox.forget(recipient text) returns void
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
end $$;
