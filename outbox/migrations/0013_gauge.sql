-- What the gauges show: looked at once for the whole system, by whichever worker finds it too old.
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- unlogged: it is written every second, and after a crash the next look fills it again
create unlogged table outbox.gauge (
  single boolean primary key default true constraint gauge_single check (single),
  turn bigint not null default 0,
  taken_at timestamptz not null default to_timestamp(0),
  content jsonb not null default '{}',
  looked_at timestamptz
);
comment on table outbox.gauge is 'One row: what the newest look at the outbox has found, for all workers to show. May be emptied at any time.';
comment on column outbox.gauge.turn is 'Grows with each look that is begun; what was found must carry it.';
comment on column outbox.gauge.taken_at is 'When the newest look began.';
comment on column outbox.gauge.looked_at is 'When what stands in content was written; null: never.';
insert into outbox.gauge default values;
