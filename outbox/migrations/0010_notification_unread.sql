-- no transaction
set lock_timeout = '5s';
set statement_timeout = '1h';
-- one that broke off leaves an invalid index behind: begin anew
drop index concurrently if exists outbox.notification_unread;
create index concurrently if not exists notification_unread on outbox.notification (recipient, id) where read_at is null;
reset lock_timeout;
reset statement_timeout;
