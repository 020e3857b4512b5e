-- What 0011 has promised of old rows, checked while others go on writing.
set local lock_timeout = '5s';
set local statement_timeout = '1h';

alter table outbox.event validate constraint event_type_fits;
alter table outbox.event validate constraint event_deliver_at_known;
alter table outbox.event validate constraint event_expires_at_known;
