-- no transaction
set lock_timeout = '5s';
set statement_timeout = '1h';
-- one that broke off leaves an invalid index behind: begin each anew
drop index concurrently if exists outbox.lane_due_type;
create index concurrently if not exists lane_due_type on outbox.lane (channel, head_type, due_at) where due_at is not null;
drop index concurrently if exists outbox.lane_due_urgent;
create index concurrently if not exists lane_due_urgent on outbox.lane (channel, due_at) where due_at is not null and urgent;
drop index concurrently if exists outbox.delivery_urgent;
create index concurrently if not exists delivery_urgent on outbox.delivery (lane_id) where phase = 'open' and urgent;
drop index concurrently if exists outbox.attempt_resent;
create index concurrently if not exists attempt_resent on outbox.attempt (id) where resent;
-- lane_due_type stands for it
drop index concurrently if exists outbox.lane_due;
reset lock_timeout;
reset statement_timeout;
