-- People, their chats and choices; lanes, deliveries and attempts.
set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table outbox.recipient (
  recipient text collate "C" primary key,
  name text,
  locale text collate "C",
  timezone text
);
comment on table outbox.recipient is 'What is known of a recipient: language and time zone of the texts.';

create table outbox.preference (
  recipient text collate "C" not null,
  category text collate "C" not null,
  channel text collate "C" not null constraint preference_channel_known check (channel in ('telegram', 'inapp')),
  enabled boolean not null,
  primary key (recipient, category, channel)
);
comment on table outbox.preference is 'What a recipient has switched on or off; no row means on.';

create table outbox.telegram_link (
  id bigint generated always as identity primary key,
  recipient text collate "C" not null,
  chat_id bigint not null,
  thread_id bigint,
  state text collate "C" not null default 'active'
    constraint telegram_link_state_known check (state in ('active', 'blocked', 'unreachable', 'suspended')),
  linked_at timestamptz not null default now(),
  state_at timestamptz not null default now(),
  unlinked_at timestamptz constraint telegram_link_ends_after_start check (unlinked_at >= linked_at)
);
comment on table outbox.telegram_link is 'Which chat belongs to which recipient. A row without unlinked_at holds now.';
create unique index telegram_link_recipient on outbox.telegram_link (recipient) where unlinked_at is null;
create unique index telegram_link_chat on outbox.telegram_link (chat_id) where unlinked_at is null;

create table outbox.lane (
  id bigint generated always as identity primary key,
  channel text collate "C" not null constraint lane_channel_known check (channel in ('telegram', 'inapp')),
  recipient text collate "C" not null,
  due_at timestamptz,
  ready_at timestamptz not null default '-infinity',
  paced_until timestamptz not null default '-infinity',
  lease_until timestamptz,
  token bigint not null default 0,
  unique (channel, recipient),
  constraint lane_leased_or_due check (lease_until is null or due_at is null)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
comment on table outbox.lane is 'All deliveries of one recipient on one channel: the unit that a worker claims.';
comment on column outbox.lane.due_at is 'When to claim it next; null: idle or leased.';
comment on column outbox.lane.ready_at is 'Before this the chat''s pace does not allow a message.';
comment on column outbox.lane.paced_until is 'Theoretical arrival time of the chat''s pace (GCRA).';
comment on column outbox.lane.lease_until is 'A worker holds it until then.';
comment on column outbox.lane.token is 'Grows with each claim; a write that ends an attempt must carry it.';
create index lane_due on outbox.lane (channel, due_at) where due_at is not null;
create index lane_lease on outbox.lane (lease_until) where lease_until is not null;

create table outbox.delivery (
  id bigint generated always as identity primary key,
  event_id bigint not null,
  lane_id bigint not null,
  channel text collate "C" not null constraint delivery_channel_known check (channel in ('telegram', 'inapp')),
  recipient text collate "C" not null,
  state text collate "C" not null
    constraint delivery_state_known check (state in ('pending', 'sending', 'sent', 'skipped', 'expired', 'dead', 'unknown')),
  -- open: a lane has to look at it. stuck: an operator has to. Only these words are indexed, so that
  -- pending -> sending touches no index.
  phase text not null generated always as (
    case when state in ('pending', 'sending') then 'open' when state in ('dead', 'unknown') then 'stuck' else 'done' end
  ) stored,
  reason text collate "C" constraint delivery_reason_given check (reason is not null or state not in ('skipped', 'expired', 'dead', 'unknown')),
  attempts bigint not null default 0 constraint delivery_attempts_counted check (attempts >= 0),
  due_at timestamptz not null default now(),
  expires_at timestamptz,
  message_id bigint,
  created_at timestamptz not null default clock_timestamp(),
  settled_at timestamptz
    constraint delivery_settled_when_done check ((settled_at is null) = (state in ('pending', 'sending'))),
  unique (event_id, lane_id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
comment on table outbox.delivery is 'One event, one recipient, one channel. In-app: only those that were skipped, the notification is the record.';
create index delivery_open on outbox.delivery (lane_id, id) where phase = 'open';
create index delivery_stuck on outbox.delivery (id) where phase = 'stuck';

create table outbox.attempt (
  id bigint generated always as identity primary key,
  delivery_id bigint not null references outbox.delivery on delete cascade,
  token bigint not null,
  outcome text not null constraint attempt_outcome_known check (outcome in ('delivered', 'snooze', 'retry', 'reject', 'unknown')),
  reason text collate "C",
  seconds real,
  ended_at timestamptz not null default now()
);
comment on table outbox.attempt is 'Attempts that did not simply succeed: for these the delivery''s own row says enough.';
create index attempt_delivery on outbox.attempt (delivery_id);
