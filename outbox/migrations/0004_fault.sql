-- What faults leave behind: each attempt's phase, what a chat was last refused with, and what operators did.
set local lock_timeout = '5s';
set local statement_timeout = '60s';

alter table outbox.attempt add column phase text collate "C";
alter table outbox.attempt add column resent boolean not null default false;
alter table outbox.attempt add constraint attempt_phase_known check (phase in ('connecting', 'sent', 'answered')) not valid;
comment on column outbox.attempt.phase is 'How far the last request got; null: none was made, or nobody can say.';
comment on column outbox.attempt.resent is 'It may have arrived, and was sent again: a possible duplicate.';

alter table outbox.delivery add column seconds real;
alter table outbox.delivery add column urgent boolean not null default false;
comment on column outbox.delivery.seconds is 'How long the attempt took that delivered it.';
comment on column outbox.delivery.urgent is 'Its type may use the share of the rate that broadcasts leave free.';

alter table outbox.lane add column head_type text collate "C" not null default '';
alter table outbox.lane add column urgent boolean not null default false;
comment on column outbox.lane.head_type is 'Type of the event that is next; claims are dealt out fairly between types.';
comment on column outbox.lane.urgent is 'An urgent delivery waits in it: claimed before the others.';

alter table outbox.telegram_link add column fault text collate "C";
alter table outbox.telegram_link add column fault_since timestamptz;
alter table outbox.telegram_link
  add constraint telegram_link_fault_dated check ((fault is null) = (fault_since is null)) not valid;
comment on column outbox.telegram_link.fault is 'What its sends have been refused with since fault_since, with no success between.';

create table outbox.operator_action (
  id bigint generated always as identity primary key,
  delivery_id bigint not null references outbox.delivery on delete cascade,
  action text collate "C" not null
    constraint operator_action_known check (action in ('replay', 'discard', 'resend', 'confirm')),
  operator text not null constraint operator_action_signed check (btrim(operator) <> ''),
  acted_at timestamptz not null default now()
);
comment on table outbox.operator_action is 'Who has replayed, discarded, resent or confirmed which delivery, and when.';
create index operator_action_delivery on outbox.operator_action (delivery_id);
