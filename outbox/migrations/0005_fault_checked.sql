-- What 0004 has promised of old rows, checked while others go on writing.
set local lock_timeout = '5s';
set local statement_timeout = '60s';

alter table outbox.attempt validate constraint attempt_phase_known;
alter table outbox.telegram_link validate constraint telegram_link_fault_dated;
