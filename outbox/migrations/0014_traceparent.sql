-- The trace that an event belongs to (W3C Trace Context), which its producer names as it names the request.
set local lock_timeout = '5s';
set local statement_timeout = '60s';

alter table outbox.event add column traceparent text collate "C";
-- Read here and not in emit, so that a plain insert has it too. What cannot be one is as good as none: a trace hinders
-- no emit. The shape is all that is looked at; whoever reads it looks closer (a stricter pattern costs each emit 8 us).
alter table outbox.event alter column traceparent set default substring(
  left(nullif(current_setting('outbox.traceparent', true), ''), 64) from '^[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+$'
);
comment on column outbox.event.traceparent is 'W3C traceparent: the setting outbox.traceparent of the transaction that wrote it.';
