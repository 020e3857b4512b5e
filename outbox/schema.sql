-- The schema as all migrations together give it, to be read in one sitting: tables, functions, comments, rights.
-- Written by `make shape`, held equal to the migrations by a test. A database gets it by `vestnik migrate` alone, which
-- also makes the roles and the first rows.

-- functions name tables that come later
set check_function_bodies = off;

CREATE SCHEMA outbox;

CREATE TABLE outbox.attempt (
    id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    token bigint NOT NULL,
    outcome text NOT NULL,
    reason text COLLATE pg_catalog."C",
    seconds real,
    ended_at timestamp with time zone DEFAULT now() NOT NULL,
    phase text COLLATE pg_catalog."C",
    resent boolean DEFAULT false NOT NULL,
    CONSTRAINT attempt_outcome_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'snooze'::text, 'retry'::text, 'reject'::text, 'unknown'::text]))),
    CONSTRAINT attempt_phase_known CHECK ((phase = ANY (ARRAY['connecting'::text, 'sent'::text, 'answered'::text])))
);

COMMENT ON TABLE outbox.attempt IS 'Attempts that did not simply succeed: for these the delivery''s own row says enough.';

COMMENT ON COLUMN outbox.attempt.phase IS 'How far the last request got; null: none was made, or nobody can say.';

COMMENT ON COLUMN outbox.attempt.resent IS 'It may have arrived, and was sent again: a possible duplicate.';

ALTER TABLE outbox.attempt ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE outbox.batch (
    id bigint NOT NULL,
    events int8multirange NOT NULL,
    routing bigint NOT NULL,
    relayed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT batch_events_some CHECK ((NOT isempty(events)))
);

COMMENT ON TABLE outbox.batch IS 'The relay''s ledger: which events were relayed, and by which routes. A type without a route in there went nowhere.';

COMMENT ON COLUMN outbox.batch.events IS 'Ids of the events; no event stands in two batches.';

ALTER TABLE outbox.batch ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.batch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE outbox.binding_request (
    recipient text NOT NULL COLLATE pg_catalog."C",
    token_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    consumed_at timestamp with time zone
);

COMMENT ON TABLE outbox.binding_request IS 'The one-time token that links a chat, as its SHA-256. One row a recipient: a newer one takes the place of the older.';

CREATE TABLE outbox.cursor (
    consumer text NOT NULL COLLATE pg_catalog."C",
    low pg_snapshot NOT NULL,
    high pg_snapshot NOT NULL,
    at_xid xid8 DEFAULT '0'::xid8 NOT NULL,
    at_id bigint DEFAULT 0 NOT NULL,
    system_identifier bigint NOT NULL,
    moved_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE outbox.cursor IS 'How far each consumer has read: all that is visible in low, and of high what stands up to (at_xid, at_id).';

CREATE TABLE outbox.delivery (
    id bigint NOT NULL,
    event_id bigint NOT NULL,
    lane_id bigint NOT NULL,
    channel text NOT NULL COLLATE pg_catalog."C",
    recipient text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    phase text GENERATED ALWAYS AS (
CASE
    WHEN (state = ANY (ARRAY['pending'::text, 'sending'::text])) THEN 'open'::text
    WHEN (state = ANY (ARRAY['dead'::text, 'unknown'::text])) THEN 'stuck'::text
    ELSE 'done'::text
END) STORED NOT NULL,
    reason text COLLATE pg_catalog."C",
    attempts bigint DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    message_id bigint,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    settled_at timestamp with time zone,
    seconds real,
    urgent boolean DEFAULT false NOT NULL,
    back boolean DEFAULT false NOT NULL,
    stuck boolean GENERATED ALWAYS AS ((state = ANY (ARRAY['dead'::text, 'unknown'::text]))) STORED NOT NULL,
    CONSTRAINT delivery_attempts_counted CHECK ((attempts >= 0)),
    CONSTRAINT delivery_channel_known CHECK ((channel = ANY (ARRAY['telegram'::text, 'inapp'::text]))),
    CONSTRAINT delivery_reason_given CHECK (((reason IS NOT NULL) OR (state <> ALL (ARRAY['skipped'::text, 'expired'::text, 'dead'::text, 'unknown'::text])))),
    CONSTRAINT delivery_settled_when_done CHECK (((settled_at IS NULL) = (state = ANY (ARRAY['pending'::text, 'sending'::text])))),
    CONSTRAINT delivery_state_known CHECK ((state = ANY (ARRAY['pending'::text, 'sending'::text, 'sent'::text, 'skipped'::text, 'expired'::text, 'dead'::text, 'unknown'::text])))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_cost_delay='0');

COMMENT ON TABLE outbox.delivery IS 'One event, one recipient, one channel. In-app: only those that were skipped, the notification is the record.';

COMMENT ON COLUMN outbox.delivery.state IS 'What is being sent is pending here, and the head of a run with a lease.';

COMMENT ON COLUMN outbox.delivery.seconds IS 'How long the attempt took that delivered it.';

COMMENT ON COLUMN outbox.delivery.urgent IS 'Its type may use the share of the rate that broadcasts leave free.';

COMMENT ON COLUMN outbox.delivery.back IS 'An operator has brought it back, perhaps before the head of its lane.';

COMMENT ON COLUMN outbox.delivery.stuck IS 'An operator has to look at it.';

ALTER TABLE outbox.delivery ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE outbox.event (
    id bigint NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    recipients text[] NOT NULL COLLATE pg_catalog."C",
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    dedupe_key text COLLATE pg_catalog."C",
    request_id text,
    deliver_at timestamp with time zone,
    expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    traceparent text DEFAULT "substring"("left"(NULLIF(current_setting('outbox.traceparent'::text, true), ''::text), 64), '^[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+$'::text) COLLATE pg_catalog."C",
    CONSTRAINT event_deliver_at_known CHECK (((deliver_at >= to_timestamp((0)::double precision)) AND (deliver_at <= to_timestamp(('253402214400'::bigint)::double precision)))),
    CONSTRAINT event_expires_at_known CHECK (((expires_at >= to_timestamp((0)::double precision)) AND (expires_at <= to_timestamp(('253402214400'::bigint)::double precision)))),
    CONSTRAINT event_payload_object CHECK ((jsonb_typeof(payload) = 'object'::text)),
    CONSTRAINT event_recipients_counted CHECK (((cardinality(recipients) >= 1) AND (cardinality(recipients) <= 10000))),
    CONSTRAINT event_type_fits CHECK ((octet_length(type) <= 1000)),
    CONSTRAINT event_type_named CHECK ((btrim(type) <> ''::text))
);

COMMENT ON TABLE outbox.event IS 'The event log: append-only, written by producers through outbox.emit.';

COMMENT ON COLUMN outbox.event.xid IS 'The transaction that wrote it: the snapshot cursor reads by it.';

COMMENT ON COLUMN outbox.event.traceparent IS 'W3C traceparent: the setting outbox.traceparent of the transaction that wrote it.';

ALTER TABLE outbox.event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE outbox.forgotten (
    digest bytea NOT NULL,
    forgotten_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE outbox.forgotten IS 'Salted digests of erased recipients: enough to refuse a token from before, not to name anybody.';

CREATE UNLOGGED TABLE outbox.gauge (
    single boolean DEFAULT true NOT NULL,
    turn bigint DEFAULT 0 NOT NULL,
    taken_at timestamp with time zone DEFAULT to_timestamp((0)::double precision) NOT NULL,
    content jsonb DEFAULT '{}'::jsonb NOT NULL,
    looked_at timestamp with time zone,
    CONSTRAINT gauge_single CHECK (single)
);

COMMENT ON TABLE outbox.gauge IS 'One row: what the newest look at the outbox has found, for all workers to show. May be emptied at any time.';

COMMENT ON COLUMN outbox.gauge.turn IS 'Grows with each look that is begun; what was found must carry it.';

COMMENT ON COLUMN outbox.gauge.taken_at IS 'When the newest look began.';

COMMENT ON COLUMN outbox.gauge.looked_at IS 'When what stands in content was written; null: never.';

CREATE TABLE outbox.inbox (
    recipient text NOT NULL COLLATE pg_catalog."C",
    unread bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT inbox_unread_counted CHECK ((unread >= 0)),
    CONSTRAINT inbox_version_counted CHECK ((version >= 0))
)
WITH (autovacuum_vacuum_scale_factor='0.05', fillfactor='50');

COMMENT ON TABLE outbox.inbox IS 'Unread counter and version of each recipient''s inbox; they change with the rows they count.';

CREATE TABLE outbox.lane (
    id bigint NOT NULL,
    channel text NOT NULL COLLATE pg_catalog."C",
    recipient text NOT NULL COLLATE pg_catalog."C",
    due_at timestamp with time zone,
    ready_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    paced_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    busy boolean DEFAULT false NOT NULL,
    head bigint DEFAULT 0 NOT NULL,
    last_urgent bigint DEFAULT 0 NOT NULL,
    CONSTRAINT lane_busy_or_waiting CHECK (((NOT busy) OR (due_at IS NULL))),
    CONSTRAINT lane_channel_known CHECK ((channel = ANY (ARRAY['telegram'::text, 'inapp'::text])))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');

COMMENT ON TABLE outbox.lane IS 'All deliveries of one recipient on one channel: the unit that a worker claims.';

COMMENT ON COLUMN outbox.lane.due_at IS 'When it goes into a run; null: it stands in one, or is idle.';

COMMENT ON COLUMN outbox.lane.ready_at IS 'Before this the chat''s pace does not allow a message.';

COMMENT ON COLUMN outbox.lane.paced_until IS 'Theoretical arrival time of the chat''s pace (GCRA).';

COMMENT ON COLUMN outbox.lane.busy IS 'It stands in a run.';

COMMENT ON COLUMN outbox.lane.head IS 'No open delivery has a smaller id, except those that came back.';

COMMENT ON COLUMN outbox.lane.last_urgent IS 'The last urgent delivery that waits in it has this id; whatever is before that goes as urgent.';

ALTER TABLE outbox.lane ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.lane_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE outbox.link_audit (
    id bigint NOT NULL,
    link_id bigint NOT NULL,
    recipient text NOT NULL COLLATE pg_catalog."C",
    change text NOT NULL COLLATE pg_catalog."C",
    how text NOT NULL COLLATE pg_catalog."C",
    operator text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT link_audit_change_known CHECK ((change = ANY (ARRAY['linked'::text, 'unlinked'::text, 'displaced'::text, 'migrated'::text, 'active'::text, 'blocked'::text, 'unreachable'::text, 'suspended'::text]))),
    CONSTRAINT link_audit_how_known CHECK ((how = ANY (ARRAY['start'::text, 'stop'::text, 'button'::text, 'command'::text, 'import'::text, 'api'::text, 'member'::text, 'send'::text])))
);

COMMENT ON TABLE outbox.link_audit IS 'Who has linked and unlinked which chat, when and how; and what chats have become.';

COMMENT ON COLUMN outbox.link_audit.how IS 'start, stop, button: the person in the chat. command, import: an operator. api: the application. member: Telegram told so. send: a send showed it.';

ALTER TABLE outbox.link_audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.link_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE outbox.live_message (
    lane_id bigint NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    chat_id bigint NOT NULL,
    message_id bigint NOT NULL,
    sent_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE outbox.live_message IS 'The message that later events with the same collapse_key edit.';

CREATE TABLE outbox.migration (
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE outbox.notification (
    id bigint NOT NULL,
    event_id bigint NOT NULL,
    recipient text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C",
    category text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    read_at timestamp with time zone,
    read_version bigint
)
WITH (fillfactor='90');

COMMENT ON TABLE outbox.notification IS 'What the in-app inbox shows: one per event and recipient, exactly once.';

COMMENT ON COLUMN outbox.notification.version IS 'Version of the inbox at which it came.';

COMMENT ON COLUMN outbox.notification.read_version IS 'Version of the inbox at which it was read; the first one of those that were read together.';

ALTER TABLE outbox.notification ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE outbox.operator_action (
    id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    action text NOT NULL COLLATE pg_catalog."C",
    operator text NOT NULL,
    acted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT operator_action_known CHECK ((action = ANY (ARRAY['replay'::text, 'discard'::text, 'resend'::text, 'confirm'::text]))),
    CONSTRAINT operator_action_signed CHECK ((btrim(operator) <> ''::text))
);

COMMENT ON TABLE outbox.operator_action IS 'Who has replayed, discarded, resent or confirmed which delivery, and when.';

ALTER TABLE outbox.operator_action ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.operator_action_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE outbox.preference (
    recipient text NOT NULL COLLATE pg_catalog."C",
    category text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    enabled boolean NOT NULL,
    CONSTRAINT preference_channel_known CHECK ((channel = ANY (ARRAY['telegram'::text, 'inapp'::text])))
);

COMMENT ON TABLE outbox.preference IS 'What a recipient has switched on or off; no row means on.';

CREATE TABLE outbox.pull (
    consumer text NOT NULL COLLATE pg_catalog."C",
    batch uuid NOT NULL,
    low pg_snapshot NOT NULL,
    high pg_snapshot NOT NULL,
    at_xid xid8 NOT NULL,
    at_id bigint NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    acked_at timestamp with time zone
);

COMMENT ON TABLE outbox.pull IS 'The newest batch that each named consumer was given, and where its cursor stands once that is acked.';

COMMENT ON COLUMN outbox.pull.batch IS 'Changes each time events are handed out, also when they are the same again: a late ack of an older one is refused.';

CREATE TABLE outbox.recipient (
    recipient text NOT NULL COLLATE pg_catalog."C",
    name text,
    locale text COLLATE pg_catalog."C",
    timezone text,
    language text COLLATE pg_catalog."C",
    zone text,
    quiet text DEFAULT 'off'::text NOT NULL COLLATE pg_catalog."C",
    quiet_from time without time zone DEFAULT '22:00:00'::time without time zone NOT NULL,
    quiet_until time without time zone DEFAULT '08:00:00'::time without time zone NOT NULL,
    CONSTRAINT recipient_quiet_known CHECK ((quiet = ANY (ARRAY['off'::text, 'silent'::text, 'hold'::text])))
);

COMMENT ON TABLE outbox.recipient IS 'What is known of a recipient: language and time zone of the texts.';

COMMENT ON COLUMN outbox.recipient.locale IS 'The application''s word for their language; what they chose themselves stands in language.';

COMMENT ON COLUMN outbox.recipient.language IS 'Chosen by the person; goes before locale.';

COMMENT ON COLUMN outbox.recipient.zone IS 'Time zone chosen by the person; goes before timezone.';

COMMENT ON COLUMN outbox.recipient.quiet IS 'What quiet hours do to Telegram messages: nothing, send without a sound, hold until they end.';

CREATE SEQUENCE outbox.relay_asleep
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    MAXVALUE 2
    CACHE 1
    CYCLE;

COMMENT ON SEQUENCE outbox.relay_asleep IS 'Whether the relay sleeps (is_called): then an emit notifies.';

CREATE TABLE outbox.route (
    routing bigint NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    category text NOT NULL COLLATE pg_catalog."C",
    channels text[] NOT NULL COLLATE pg_catalog."C",
    ttl interval,
    urgent boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT route_channels_known CHECK ((channels <@ ARRAY['telegram'::text, 'inapp'::text]))
);

COMMENT ON TABLE outbox.route IS 'Where a catalog sends the events of each type. Written by the workers that use it, once for each catalog.';

COMMENT ON COLUMN outbox.route.routing IS 'Hash of all routes of the catalog.';

COMMENT ON COLUMN outbox.route.ttl IS 'Time to live on Telegram.';

COMMENT ON COLUMN outbox.route.urgent IS 'May use the share of the Telegram rate that broadcasts leave free.';

CREATE TABLE outbox.run (
    id bigint NOT NULL,
    channel text DEFAULT 'telegram'::text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C",
    urgent boolean NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    lease_until timestamp with time zone,
    lanes bigint[] NOT NULL,
    heads bigint[] NOT NULL,
    CONSTRAINT run_channel_known CHECK ((channel = ANY (ARRAY['telegram'::text, 'inapp'::text]))),
    CONSTRAINT run_paired CHECK ((cardinality(heads) = cardinality(lanes)))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500', autovacuum_vacuum_cost_delay='0');
ALTER TABLE ONLY outbox.run ALTER COLUMN lanes SET STORAGE PLAIN;
ALTER TABLE ONLY outbox.run ALTER COLUMN heads SET STORAGE PLAIN;

COMMENT ON TABLE outbox.run IS 'Lanes that are due or being sent, many in one row. A lane stands in one run at the most.';

COMMENT ON COLUMN outbox.run.id IS 'The token of whoever has claimed it; whoever takes it over gives it a new one.';

COMMENT ON COLUMN outbox.run.type IS 'Type of the heads: claims are dealt out fairly between types. Empty where the run is urgent.';

COMMENT ON COLUMN outbox.run.urgent IS 'Something urgent waits in its lanes: claimed before the others.';

COMMENT ON COLUMN outbox.run.lease_until IS 'A worker sends the heads, until then; null: nobody has claimed it.';

COMMENT ON COLUMN outbox.run.heads IS 'The first open delivery of each lane. Of a run that nobody has claimed it may have been ended meanwhile.';

ALTER TABLE outbox.run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE outbox.salt (
    single boolean DEFAULT true NOT NULL,
    salt bytea NOT NULL,
    CONSTRAINT salt_single CHECK (single)
);

COMMENT ON TABLE outbox.salt IS 'Random, once for each installation: what recipients are hashed with in outbox.forgotten.';

CREATE VIEW outbox.sending AS
 SELECT r.id AS token,
    r.lease_until,
    h.lane_id,
    h.head AS delivery_id
   FROM (outbox.run r
     CROSS JOIN LATERAL UNNEST(r.lanes, r.heads) h(lane_id, head))
  WHERE (r.lease_until IS NOT NULL);

COMMENT ON VIEW outbox.sending IS 'Heads of lanes that a worker has claimed: those of them that are pending are being sent.';

CREATE TABLE outbox.telegram_link (
    id bigint NOT NULL,
    recipient text NOT NULL COLLATE pg_catalog."C",
    chat_id bigint NOT NULL,
    thread_id bigint,
    state text DEFAULT 'active'::text NOT NULL COLLATE pg_catalog."C",
    linked_at timestamp with time zone DEFAULT now() NOT NULL,
    state_at timestamp with time zone DEFAULT now() NOT NULL,
    unlinked_at timestamp with time zone,
    fault text COLLATE pg_catalog."C",
    fault_since timestamp with time zone,
    CONSTRAINT telegram_link_ends_after_start CHECK ((unlinked_at >= linked_at)),
    CONSTRAINT telegram_link_fault_dated CHECK (((fault IS NULL) = (fault_since IS NULL))),
    CONSTRAINT telegram_link_state_known CHECK ((state = ANY (ARRAY['active'::text, 'blocked'::text, 'unreachable'::text, 'suspended'::text])))
);

COMMENT ON TABLE outbox.telegram_link IS 'Which chat belongs to which recipient. A row without unlinked_at holds now.';

COMMENT ON COLUMN outbox.telegram_link.fault IS 'What its sends have been refused with since fault_since, with no success between.';

ALTER TABLE outbox.telegram_link ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.telegram_link_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE outbox.telegram_update (
    bot_id bigint NOT NULL,
    update_id bigint NOT NULL,
    chat_id bigint,
    failed_start boolean DEFAULT false NOT NULL,
    handled_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE outbox.telegram_update IS 'Updates that were handled, so that each is handled once; kept for as long as Telegram may send them again.';

COMMENT ON COLUMN outbox.telegram_update.failed_start IS 'A /start with a token that linked nothing: a chat may try a few only.';

CREATE TABLE outbox.waiting (
    id bigint NOT NULL,
    event_id bigint NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    due_at timestamp with time zone,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT waiting_due_when_scheduled CHECK (((due_at IS NOT NULL) = (reason = 'scheduled'::text))),
    CONSTRAINT waiting_reason_known CHECK ((reason = ANY (ARRAY['scheduled'::text, 'unrouted'::text, 'paused'::text])))
);

COMMENT ON TABLE outbox.waiting IS 'Events that the relay has read and not fanned out yet, and why.';

COMMENT ON COLUMN outbox.waiting.id IS 'Grows in the order in which the relay has read them.';

COMMENT ON COLUMN outbox.waiting.reason IS 'scheduled: its time has not come. unrouted: the catalog does not know its type. paused: by an operator.';

ALTER TABLE outbox.waiting ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.waiting_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY outbox.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (id);

ALTER TABLE ONLY outbox.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (id);

ALTER TABLE ONLY outbox.binding_request
    ADD CONSTRAINT binding_request_pkey PRIMARY KEY (recipient);

ALTER TABLE ONLY outbox.binding_request
    ADD CONSTRAINT binding_request_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY outbox.cursor
    ADD CONSTRAINT cursor_pkey PRIMARY KEY (consumer);

ALTER TABLE ONLY outbox.delivery
    ADD CONSTRAINT delivery_event_id_lane_id_key UNIQUE (event_id, lane_id);

ALTER TABLE ONLY outbox.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (id);

ALTER TABLE ONLY outbox.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY outbox.forgotten
    ADD CONSTRAINT forgotten_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY outbox.gauge
    ADD CONSTRAINT gauge_pkey PRIMARY KEY (single);

ALTER TABLE ONLY outbox.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (recipient);

ALTER TABLE ONLY outbox.lane
    ADD CONSTRAINT lane_channel_recipient_key UNIQUE (channel, recipient);

ALTER TABLE ONLY outbox.lane
    ADD CONSTRAINT lane_pkey PRIMARY KEY (id);

ALTER TABLE ONLY outbox.link_audit
    ADD CONSTRAINT link_audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY outbox.live_message
    ADD CONSTRAINT live_message_pkey PRIMARY KEY (lane_id, key);

ALTER TABLE ONLY outbox.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);

ALTER TABLE ONLY outbox.notification
    ADD CONSTRAINT notification_pkey PRIMARY KEY (event_id, recipient);

ALTER TABLE ONLY outbox.operator_action
    ADD CONSTRAINT operator_action_pkey PRIMARY KEY (id);

ALTER TABLE ONLY outbox.preference
    ADD CONSTRAINT preference_pkey PRIMARY KEY (recipient, category, channel);

ALTER TABLE ONLY outbox.pull
    ADD CONSTRAINT pull_pkey PRIMARY KEY (consumer);

ALTER TABLE ONLY outbox.recipient
    ADD CONSTRAINT recipient_pkey PRIMARY KEY (recipient);

ALTER TABLE ONLY outbox.route
    ADD CONSTRAINT route_pkey PRIMARY KEY (routing, type);

ALTER TABLE ONLY outbox.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY outbox.salt
    ADD CONSTRAINT salt_pkey PRIMARY KEY (single);

ALTER TABLE ONLY outbox.telegram_link
    ADD CONSTRAINT telegram_link_pkey PRIMARY KEY (id);

ALTER TABLE ONLY outbox.telegram_update
    ADD CONSTRAINT telegram_update_pkey PRIMARY KEY (bot_id, update_id);

ALTER TABLE ONLY outbox.waiting
    ADD CONSTRAINT waiting_event_id_key UNIQUE (event_id);

ALTER TABLE ONLY outbox.waiting
    ADD CONSTRAINT waiting_pkey PRIMARY KEY (id);

CREATE INDEX attempt_delivery ON outbox.attempt USING btree (delivery_id);

CREATE INDEX attempt_resent ON outbox.attempt USING btree (id) WHERE resent;

CREATE INDEX batch_events ON outbox.batch USING gist (events);

CREATE INDEX delivery_back ON outbox.delivery USING btree (lane_id, id) WHERE back;

CREATE INDEX delivery_lane ON outbox.delivery USING btree (lane_id, id) WHERE (lane_id IS NOT NULL);

CREATE INDEX delivery_stuck ON outbox.delivery USING btree (id) WHERE stuck;

CREATE UNIQUE INDEX event_dedupe ON outbox.event USING btree (dedupe_key) WHERE (dedupe_key IS NOT NULL);

CREATE INDEX event_window ON outbox.event USING btree (xid, id);

CREATE INDEX lane_due ON outbox.lane USING btree (channel, due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX link_audit_recipient ON outbox.link_audit USING btree (recipient);

CREATE INDEX notification_read ON outbox.notification USING btree (recipient, id) WHERE (read_at IS NOT NULL);

CREATE INDEX notification_unread ON outbox.notification USING btree (recipient, id) WHERE (read_at IS NULL);

CREATE INDEX operator_action_delivery ON outbox.operator_action USING btree (delivery_id);

CREATE INDEX run_leased ON outbox.run USING btree (lease_until) WHERE (lease_until IS NOT NULL);

CREATE INDEX run_queued ON outbox.run USING btree (channel, urgent, type, due_at, id) WHERE (lease_until IS NULL);

CREATE UNIQUE INDEX telegram_link_chat ON outbox.telegram_link USING btree (chat_id) WHERE (unlinked_at IS NULL);

CREATE UNIQUE INDEX telegram_link_recipient ON outbox.telegram_link USING btree (recipient) WHERE (unlinked_at IS NULL);

CREATE INDEX telegram_update_age ON outbox.telegram_update USING btree (handled_at);

CREATE INDEX telegram_update_failed ON outbox.telegram_update USING btree (chat_id, handled_at) WHERE failed_start;

CREATE INDEX waiting_due ON outbox.waiting USING btree (due_at, event_id) WHERE (reason = 'scheduled'::text);

CREATE INDEX waiting_unrouted ON outbox.waiting USING btree (type, id) WHERE (reason = 'unrouted'::text);

ALTER TABLE ONLY outbox.attempt
    ADD CONSTRAINT attempt_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES outbox.delivery(id) ON DELETE CASCADE;

ALTER TABLE ONLY outbox.operator_action
    ADD CONSTRAINT operator_action_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES outbox.delivery(id) ON DELETE CASCADE;

ALTER TABLE ONLY outbox.waiting
    ADD CONSTRAINT waiting_event_id_fkey FOREIGN KEY (event_id) REFERENCES outbox.event(id) ON DELETE CASCADE;

CREATE FUNCTION outbox.add_deliveries(events bigint[], categories text[], urgent boolean[], expires_at timestamp with time zone[], muted_events bigint[], muted text[], OUT deliveries integer, OUT skipped integer, OUT lanes integer) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  named bigint[];
  channels text[] collate "C";
  people text[] collate "C";
  hurried boolean[];
  ends timestamptz[];
  skips text[] collate "C";
  places bigint[];
  moment timestamptz := clock_timestamp();
  woken bigint[];
  heads bigint[];
  types text[];
  hurry boolean[];
  first_end timestamptz[];
begin
  select array_agg(p.event_id), array_agg(p.channel), array_agg(p.recipient), array_agg(p.urgent),
    array_agg(p.expires_at), array_agg(p.skip), array_agg(
      (select l.id from outbox.lane l where l.channel = p.channel and l.recipient = p.recipient limit 1)
    )
  into named, channels, people, hurried, ends, skips, places
  from (
    select a.place, a.event_id, 'telegram' as channel, r.recipient, a.urgent, a.expires_at, case
      when t.state is null then 'no_link'
      when (
        select true from outbox.preference f
        where f.recipient = r.recipient and f.category = a.category and f.channel = 'telegram' and not f.enabled limit 1
      ) then 'muted'
      -- a link that cannot be written to says why in the words of the reasons
      when t.state <> 'active' then t.state
    end as skip
    from unnest(add_deliveries.events, add_deliveries.categories, add_deliveries.urgent, add_deliveries.expires_at)
      with ordinality a (event_id, category, urgent, expires_at, place)
    cross join lateral (select e.recipients from outbox.event e where e.id = any(array[a.event_id]) order by e.id limit 1) e
    cross join lateral unnest(e.recipients) r (recipient)
    left join lateral (
      select l.state from outbox.telegram_link l
      where l.recipient = any(array[r.recipient]) and l.unlinked_at is null order by l.recipient limit 1
    ) t on true
    union all
    select null, m.event_id, 'inapp', m.recipient, false, null, 'muted'
    from unnest(add_deliveries.muted_events, add_deliveries.muted) m (event_id, recipient)
    order by place
  ) p;
  deliveries := coalesce(cardinality(named), 0);
  skipped := 0;
  lanes := 0;
  if deliveries = 0 then
    return;
  end if;

  if array_position(places, null) is not null then
    insert into outbox.lane (channel, recipient)
    select distinct p.channel, p.recipient
    from unnest(channels, people, places) p (channel, recipient, lane_id) where p.lane_id is null
    order by p.channel, p.recipient
    on conflict do nothing;
    select array_agg(coalesce(p.lane_id, (
      select l.id from outbox.lane l where l.channel = p.channel and l.recipient = p.recipient limit 1
    )) order by p.place)
    into places
    from unnest(channels, people, places) with ordinality p (channel, recipient, lane_id, place);
  end if;

  with ordered as materialized (
    select p.* from unnest(named, places, channels, people, hurried, ends, skips)
      p (event_id, lane_id, channel, recipient, urgent, expires_at, skip)
  ), born as (
    -- pending, or skipped with its reason and settled in the same moment
    insert into outbox.delivery
      (event_id, lane_id, channel, recipient, urgent, expires_at, created_at, state, reason, settled_at)
    select o.event_id, o.lane_id, o.channel, o.recipient, o.urgent, o.expires_at, moment,
      case when o.skip is null then 'pending' else 'skipped' end, o.skip, case when o.skip is not null then moment end
    from ordered o
    returning id, lane_id, event_id, urgent, expires_at, state
  ), work as materialized (
    select b.lane_id, min(b.id) as head, (array_agg(b.event_id order by b.id))[1] as event_id,
      bool_or(b.urgent) as urgent, min(b.expires_at) as expires_at
    from born b where b.state = 'pending' group by b.lane_id order by b.lane_id
  )
  select (select count(*) from born b where b.state = 'skipped'), count(*), array_agg(w.lane_id), array_agg(w.head),
    array_agg((select e.type from outbox.event e where e.id = any(array[w.event_id]) order by e.id limit 1)), array_agg(w.urgent), array_agg(w.expires_at)
  into skipped, lanes, woken, heads, types, hurry, first_end
  from work w;
  if lanes > 0 then
    perform outbox.wake_lanes(woken, heads, types, hurry, first_end);
  end if;
end $$;

COMMENT ON FUNCTION outbox.add_deliveries(events bigint[], categories text[], urgent boolean[], expires_at timestamp with time zone[], muted_events bigint[], muted text[], OUT deliveries integer, OUT skipped integer, OUT lanes integer) IS 'Make Telegram deliveries of events, given in commit order, and put their lanes right; also skipped in-app deliveries of those who have muted a category.';

CREATE FUNCTION outbox.add_notifications(events bigint[], types text[], categories text[], OUT notifications integer, OUT recipients text[], OUT muted_events bigint[], OUT muted text[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  named bigint[];
  people text[] collate "C";
  kinds text[] collate "C";
  groups text[] collate "C";
  versions bigint[];
  counts bigint[];
begin
  select array_agg(p.event_id) filter (where not p.off), array_agg(p.recipient) filter (where not p.off),
    array_agg(p.type) filter (where not p.off), array_agg(p.category) filter (where not p.off),
    array_agg(p.event_id) filter (where p.off), array_agg(p.recipient) filter (where p.off)
  into named, people, kinds, groups, muted_events, muted
  from (
    select a.event_id, r.recipient, a.type, a.category, (
      select true from outbox.preference f
      where f.recipient = r.recipient and f.category = a.category and f.channel = 'inapp' and not f.enabled limit 1
    ) is true as off
    from unnest(add_notifications.events, add_notifications.types, add_notifications.categories)
      with ordinality a (event_id, type, category, place)
    cross join lateral (select e.recipients from outbox.event e where e.id = any(array[a.event_id]) order by e.id limit 1) e
    cross join lateral unnest(e.recipients) r (recipient)
    -- so that whoever locks several inboxes does it in one order
    order by r.recipient, a.place
  ) p;
  notifications := coalesce(cardinality(named), 0);
  if notifications = 0 then
    return;
  end if;

  -- those of one recipient have consecutive versions, which end with the inbox's new one
  with added as materialized (
    select u.recipient, count(*) as n from unnest(people) u (recipient) group by u.recipient order by u.recipient
  ), counted as (
    insert into outbox.inbox as i (recipient, unread, version)
    select a.recipient, a.n, a.n from added a
    on conflict (recipient) do update set unread = i.unread + excluded.unread, version = i.version + excluded.version
    returning i.recipient, i.version
  )
  select array_agg(c.recipient order by c.recipient), array_agg(c.version order by c.recipient),
    (select array_agg(a.n order by a.recipient) from added a)
  into recipients, versions, counts
  from counted c;
  insert into outbox.notification (event_id, recipient, type, category, version)
  select * from unnest(named, people, kinds, groups, array(
    select u.version - u.n + k from unnest(versions, counts) u (version, n) cross join lateral generate_series(1, u.n) k
  ));
end $$;

COMMENT ON FUNCTION outbox.add_notifications(events bigint[], types text[], categories text[], OUT notifications integer, OUT recipients text[], OUT muted_events bigint[], OUT muted text[]) IS 'Notify the recipients of events, given in commit order, and count what they have not read. Who has muted a category is returned with the event instead.';

CREATE FUNCTION outbox.claim(channel text, urgent integer, types text[], shares integer[], lease interval, paced boolean) RETURNS TABLE(lane_id bigint, token bigint, delivery_id bigint, event_id bigint, recipient text, attempts bigint, expires_at timestamp with time zone, type text, payload text, request_id text, emitted_at timestamp with time zone, locale text, chat_id bigint, thread_id bigint, claimed_at timestamp with time zone, reason text, link_state text, link_fault text, in_pace boolean, is_urgent boolean, quiet text, traceparent text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  -- no run is locked that is not needed: a cursor locks them one by one
  queued cursor (of_type text, hurried boolean) for
    select r.id, r.type, r.urgent, r.due_at, r.lanes, r.heads from outbox.run r
    where r.channel = claim.channel and r.urgent = hurried and r.type = of_type and r.lease_until is null and r.due_at <= now()
    order by r.due_at, r.id for update skip locked;
  wanted record;
  part bigint;
  open_lanes bigint[];
  open_heads bigint[];
  bad_lanes bigint[];
  bad_heads bigint[];
  leased bigint;
  tokens bigint[] := '{}';
  rest_lanes bigint[] := '{}';
  rest_heads bigint[] := '{}';
  rest_types text[] := '{}';
  rest_urgents boolean[] := '{}';
  looked_at bigint[];
begin
  for wanted in
    select '' as type, claim.urgent as share, true as hurried where claim.urgent > 0
    union all
    select s.type, s.share, false from unnest(claim.types, claim.shares) s (type, share) where s.share > 0
  loop
    for run in queued (wanted.type, wanted.hurried) loop
      part := least(wanted.share, cardinality(run.lanes));
      -- Whoever locks a delivery that waits decides about it: who ends it, or we. One that is locked, ended or behind
      -- what came back is not sent now.
      select array_agg(h.lane_id order by h.place) filter (where d.id is not null and b.id is null),
        array_agg(h.head order by h.place) filter (where d.id is not null and b.id is null),
        array_agg(h.lane_id order by h.place) filter (where d.id is null or b.id is not null),
        array_agg(h.head order by h.place) filter (where d.id is null or b.id is not null)
      into open_lanes, open_heads, bad_lanes, bad_heads
      from unnest(run.lanes[: part], run.heads[: part]) with ordinality h (lane_id, head, place)
      left join lateral (
        select d.id from outbox.delivery d where d.id = any(array[h.head]) and d.state = 'pending' order by d.id limit 1 for no key update skip locked
      ) d on true
      left join lateral (
        select b.id from outbox.delivery b
        where b.lane_id = h.lane_id and b.back and b.phase = 'open' and b.id < h.head limit 1
      ) b on true;
      if part < cardinality(run.lanes) then
        update outbox.run r set lanes = run.lanes[part + 1 :], heads = run.heads[part + 1 :] where r.id = run.id;
        leased := null;
        if open_lanes is not null then
          insert into outbox.run (channel, type, urgent, due_at, lease_until, lanes, heads)
          values (claim.channel, run.type, run.urgent, run.due_at, now() + claim.lease, open_lanes, open_heads)
          returning id into leased;
        end if;
      elsif open_lanes is null then
        delete from outbox.run r where r.id = run.id;
        leased := null;
      elsif bad_lanes is null then
        update outbox.run r set lease_until = now() + claim.lease where r.id = run.id returning r.id into leased;
      else
        update outbox.run r set lease_until = now() + claim.lease, lanes = open_lanes, heads = open_heads
        where r.id = run.id returning r.id into leased;
      end if;
      if leased is not null then
        tokens := tokens || leased;
        wanted.share := wanted.share - cardinality(open_lanes);
      end if;
      if bad_lanes is not null then
        rest_lanes := rest_lanes || bad_lanes;
        rest_heads := rest_heads || bad_heads;
        rest_types := rest_types || array_fill(run.type, array[cardinality(bad_lanes)]);
        rest_urgents := rest_urgents || array_fill(run.urgent, array[cardinality(bad_lanes)]);
      end if;
      exit when wanted.share <= 0;
    end loop;
  end loop;

  if rest_lanes <> '{}' then
    -- whoever holds one of these lanes is not waited for
    looked_at := array(select l.id from outbox.lane l where l.id = any(rest_lanes) order by l.id for no key update skip locked);
    perform outbox.queue(array_agg(lane_id), array_agg(head), array_agg(type), array_agg(urgent), now() + interval '100 ms')
    from unnest(rest_lanes, rest_heads, rest_types, rest_urgents) a (lane_id, head, type, urgent)
    where lane_id <> all(looked_at) having count(*) > 0;
    perform outbox.put_on(looked_at);
  end if;

  return query
  select h.lane_id, r.id, d.id, d.event_id, d.recipient, d.attempts, d.expires_at,
    e.type, e.payload, e.request_id, e.created_at, coalesce(p.language, p.locale),
    t.chat_id, t.thread_id, now(), d.reason, t.state, t.fault,
    case when claim.paced then (select l.paced_until <= now() from outbox.lane l where l.id = h.lane_id) else true end,
    r.urgent,
    case when p.quiet <> 'off' then json_build_array(
      -- held until later and here all the same: something behind it cannot wait, so it goes without a sound
      case when d.reason = 'quiet_hours' and d.due_at > now() then 'silent' else p.quiet end,
      p.quiet_from, p.quiet_until, coalesce(p.zone, p.timezone)
    )::text end,
    e.traceparent
  from unnest(tokens) a (token)
  cross join lateral (select id, urgent, lanes, heads from outbox.run where id = any(array[a.token]) order by id limit 1) r
  cross join lateral unnest(r.lanes, r.heads) h (lane_id, head)
  cross join lateral (
    select id, event_id, recipient, attempts, expires_at, reason, due_at from outbox.delivery where id = any(array[h.head]) order by id limit 1
  ) d
  left join lateral (
    select type, payload::text, request_id, created_at, traceparent from outbox.event where id = any(array[d.event_id]) order by id limit 1
  ) e on true
  left join lateral (
    select locale, timezone, language, zone, quiet, quiet_from, quiet_until from outbox.recipient p
    where p.recipient = any(array[d.recipient]) order by p.recipient limit 1
  ) p on true
  left join lateral (
    select chat_id, thread_id, state, fault from outbox.telegram_link t
    where t.recipient = any(array[d.recipient]) and t.unlinked_at is null order by t.recipient limit 1
  ) t on true;
end $$;

COMMENT ON FUNCTION outbox.claim(channel text, urgent integer, types text[], shares integer[], lease interval, paced boolean) IS 'Lease runs, or parts of them: up to so many urgent lanes, and of the others a share for each type; returns their heads, with what it takes to send them.';

CREATE FUNCTION outbox.digest_of(recipient text) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ select sha256(salt || convert_to(recipient, 'UTF8')) from outbox.salt $$;

COMMENT ON FUNCTION outbox.digest_of(recipient text) IS 'How outbox.forgotten names a recipient.';

CREATE FUNCTION outbox.emit(type text, recipients text[], payload jsonb DEFAULT '{}'::jsonb, dedupe_key text DEFAULT NULL::text, request_id text DEFAULT NULL::text, deliver_at timestamp with time zone DEFAULT NULL::timestamp with time zone, expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  too_long constant text := 'a recipient has more than 2000 bytes';
  fault text;
  event_id bigint;
begin
  -- one expression of immutable functions: anything else would cost each emit a snapshot of its own
  if (btrim(emit.type) <> '' and cardinality(emit.recipients) between 1 and 10000 and array_ndims(emit.recipients) = 1
      and array_position(emit.recipients, null) is null and '' <> all (emit.recipients)
      and jsonb_typeof(emit.payload) = 'object' and octet_length(emit.payload::text) <= 65536
      -- what no index can hold, and times that most languages cannot
      and octet_length(emit.type) <= 1000 and octet_length(emit.recipients[1]) <= 2000
      and (emit.dedupe_key is null or octet_length(emit.dedupe_key) <= 2000)
      and (emit.deliver_at is null or emit.deliver_at between to_timestamp(0) and to_timestamp(253402214400))
      and (emit.expires_at is null or emit.expires_at between to_timestamp(0) and to_timestamp(253402214400))
      ) is not true then
    fault := case
      when emit.type is null or btrim(emit.type) = '' then 'type is null or empty'
      when emit.recipients is null or cardinality(emit.recipients) = 0 then 'no recipients'
      when array_ndims(emit.recipients) > 1 then 'recipients must be a list, not a matrix'
      when cardinality(emit.recipients) > 10000 then format('%s recipients, at most 10000 are allowed', cardinality(emit.recipients))
      when array_position(emit.recipients, null) is not null then 'a recipient is null'
      when '' = any (emit.recipients) then 'a recipient is empty'
      when emit.payload is null then 'payload is null, it must be a JSON object'
      when jsonb_typeof(emit.payload) <> 'object' then format('payload is a JSON %s, it must be an object', jsonb_typeof(emit.payload))
      when octet_length(emit.payload::text) > 65536
        then format('payload has %s bytes, at most 65536 are allowed', octet_length(emit.payload::text))
      when octet_length(emit.type) > 1000 then format('type has %s bytes, at most 1000 are allowed', octet_length(emit.type))
      when octet_length(emit.recipients[1]) > 2000 then too_long
      when octet_length(emit.dedupe_key) > 2000
        then format('dedupe_key has %s bytes, at most 2000 are allowed', octet_length(emit.dedupe_key))
      when emit.deliver_at is not null and not emit.deliver_at between to_timestamp(0) and to_timestamp(253402214400)
        then 'deliver_at is not between the years 1970 and 9999'
      else 'expires_at is not between the years 1970 and 9999'
    end;
    raise exception using errcode = '22023', message = 'outbox.emit: ' || fault;
  end if;
  if cardinality(emit.recipients) > 1 then
    if (select max(octet_length(r)) > 2000 from unnest(emit.recipients) r) then
      raise exception using errcode = '22023', message = 'outbox.emit: ' || too_long;
    end if;
    emit.recipients := array(select r from unnest(emit.recipients) with ordinality u(r, position) group by r order by min(position));
  end if;

  emit.request_id := coalesce(emit.request_id, nullif(current_setting('outbox.request_id', true), ''));

  if emit.dedupe_key is null then
    -- the usual case, without the cost of looking for a conflict
    insert into outbox.event (type, recipients, payload, request_id, deliver_at, expires_at)
    values (emit.type, emit.recipients, emit.payload, emit.request_id, emit.deliver_at, emit.expires_at)
    returning id into event_id;
  end if;
  while event_id is null loop
    insert into outbox.event (type, recipients, payload, dedupe_key, request_id, deliver_at, expires_at)
    values (emit.type, emit.recipients, emit.payload, emit.dedupe_key, emit.request_id, emit.deliver_at, emit.expires_at)
    on conflict (dedupe_key) where dedupe_key is not null do nothing
    returning id into event_id;
    exit when event_id is not null;
    -- someone was first: a later statement sees the row whose commit the insert has waited for
    select id into event_id from outbox.event where dedupe_key = emit.dedupe_key;
    if event_id is not null then
      return event_id;
    end if;
  end loop;

  if pg_sequence_last_value('outbox.relay_asleep') is not null then
    perform pg_notify('outbox_event', '');
  end if;
  return event_id;
end $$;

COMMENT ON FUNCTION outbox.emit(type text, recipients text[], payload jsonb, dedupe_key text, request_id text, deliver_at timestamp with time zone, expires_at timestamp with time zone) IS 'Write one event inside the caller''s transaction; returns its id. Bad input: SQLSTATE 22023.';

CREATE FUNCTION outbox.end_attempts(tokens bigint[], deliveries bigint[], message_ids bigint[], took real[], every double precision[], bursts integer[], over bigint[], OUT won bigint[], OUT paced integer) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  valid bigint[];
  held bigint[];
  ended bigint[];
  sent bigint[];
  lasted real[];
  next_lanes bigint[];
  next_heads bigint[];
  left_lanes bigint[];
begin
  -- A run that is ours still: while we hold it nobody else can end its attempts or take it over.
  select array_agg(r.id) into valid from (
    select id from outbox.run where id = any(tokens) and lease_until is not null order by id for no key update
  ) r;
  held := array(select h.head from unnest(valid) a (token) cross join lateral (
    select heads from outbox.run where id = any(array[a.token]) order by id limit 1
  ) r cross join lateral unnest(r.heads) h (head));
  paced := 0;
  -- Lanes before deliveries, as everybody locks them. A lane that has more waiting, and no pace to keep, is not written.
  with next as materialized (
    select d.id, d.lane_id, d.back, a.message_id, a.seconds, a.every, a.burst, n.id as head,
      n.id is null or n.due_at > now() as stays
    from unnest(tokens, deliveries, message_ids, took, every, bursts) a (token, delivery_id, message_id, seconds, every, burst)
    cross join lateral (
      select id, lane_id, back from outbox.delivery where id = any(array[a.delivery_id]) and state = 'pending' order by id limit 1
    ) d
    left join lateral (
      select o.id, o.due_at from (
        select least(
          (select b.id from outbox.delivery b
           where b.lane_id = any(array[d.lane_id]) and b.back and b.phase = 'open' and b.id <> d.id order by b.lane_id, b.id limit 1),
          (select o.id from outbox.delivery o
           where o.lane_id = d.lane_id and o.phase = 'open' and o.id <> d.id
             and o.id >= case when d.back then (select l.head from outbox.lane l where l.id = d.lane_id) else d.id end
           order by o.id limit 1)
        ) as id offset 0
      ) f cross join lateral (select id, due_at from outbox.delivery where id = any(array[f.id]) order by id limit 1) o
    ) n on true
    where a.token = any(valid) and a.delivery_id = any(held)
    order by d.lane_id
  ), kept as (
    update outbox.lane l set
      busy = not n.stays and (n.every = 0 or outbox.ready_after(l.paced_until, n.every, n.burst) <= now()),
      due_at = case when not n.stays and n.every > 0 and outbox.ready_after(l.paced_until, n.every, n.burst) > now()
        then outbox.ready_after(l.paced_until, n.every, n.burst) end,
      head = case when n.back then l.head else greatest(l.head, n.id + 1) end,
      paced_until = case when n.every > 0 then outbox.ready_after(l.paced_until, n.every, 1) else l.paced_until end,
      ready_at = case when n.every > 0 then outbox.ready_after(l.paced_until, n.every, n.burst) else l.ready_at end
    from next n
    where l.id = any(array[n.lane_id]) and (n.stays or n.every > 0)
    returning n.lane_id, n.head, n.stays, l.busy
  )
  select (select array_agg(id order by id) from next), (select array_agg(message_id order by id) from next),
    (select array_agg(seconds order by id) from next),
    (select array_agg(lane_id) from next where not stays and every = 0) || array_agg(lane_id) filter (where busy),
    (select array_agg(head) from next where not stays and every = 0) || array_agg(head) filter (where busy),
    array_agg(lane_id) filter (where stays), count(*) filter (where not stays and not busy)
  into ended, sent, lasted, next_lanes, next_heads, left_lanes, paced from kept;

  with moved as (
    update outbox.delivery d set
      state = 'sent', reason = null, attempts = d.attempts + 1, message_id = a.message_id, seconds = a.seconds,
      settled_at = now(), back = false
    from unnest(ended, sent, lasted) a (delivery_id, message_id, seconds)
    where d.id = any(array[a.delivery_id]) and d.state = 'pending'
    returning d.id
  )
  select array_agg(id) into won from moved;

  -- later statements: only so do they see what was added before we had the lanes
  if next_lanes is not null then
    perform outbox.queue(
      array_agg(a.lane_id), array_agg(a.head), array_agg(coalesce(e.type, '')), array_agg(a.head <= l.last_urgent)
    )
    from unnest(next_lanes, next_heads) a (lane_id, head)
    cross join lateral (select last_urgent from outbox.lane where id = any(array[a.lane_id]) order by id limit 1) l
    left join lateral (select event_id from outbox.delivery where id = any(array[a.head]) order by id limit 1) d on true
    left join lateral (select type from outbox.event where id = any(array[d.event_id]) order by id limit 1) e on true;
  end if;
  if left_lanes is not null then
    left_lanes := array(
      select l.id from unnest(left_lanes) a (lane_id)
      cross join lateral (select id, head from outbox.lane where id = any(array[a.lane_id]) order by id limit 1) l
      where (select true from outbox.delivery d where d.lane_id = l.id and d.id >= l.head and d.phase = 'open' limit 1)
        or (select true from outbox.delivery d where d.lane_id = l.id and d.back and d.phase = 'open' limit 1)
    );
    if left_lanes <> '{}' then
      paced := paced + outbox.put_on(left_lanes);
    end if;
  end if;
  if over <> '{}' then
    delete from outbox.run where id = any(over) and id = any(valid);
  end if;
end $$;

COMMENT ON FUNCTION outbox.end_attempts(tokens bigint[], deliveries bigint[], message_ids bigint[], took real[], every double precision[], bursts integer[], over bigint[], OUT won bigint[], OUT paced integer) IS 'End attempts that delivered and say no more than that; returns whose attempt was recorded, and how many lanes only their chat''s pace holds back. `over`: runs of which nothing is left.';

CREATE FUNCTION outbox.first_open(lane_id bigint, head bigint) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
  select least(
    (select d.id from outbox.delivery d where d.lane_id = any(array[first_open.lane_id]) and d.back and d.phase = 'open' order by d.lane_id, d.id limit 1),
    (select d.id from outbox.delivery d
     where d.lane_id = any(array[first_open.lane_id]) and d.id >= first_open.head and d.phase = 'open' order by d.lane_id, d.id limit 1)
  )
$$;

COMMENT ON FUNCTION outbox.first_open(lane_id bigint, head bigint) IS 'The first open delivery of a lane: of those that came back, and of those from its head on.';

CREATE FUNCTION outbox.forget(recipient text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_column
declare
  alias text := 'forgotten-' || gen_random_uuid();
  quoted text := to_json(recipient)::text;
  mentioned text;
  mine bigint[];
  shown bigint[];
  waiting bigint[];
begin
  if forget.recipient is null or forget.recipient = '' then
    raise exception using errcode = '22023', message = 'outbox.forget: recipient is null or empty';
  end if;
  -- no relay between here and the commit, or it would write the person anew
  perform from outbox.cursor where consumer = 'relay' for update;
  insert into outbox.lane (channel, recipient)
  select 'inapp', forget.recipient
  where exists (select from outbox.notification n where n.recipient = forget.recipient and n.read_at is null)
    or exists (select from outbox.notification n where n.recipient = forget.recipient and n.read_at is not null)
  on conflict do nothing;
  mine := array(
    select l.id from outbox.lane l where l.channel = any(array['telegram', 'inapp']) and l.recipient = forget.recipient
  );
  perform from outbox.lane l where l.id = any(mine) order by l.id for update;
  -- before the notifications, as whoever reads them does
  perform from outbox.inbox i where i.recipient = forget.recipient for update;
  shown := array(
    select n.event_id from outbox.notification n where n.recipient = forget.recipient and n.read_at is null
    union all
    select n.event_id from outbox.notification n where n.recipient = forget.recipient and n.read_at is not null
  );

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
  select n.event_id, (select l.id from outbox.lane l where l.channel = 'inapp' and l.recipient = forget.recipient),
    'inapp', alias, 'skipped', 'forgotten', now()
  from unnest(shown) n (event_id);
  -- whoever claims what is open or ends its attempt is waited for; an attempt that is under way then finds nothing to end
  waiting := array(
    select o.id from outbox.lane l cross join lateral (
      select o.id from outbox.delivery o where o.lane_id = l.id and o.id >= l.head and o.phase = 'open'
      union all
      select o.id from outbox.delivery o where o.lane_id = l.id and o.id < l.head and o.back and o.phase = 'open'
    ) o
    where l.id = any(mine)
  );
  perform from outbox.delivery d where d.id = any(waiting) order by d.id for no key update;
  -- those who take lanes out of runs take turns
  perform pg_advisory_xact_lock(7501166);
  perform outbox.take_out(l.id) from outbox.lane l where l.id = any(mine) and l.busy;
  update outbox.delivery d
  set recipient = alias,
      state = case when state in ('pending', 'sending') then 'skipped' else state end,
      reason = case when state in ('pending', 'sending') then 'forgotten' else reason end,
      settled_at = coalesce(settled_at, now()),
      message_id = null
  where d.id = any(array(select o.id from outbox.delivery o where o.lane_id = any(mine) order by o.lane_id, o.id));
  delete from outbox.live_message m where m.lane_id = any(mine);
  update outbox.lane l set recipient = alias, busy = false, due_at = null, last_urgent = 0 where l.id = any(mine);

  update outbox.telegram_update u set chat_id = null
  where u.chat_id = any(array(select t.chat_id from outbox.telegram_link t where t.recipient = forget.recipient));
  delete from outbox.notification n where n.event_id = any(shown) and n.recipient = forget.recipient;
  delete from outbox.inbox i where i.recipient = forget.recipient;
  delete from outbox.preference p where p.recipient = forget.recipient;
  delete from outbox.binding_request b where b.recipient = forget.recipient;
  delete from outbox.link_audit a where a.recipient = forget.recipient;
  delete from outbox.telegram_link t where t.recipient = forget.recipient;
  delete from outbox.recipient r where r.recipient = forget.recipient;

  -- a token that was issued before opens nothing any more
  insert into outbox.forgotten as f (digest) values (outbox.digest_of(forget.recipient))
  on conflict (digest) do update set forgotten_at = excluded.forgotten_at;
end $_$;

COMMENT ON FUNCTION outbox.forget(recipient text) IS 'Erase a person: link, preferences, notifications, payloads written for them alone; the counts stay, under an alias.';

CREATE FUNCTION outbox.last_urgent(lane_id bigint, head bigint) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
  select coalesce(greatest(
    (select max(d.id) from outbox.delivery d where d.lane_id = last_urgent.lane_id and d.back and d.urgent and d.phase = 'open'),
    (select d.id from outbox.delivery d
     where d.lane_id = any(array[last_urgent.lane_id]) and d.id >= last_urgent.head and d.urgent and d.phase = 'open' order by d.lane_id desc, d.id desc limit 1)
  ), 0)
$$;

COMMENT ON FUNCTION outbox.last_urgent(lane_id bigint, head bigint) IS 'The last urgent delivery that is open in a lane, of those that came back and those from its head on; 0: none.';

CREATE FUNCTION outbox.move_on(lanes bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  lane_id bigint;
  due_since timestamptz;
begin
  -- those who take lanes out of runs take turns: each locks several runs
  perform pg_advisory_xact_lock(7501166); -- "run" in ASCII
  foreach lane_id in array lanes loop
    due_since := outbox.take_out(lane_id);
    if due_since is not null then
      perform outbox.put_on(array[lane_id], due_since);
    end if;
  end loop;
end $$;

COMMENT ON FUNCTION outbox.move_on(lanes bigint[]) IS 'Look anew where lanes belong that wait in runs, by what stands in them now; what is being sent is left alone. The caller has locked them.';

CREATE FUNCTION outbox.promote(channel text, most integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  ids bigint[];
  first bigint[];
  types text[];
  urgents boolean[];
begin
  select array_agg(id order by due_at) into ids from (
    select id, due_at from outbox.lane where channel = promote.channel and due_at <= now()
    order by due_at limit most for no key update skip locked
  ) l;
  if ids is null then
    return;
  end if;
  -- a later statement: it sees what stands in them now
  select array_agg(l.id order by a.place), array_agg(d.id order by a.place), array_agg(coalesce(e.type, '') order by a.place),
    array_agg(d.id <= l.last_urgent order by a.place)
  into ids, first, types, urgents
  from unnest(ids) with ordinality a (lane_id, place)
  cross join lateral (select id, head, last_urgent from outbox.lane where id = any(array[a.lane_id]) and due_at <= now() order by id limit 1) l
  left join lateral (select id, event_id from outbox.delivery where id = outbox.first_open(l.id, l.head) limit 1) d on true
  left join lateral (select type from outbox.event where id = any(array[d.event_id]) order by id limit 1) e on true;
  update outbox.lane l set due_at = null, busy = a.head is not null
  from unnest(ids, first) a (lane_id, head) where l.id = any(array[a.lane_id]);
  perform outbox.queue(array_agg(lane_id), array_agg(head), array_agg(type), array_agg(urgent))
  from unnest(ids, first, types, urgents) a (lane_id, head, type, urgent) where head is not null having count(*) > 0;
end $$;

COMMENT ON FUNCTION outbox.promote(channel text, most integer) IS 'Put lanes that waited and are due now into runs, at most so many.';

CREATE FUNCTION outbox.put_on(lanes bigint[], due_since timestamp with time zone DEFAULT now()) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  busy_lanes bigint[];
  first bigint[];
  types text[];
  urgents boolean[];
  paced integer;
begin
  with next as materialized (
    select l.id as lane_id, l.ready_at, n.id as head, n.back, n.type, greatest(n.due_at, l.ready_at) as due_at,
      coalesce((
        -- one that was skipped hurries nobody any more
        select u.id from outbox.delivery u
        where u.lane_id = l.id and u.id >= n.id and u.id <= l.last_urgent and u.phase = 'open' and u.urgent
        order by u.id desc limit 1
      ), 0) as last_urgent
    from unnest(put_on.lanes) a (lane_id)
    cross join lateral (select id, ready_at, head, last_urgent from outbox.lane where id = any(array[a.lane_id]) order by id limit 1) l
    left join lateral (
      select d.id, d.back, e.type,
        -- what quiet hours hold back goes at once where something behind it cannot wait until they are over
        case when d.reason = 'quiet_hours' and (
          select true from outbox.delivery u
          where u.lane_id = l.id and u.id >= d.id and u.phase = 'open' and u.state = 'pending'
            and (u.urgent or (u.expires_at > now() and u.expires_at <= d.due_at)) limit 1
        ) then now() else d.due_at end as due_at
      from (select outbox.first_open(l.id, l.head) as id offset 0) f
      cross join lateral (select id, back, event_id, reason, due_at from outbox.delivery where id = any(array[f.id]) order by id limit 1) d
      left join lateral (select type from outbox.event where id = any(array[d.event_id]) order by id limit 1) e on true
    ) n on true
  ), put as (
    update outbox.lane l set
      busy = coalesce(n.head is not null and n.due_at <= now(), false),
      due_at = case when n.head is not null and n.due_at > now() then n.due_at end,
      head = case when n.back is false then n.head else l.head end,
      last_urgent = n.last_urgent
    from next n where l.id = any(array[n.lane_id])
  )
  select array_agg(lane_id) filter (where due_at <= now()), array_agg(head) filter (where due_at <= now()),
    array_agg(coalesce(type, '')) filter (where due_at <= now()), array_agg(head <= last_urgent) filter (where due_at <= now()),
    count(*) filter (where due_at > now() and due_at = ready_at)
  into busy_lanes, first, types, urgents, paced from next where head is not null;
  if busy_lanes is not null then
    perform outbox.queue(busy_lanes, first, types, urgents, due_since);
  end if;
  return paced;
end $$;

COMMENT ON FUNCTION outbox.put_on(lanes bigint[], due_since timestamp with time zone) IS 'Put lanes that stand nowhere into runs, let them wait or be idle, by what comes first in each; returns how many only their chat''s pace holds back. The caller has locked them in an earlier statement.';

CREATE FUNCTION outbox.queue(lanes bigint[], heads bigint[], types text[], urgents boolean[], due_at timestamp with time zone DEFAULT now()) RETURNS void
    LANGUAGE sql
    AS $$
  insert into outbox.run (type, urgent, due_at, lanes, heads)
  select type, urgent, queue.due_at, array_agg(lane_id order by head), array_agg(head order by head)
  from (
    select *, (row_number() over (partition by type, urgent order by head) - 1) / 250 as part
    from (
      select lane_id, head, case when urgent then '' else type end as type, urgent
      from unnest(lanes, heads, types, urgents) a (lane_id, head, type, urgent)
    ) a
  ) a group by type, urgent, part order by min(head)
$$;

CREATE FUNCTION outbox.ready_after(paced_until timestamp with time zone, every double precision, burst integer) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
  select greatest(now(), paced_until) + make_interval(secs => every) * (2 - burst)
$$;

COMMENT ON FUNCTION outbox.ready_after(paced_until timestamp with time zone, every double precision, burst integer) IS 'When a chat may get its next message, by GCRA with the theoretical arrival time kept in the lane; with a burst of 1 that time itself.';

CREATE FUNCTION outbox.relay(routing bigint, events integer, pairs integer, OUT standing text, OUT relayed jsonb, OUT first_id bigint, OUT oldest timestamp with time zone, OUT scheduled integer, OUT unrouted integer, OUT notifications integer, OUT deliveries integer, OUT skipped integer, OUT lanes integer, OUT recipients text[], OUT more boolean) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  last_id constant bigint := 9223372036854775807;
  most_bytes constant integer := 1048576;
  place outbox.cursor%rowtype;
  seen pg_snapshot;
  after_xid xid8;
  after_id bigint;
  found_events integer;
  taken_events integer;
  ids bigint[];
  types text[] collate "C";
  moments timestamptz[];
  postponed timestamptz[];
  expiries timestamptz[];
  span int8multirange;
  known int8multirange;
  going bigint[];
  aside bigint[];
  aside_types text[] collate "C";
  aside_due timestamptz[];
  inapp bigint[];
  inapp_types text[] collate "C";
  inapp_categories text[] collate "C";
  telegram bigint[];
  telegram_categories text[] collate "C";
  urgent boolean[];
  ends timestamptz[];
  muted_events bigint[];
  muted text[];
begin
  select * into place from outbox.cursor c where c.consumer = 'relay' for update skip locked;
  if not found then
    standing := case when exists (select from outbox.cursor c where c.consumer = 'relay') then 'held' else 'missing' end;
    return;
  end if;
  -- a statement of its own, after the lock: the one that locks may have seen less than whoever moved the cursor last
  seen := pg_current_snapshot();
  standing := case
    when place.system_identifier = 0 then 'moved'
    when place.system_identifier <> (select c.system_identifier from pg_control_system() c) then 'foreign'
    when pg_snapshot_xmax(place.high) > pg_snapshot_xmax(seen) then 'ahead'
    when relay.routing <> 0 and not exists (select from outbox.route r where r.routing = relay.routing) then 'unregistered'
    else 'relayed'
  end;
  if standing <> 'relayed' then
    return;
  end if;
  if place.low::text = place.high::text then
    place.high := seen;
  end if;
  -- where the index is entered: a row comparison with (0, 0) would walk through everything that the log keeps
  after_xid := greatest(place.at_xid, pg_snapshot_xmax(place.low));
  after_id := case when place.at_xid >= pg_snapshot_xmax(place.low) then place.at_id else 0 end;

  -- Two reads, each by the index (xid, id) and each limited: first transactions that were open at `low`, then those that
  -- began after it. All of the first have lower ids than any of the second.
  with window_of as materialized (
    select * from (
      (select e.* from pg_snapshot_xip(place.low) x
       cross join lateral (
         select e.id, e.xid, e.type, e.recipients, e.created_at, e.deliver_at, e.expires_at from outbox.event e
         where (e.xid, e.id) <= (x, last_id) and (e.xid, e.id) > (
           x, case when x < place.at_xid then last_id when x = place.at_xid then place.at_id else 0 end
         )
         order by e.xid, e.id limit relay.events
       ) e
       where pg_visible_in_snapshot(x, place.high)
       order by e.xid, e.id limit relay.events)
      union all
      (select e.id, e.xid, e.type, e.recipients, e.created_at, e.deliver_at, e.expires_at from outbox.event e
       where (e.xid, e.id) > (after_xid, after_id) and e.xid < pg_snapshot_xmax(place.high)
         and pg_visible_in_snapshot(e.xid, place.high)
       order by e.xid, e.id limit relay.events)
    ) e order by e.xid, e.id limit relay.events
  ), light as (
    -- as they are stored: whoever counts the recipients has to unpack them, and shall not do so of all
    select w.*, row_number() over o as number, sum(pg_column_size(w.recipients)) over o as bytes
    from window_of w window o as (order by w.xid, w.id)
  ), counted as (
    select l.*, sum(cardinality(l.recipients)) over (order by l.number) as pairs
    from light l where l.bytes <= most_bytes or l.number = 1
  ), page as (
    -- one event is read however many recipients it has
    select * from counted c where c.pairs <= relay.pairs or c.number = 1 order by c.number
  )
  select (select count(*) from window_of), count(*), (array_agg(p.xid))[count(*)::integer], (array_agg(p.id))[count(*)::integer],
    array_agg(p.id), array_agg(p.type), array_agg(greatest(p.created_at, p.deliver_at)),
    array_agg(case when p.deliver_at > now() then p.deliver_at end), array_agg(p.expires_at),
    range_agg(int8range(p.id, p.id, '[]'))
  into found_events, taken_events, place.at_xid, place.at_id, ids, types, moments, postponed, expiries, span
  from page p;
  more := found_events = relay.events or taken_events < found_events;
  if not more then
    place.low := place.high;
    place.at_xid := '0';
    place.at_id := 0;
  end if;

  -- what was relayed before: the cursor was set back
  select range_agg(r) into known
  from outbox.batch b cross join lateral unnest(b.events) r
  where b.events && span and span && r;

  -- those that wait no longer, after what went meanwhile: whose time has come, then whose type has become known
  if exists (select from outbox.waiting) then
    select ids || array_agg(w.event_id), types || array_agg(w.type), moments || array_agg(w.moment),
      postponed || array_agg(w.later), expiries || array_agg(w.expires_at)
    into ids, types, moments, postponed, expiries
    from (
      select w.*, e.expires_at, coalesce(w.due_at, greatest(e.created_at, e.deliver_at)) as moment,
        case when w.due_at is null and e.deliver_at > now() then e.deliver_at end as later,
        row_number() over o as number, sum(cardinality(e.recipients)) over o as pairs
      from (
        (select 1 as turn, w.* from outbox.waiting w where w.reason = 'scheduled' and w.due_at <= now()
         order by w.due_at, w.event_id limit relay.events)
        union all
        (select 2, w.* from outbox.route r cross join lateral (
           select w.* from outbox.waiting w
           where w.reason = 'unrouted' and w.type = any(array[r.type]) order by w.type, w.id limit relay.events
         ) w
         where r.routing = relay.routing
         order by w.id limit relay.events)
      ) w
      cross join lateral (
        select e.created_at, e.deliver_at, e.expires_at, e.recipients from outbox.event e where e.id = any(array[w.event_id]) order by e.id limit 1
      ) e
      -- a scheduled one has an id above all that are due before it: times come first
      window o as (order by w.turn, w.due_at, case when w.turn = 1 then w.event_id else w.id end)
      order by w.turn, w.due_at, case when w.turn = 1 then w.event_id else w.id end
    ) w
    where (w.pairs <= relay.pairs or w.number = 1) and not coalesce(span @> w.event_id, false);
  end if;

  with fates as materialized (
    select a.*, r.category, r.channels, r.urgent, least(a.expires_at, a.moment + r.ttl) as ends,
      r.category is not null and a.later is null as goes
    from unnest(ids, types, moments, postponed, expiries) with ordinality
      a (id, type, moment, later, expires_at, place)
    left join lateral (
      select r.* from outbox.route r where r.routing = relay.routing and r.type = a.type limit 1
    ) r on true
    where not coalesce(known @> a.id, false)
    order by a.place
  )
  select (select jsonb_object_agg(t.type, t.count) from (
      select f.type, count(*) from fates f where f.goes group by f.type
    ) t),
    min(f.id) filter (where f.goes), min(f.moment) filter (where f.goes),
    count(*) filter (where not f.goes and f.category is not null), count(*) filter (where f.category is null),
    array_agg(f.id) filter (where f.goes),
    array_agg(f.id) filter (where not f.goes), array_agg(f.type) filter (where not f.goes),
    array_agg(case when f.category is not null then f.later end) filter (where not f.goes),
    array_agg(f.id) filter (where f.goes and 'inapp' = any(f.channels)),
    array_agg(f.type) filter (where f.goes and 'inapp' = any(f.channels)),
    array_agg(f.category) filter (where f.goes and 'inapp' = any(f.channels)),
    array_agg(f.id) filter (where f.goes and 'telegram' = any(f.channels)),
    array_agg(f.category) filter (where f.goes and 'telegram' = any(f.channels)),
    array_agg(f.urgent) filter (where f.goes and 'telegram' = any(f.channels)),
    array_agg(f.ends) filter (where f.goes and 'telegram' = any(f.channels))
  into relayed, first_id, oldest, scheduled, unrouted, going, aside, aside_types, aside_due, inapp, inapp_types,
    inapp_categories, telegram, telegram_categories, urgent, ends
  from fates f;

  notifications := 0;
  deliveries := 0;
  skipped := 0;
  lanes := 0;
  if going is not null then
    insert into outbox.batch (events, routing)
    select range_agg(int8range(g, g, '[]')), relay.routing from unnest(going) g;
    if inapp is not null then
      select n.notifications, n.recipients, n.muted_events, n.muted
      into notifications, recipients, muted_events, muted
      from outbox.add_notifications(inapp, inapp_types, inapp_categories) n;
    end if;
    if telegram is not null or muted is not null then
      select d.deliveries, d.skipped, d.lanes into deliveries, skipped, lanes
      from outbox.add_deliveries(telegram, telegram_categories, urgent, ends, muted_events, muted) d;
    end if;
    if exists (select from outbox.waiting) then
      delete from outbox.waiting w where w.event_id = any(going);
    end if;
  end if;
  if aside is not null then
    insert into outbox.waiting as w (event_id, type, reason, due_at)
    select a.id, a.type, case when a.due_at is null then 'unrouted' else 'scheduled' end, a.due_at
    from unnest(aside, aside_types, aside_due) with ordinality a (id, type, due_at, place) order by a.place
    on conflict (event_id) do update set reason = excluded.reason, due_at = excluded.due_at
    where (w.reason, w.due_at) is distinct from (excluded.reason, excluded.due_at);
  end if;

  update outbox.cursor c
  set low = place.low, high = place.high, at_xid = place.at_xid, at_id = place.at_id, moved_at = now()
  where c.consumer = 'relay';
end $$;

COMMENT ON FUNCTION outbox.relay(routing bigint, events integer, pairs integer, OUT standing text, OUT relayed jsonb, OUT first_id bigint, OUT oldest timestamp with time zone, OUT scheduled integer, OUT unrouted integer, OUT notifications integer, OUT deliveries integer, OUT skipped integer, OUT lanes integer, OUT recipients text[], OUT more boolean) IS 'Fan out the next events after the cursor, at most so many for at most so many recipients (one event at the least), by the routes of a catalog, in one transaction. standing says whether that was done: relayed; held: another relay is at it; missing: there is no cursor; moved, foreign, ahead: it is not of this database; unregistered: these routes are not known.';

CREATE FUNCTION outbox.renamed(content jsonb, person text, alias text, mentioned text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION outbox.renamed(content jsonb, person text, alias text, mentioned text) IS 'JSON in which a person bears an alias: as a whole word of its own, and wherever the pattern of a mention fits.';

CREATE FUNCTION outbox.requeue(lanes bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  looked_for constant integer := 50;
  hurried bigint[];
begin
  with before as materialized (
    select id, head, last_urgent from outbox.lane where id = any(requeue.lanes)
  ), urgent as (
    update outbox.lane l set last_urgent = u.id
    from before b cross join lateral (select outbox.last_urgent(b.id, b.head) as id offset 0) u
    where l.id = any(array[b.id]) and l.last_urgent <> u.id
    returning l.id, l.busy and b.last_urgent < u.id as grew
  )
  select array_agg(id) filter (where grew) into hurried from urgent;
  perform outbox.put_on(array(select id from outbox.lane where id = any(requeue.lanes) and not busy));
  -- Where there are many, only what cannot wait is looked for: the others are passed on when their turn comes.
  if cardinality(requeue.lanes) <= looked_for then
    hurried := array(select id from outbox.lane where id = any(requeue.lanes) and busy order by id);
  end if;
  if hurried <> '{}' then
    perform outbox.move_on(hurried);
  end if;
end $$;

COMMENT ON FUNCTION outbox.requeue(lanes bigint[]) IS 'Put lanes right in which deliveries have come back or were ended. The caller has locked them in an earlier statement.';

CREATE FUNCTION outbox.take_out(lane_id bigint) RETURNS timestamp with time zone
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  sent bigint;
  found_in bigint;
  due_since timestamptz;
begin
  -- more often than anybody can be in the way
  for attempt in 1..100 loop
    select d.id into sent from outbox.run r
    cross join lateral (
      select h.head from unnest(r.lanes, r.heads) h (lane_id, head) where h.lane_id = take_out.lane_id
    ) h
    cross join lateral (
      select id from outbox.delivery where id = any(array[h.head]) and phase = 'open' order by id limit 1
    ) d
    where r.lease_until is not null and take_out.lane_id = any(r.lanes) limit 1;
    if sent is not null then
      -- it goes on; whoever ends it comes before us, or waits for us and sees then what we have changed
      perform from outbox.delivery d where d.id = sent and d.phase = 'open' for no key update;
      continue when not found;
      return null;
    end if;
    select r.id, r.due_at into found_in, due_since from outbox.run r
    where r.lease_until is null and take_out.lane_id = any(r.lanes) limit 1 for update;
    -- a claim has moved it meanwhile
    continue when not found;
    update outbox.run r set
      lanes = array(select h.lane_id from unnest(r.lanes, r.heads) h (lane_id, head) where h.lane_id <> take_out.lane_id),
      heads = array(select h.head from unnest(r.lanes, r.heads) h (lane_id, head) where h.lane_id <> take_out.lane_id)
    where r.id = found_in;
    delete from outbox.run r where r.id = found_in and cardinality(r.lanes) = 0;
    return due_since;
  end loop;
  return null;
end $$;

COMMENT ON FUNCTION outbox.take_out(lane_id bigint) IS 'Take a lane out of the run in which it waits; returns since when it has been due, or null where its head is being sent. The caller has locked the lane.';

CREATE FUNCTION outbox.wake_lanes(lanes bigint[], heads bigint[], types text[], urgent boolean[], expires_at timestamp with time zone[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  idle bigint[];
  waiting bigint[];
  hurried bigint[];
  due bigint[];
begin
  -- Always in the order of the ids, so that two who lock several lanes cannot wait for each other. The values are the
  -- newest: a lane that has just gone idle is seen to be.
  select array_agg(w.place) filter (where not l.busy and l.due_at is null),
    array_agg(w.place) filter (where l.due_at is not null and (w.urgent or w.expires_at is not null)),
    array_agg(w.place) filter (where l.busy and w.urgent)
  into idle, waiting, hurried
  from unnest(wake_lanes.lanes, wake_lanes.urgent, wake_lanes.expires_at) with ordinality w (lane_id, urgent, expires_at, place)
  cross join lateral (select busy, due_at from outbox.lane where id = any(array[w.lane_id]) order by id limit 1 for no key update) l;

  if idle is not null then
    with woken as (
      update outbox.lane l set
        busy = l.ready_at <= now(),
        due_at = case when l.ready_at > now() then l.ready_at end,
        head = heads[a.place],
        last_urgent = case when wake_lanes.urgent[a.place] then outbox.last_urgent(l.id, heads[a.place]) else 0 end
      from unnest(idle) a (place) where l.id = any(array[wake_lanes.lanes[a.place]])
      returning a.place, l.busy
    )
    select array_agg(place order by place) filter (where busy) into due from woken;
    if due is not null then
      perform outbox.queue(
        array_agg(wake_lanes.lanes[place]), array_agg(heads[place]), array_agg(types[place]), array_agg(wake_lanes.urgent[place])
      ) from unnest(due) a (place);
    end if;
  end if;

  -- A lane that waits waits on, but for one whose head quiet hours hold back: that cannot keep back what cannot wait.
  if waiting is not null then
    update outbox.lane l set
      due_at = case
        when l.due_at > now() and (
          wake_lanes.urgent[a.place] or wake_lanes.expires_at[a.place] > now() and wake_lanes.expires_at[a.place] <= l.due_at
        ) and (
          select d.reason from outbox.delivery d where d.id = outbox.first_open(l.id, l.head)
        ) = 'quiet_hours' then greatest(now(), l.ready_at)
        else l.due_at
      end,
      last_urgent = case when wake_lanes.urgent[a.place] then outbox.last_urgent(l.id, heads[a.place]) else l.last_urgent end
    from unnest(waiting) a (place) where l.id = any(array[wake_lanes.lanes[a.place]]);
  end if;

  -- one that is being sent learns only that something urgent waits
  if hurried is not null then
    update outbox.lane l set last_urgent = outbox.last_urgent(l.id, heads[a.place])
    from unnest(hurried) a (place) where l.id = any(array[wake_lanes.lanes[a.place]]);
    perform outbox.move_on(array_agg(wake_lanes.lanes[place])) from unnest(hurried) a (place);
  end if;
end $$;

COMMENT ON FUNCTION outbox.wake_lanes(lanes bigint[], heads bigint[], types text[], urgent boolean[], expires_at timestamp with time zone[]) IS 'Wake lanes that got deliveries in this transaction: of each, in the order of their ids, the first of these, its type, whether one is urgent, and when the first expires.';

GRANT USAGE ON SCHEMA outbox TO outbox_producer;
GRANT USAGE ON SCHEMA outbox TO outbox_worker;
GRANT USAGE ON SCHEMA outbox TO outbox_reader;

REVOKE ALL ON FUNCTION outbox.add_deliveries(events bigint[], categories text[], urgent boolean[], expires_at timestamp with time zone[], muted_events bigint[], muted text[], OUT deliveries integer, OUT skipped integer, OUT lanes integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.add_deliveries(events bigint[], categories text[], urgent boolean[], expires_at timestamp with time zone[], muted_events bigint[], muted text[], OUT deliveries integer, OUT skipped integer, OUT lanes integer) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.add_notifications(events bigint[], types text[], categories text[], OUT notifications integer, OUT recipients text[], OUT muted_events bigint[], OUT muted text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.add_notifications(events bigint[], types text[], categories text[], OUT notifications integer, OUT recipients text[], OUT muted_events bigint[], OUT muted text[]) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.claim(channel text, urgent integer, types text[], shares integer[], lease interval, paced boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.claim(channel text, urgent integer, types text[], shares integer[], lease interval, paced boolean) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.digest_of(recipient text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.digest_of(recipient text) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.emit(type text, recipients text[], payload jsonb, dedupe_key text, request_id text, deliver_at timestamp with time zone, expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.emit(type text, recipients text[], payload jsonb, dedupe_key text, request_id text, deliver_at timestamp with time zone, expires_at timestamp with time zone) TO outbox_producer;
GRANT ALL ON FUNCTION outbox.emit(type text, recipients text[], payload jsonb, dedupe_key text, request_id text, deliver_at timestamp with time zone, expires_at timestamp with time zone) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.end_attempts(tokens bigint[], deliveries bigint[], message_ids bigint[], took real[], every double precision[], bursts integer[], over bigint[], OUT won bigint[], OUT paced integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.end_attempts(tokens bigint[], deliveries bigint[], message_ids bigint[], took real[], every double precision[], bursts integer[], over bigint[], OUT won bigint[], OUT paced integer) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.first_open(lane_id bigint, head bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.first_open(lane_id bigint, head bigint) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.forget(recipient text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.forget(recipient text) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.last_urgent(lane_id bigint, head bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.last_urgent(lane_id bigint, head bigint) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.move_on(lanes bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.move_on(lanes bigint[]) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.promote(channel text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.promote(channel text, most integer) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.put_on(lanes bigint[], due_since timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.put_on(lanes bigint[], due_since timestamp with time zone) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.queue(lanes bigint[], heads bigint[], types text[], urgents boolean[], due_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.queue(lanes bigint[], heads bigint[], types text[], urgents boolean[], due_at timestamp with time zone) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.ready_after(paced_until timestamp with time zone, every double precision, burst integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.ready_after(paced_until timestamp with time zone, every double precision, burst integer) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.relay(routing bigint, events integer, pairs integer, OUT standing text, OUT relayed jsonb, OUT first_id bigint, OUT oldest timestamp with time zone, OUT scheduled integer, OUT unrouted integer, OUT notifications integer, OUT deliveries integer, OUT skipped integer, OUT lanes integer, OUT recipients text[], OUT more boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.relay(routing bigint, events integer, pairs integer, OUT standing text, OUT relayed jsonb, OUT first_id bigint, OUT oldest timestamp with time zone, OUT scheduled integer, OUT unrouted integer, OUT notifications integer, OUT deliveries integer, OUT skipped integer, OUT lanes integer, OUT recipients text[], OUT more boolean) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.renamed(content jsonb, person text, alias text, mentioned text) FROM PUBLIC;

REVOKE ALL ON FUNCTION outbox.requeue(lanes bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.requeue(lanes bigint[]) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.take_out(lane_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.take_out(lane_id bigint) TO outbox_worker;

REVOKE ALL ON FUNCTION outbox.wake_lanes(lanes bigint[], heads bigint[], types text[], urgent boolean[], expires_at timestamp with time zone[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.wake_lanes(lanes bigint[], heads bigint[], types text[], urgent boolean[], expires_at timestamp with time zone[]) TO outbox_worker;

GRANT SELECT ON TABLE outbox.attempt TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.attempt TO outbox_worker;

GRANT USAGE ON SEQUENCE outbox.attempt_id_seq TO outbox_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.batch TO outbox_worker;
GRANT SELECT ON TABLE outbox.batch TO outbox_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.binding_request TO outbox_worker;
GRANT SELECT ON TABLE outbox.binding_request TO outbox_reader;

GRANT SELECT ON TABLE outbox.cursor TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.cursor TO outbox_worker;

GRANT SELECT ON TABLE outbox.delivery TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.delivery TO outbox_worker;

GRANT USAGE ON SEQUENCE outbox.delivery_id_seq TO outbox_worker;

GRANT SELECT ON TABLE outbox.event TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.event TO outbox_worker;

GRANT USAGE ON SEQUENCE outbox.event_id_seq TO outbox_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.forgotten TO outbox_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.gauge TO outbox_worker;
GRANT SELECT ON TABLE outbox.gauge TO outbox_reader;

GRANT SELECT ON TABLE outbox.inbox TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.inbox TO outbox_worker;

GRANT SELECT ON TABLE outbox.lane TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.lane TO outbox_worker;

GRANT USAGE ON SEQUENCE outbox.lane_id_seq TO outbox_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.link_audit TO outbox_worker;
GRANT SELECT ON TABLE outbox.link_audit TO outbox_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.live_message TO outbox_worker;
GRANT SELECT ON TABLE outbox.live_message TO outbox_reader;

GRANT SELECT ON TABLE outbox.migration TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.migration TO outbox_worker;

GRANT SELECT ON TABLE outbox.notification TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.notification TO outbox_worker;

GRANT USAGE ON SEQUENCE outbox.notification_id_seq TO outbox_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.operator_action TO outbox_worker;
GRANT SELECT ON TABLE outbox.operator_action TO outbox_reader;

GRANT SELECT ON TABLE outbox.preference TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.preference TO outbox_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.pull TO outbox_worker;
GRANT SELECT ON TABLE outbox.pull TO outbox_reader;

GRANT SELECT ON TABLE outbox.recipient TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.recipient TO outbox_worker;

GRANT ALL ON SEQUENCE outbox.relay_asleep TO outbox_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.route TO outbox_worker;
GRANT SELECT ON TABLE outbox.route TO outbox_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.run TO outbox_worker;
GRANT SELECT ON TABLE outbox.run TO outbox_reader;

GRANT USAGE ON SEQUENCE outbox.run_id_seq TO outbox_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.salt TO outbox_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.sending TO outbox_worker;
GRANT SELECT ON TABLE outbox.sending TO outbox_reader;

GRANT SELECT ON TABLE outbox.telegram_link TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.telegram_link TO outbox_worker;

GRANT USAGE ON SEQUENCE outbox.telegram_link_id_seq TO outbox_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.telegram_update TO outbox_worker;
GRANT SELECT ON TABLE outbox.telegram_update TO outbox_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.waiting TO outbox_worker;
GRANT SELECT ON TABLE outbox.waiting TO outbox_reader;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA outbox GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO outbox_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA outbox GRANT SELECT ON TABLES TO outbox_reader;
