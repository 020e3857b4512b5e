"""What each statement is called with; a batch is always 300, evenly over the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from inapp.notification import LAST_ID, NEWEST
from outbox.cursor import consumer
from outbox.monitoring import count_estimate
from outbox.prune import event_prune
from tests.integration.plans.tables import HIGH, LOW, ROWS, multiples


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a statement."""

    arguments: Sequence[object] = ()
    asked: int = 1
    """How many rows it was asked for, where neither its arrays nor its answer say that it were more."""
    whole: Mapping[str, str] = field(default_factory=dict)
    """Tables that it may go through from end to end, once, and why."""
    fresh: str | None = None
    """Why no session ever runs it by a plan that was made for smaller tables."""


def call(*arguments: object, asked: int = 1, fresh: str | None = None, **whole: str) -> Call:
    """Write a call."""
    return Call(arguments, asked, whole, fresh)


BATCH = 300
SENDING, DEAD, UNKNOWN, DUE, WAITING = (list(multiples(n)) for n in (2, 3, 4, 10, 11))
HEADS = [500_000 + n if n in (2, 102, 202) else n for n in SENDING]
"""Of the lanes that are being sent; a few have a history before them."""
TOKENS = [lane % 100 for lane in SENDING]
EVENTS = list(multiples(1))
PEOPLE = [f"u-{n}" for n in multiples(7)]
READERS = [f"u-{n}" for n in range(1, BATCH + 1)]
CHATS = list(multiples(8))
STRANGERS = [f"new-{n}" for n in range(BATCH)]
NEW_CHATS = [10**9 + n for n in range(BATCH)]
OF_STUCK = 600
"""Deliveries in one of the two states that wait for an operator."""
LOWS, HIGHS = count_estimate.pieces(ROWS)
DAY, MINUTE, NONE = timedelta(days=1), timedelta(minutes=1), timedelta(0)
NOW = datetime.now(UTC)
LATER = NOW + 2 * DAY
HASH = bytes(32)


def each(value: object) -> list[object]:
    """Give every row of a batch the same value."""
    return [value] * BATCH


ANY: Sequence[object] = [None] * 6
"""Of what is stuck all."""

CALLS: Mapping[str, Call] = {
    "outbox.monitoring.backlog.LAG": call(),
    "outbox.binding.CONSUME": call(HASH),
    "outbox.binding.REQUEST": call("u-70", HASH, MINUTE),
    "outbox.binding.VOID": call(HASH),
    "outbox.cursor.consumer.ACK": call("app", UUID(int=1)),
    "outbox.cursor.consumer.ACKED": call("app", UUID(int=1)),
    "outbox.cursor.consumer.BEGIN": call("app", True),
    "outbox.cursor.consumer.DROP_CURSOR": call("app"),
    "outbox.cursor.consumer.DROP_PULL": call("app"),
    "outbox.cursor.consumer.HAND_OUT": call("app", "3:3:", "3:3:", "0", 0, MINUTE),
    "outbox.cursor.consumer.LEASED": call("app"),
    "outbox.cursor.consumer.READ": call(LOW, HIGH, "0", 0, BATCH, consumer.MOST_BYTES, asked=BATCH),
    "outbox.monitoring.open_count.OPEN": call(BATCH, asked=BATCH),
    "outbox.monitoring.open_count.SENDING": call(BATCH, asked=BATCH),
    "outbox.monitoring.open_count.STUCK": call(BATCH, asked=BATCH),
    "outbox.cursor.snapshot_cursor.ADVANCE": call("relay", "3:3:", "3:3:", "0", 0),
    "outbox.cursor.snapshot_cursor.FIND": call("relay"),
    "outbox.cursor.snapshot_cursor.LOCK": call("relay"),
    "outbox.cursor.snapshot_cursor.LOCK_IN_TURN": call("relay"),
    "outbox.cursor.snapshot_cursor.NOW": call("3:3:"),
    "outbox.cursor.snapshot_cursor.PEEK": call("relay"),
    "outbox.cursor.snapshot_cursor.SHOW": call(),
    "outbox.cursor.snapshot_cursor.SLEEP": call(False),
    "outbox.operator.dead_letter.ACTED": call(DEAD[0]),
    "outbox.operator.dead_letter.LETTER": call(DEAD[0]),
    "outbox.operator.dead_letter.TRIED": call(DEAD[0]),
    "outbox.lane.digest.FOLLOWING": call(10, 500_009, 49, 49, ["type-0", "type-1"], asked=49),
    "outbox.lane.digest.CARRY": call(302, 302, SENDING),
    "outbox.lane.due.LOOK": call("telegram", 10, 64, asked=5 * 64),
    "outbox.lane.due.PROMOTE": call("telegram", BATCH, asked=BATCH),
    "outbox.event_log.event.EMIT": call("t", ["u-1", "u-2"], {}, None, None, None, None),
    "outbox.event_log.event.WRITTEN": call(EVENTS),
    "outbox.person.forgotten.AMONG": call(PEOPLE),
    "outbox.person.forgotten.FORGET": call(
        "u-70",
        asked=40,
        event="what mentions a person may stand in any event",
        run="in which run a lane stands is in no index",
        telegram_link="their links that have ended are in no index",
        telegram_update="chats are in no index there",
    ),
    "outbox.person.forgotten.COUNT_OPEN": call(SENDING),
    "outbox.person.forgotten.SINCE": call("u-70"),
    "outbox.monitoring.gauge.OLDEST_DUE": call(asked=4),
    "outbox.monitoring.gauge.WAITING": call(BATCH, asked=2 * BATCH),
    "outbox.database.time_boxed.LIMIT": call("20000"),
    "outbox.lane.lane_claim.LOCK": call(SENDING),
    "outbox.lane.lane_claim.CLAIM": call(
        "telegram", BATCH, ["type-0", "type-1"], [BATCH // 2, BATCH // 2], MINUTE, True, asked=2 * BATCH
    ),
    "outbox.lane.lane_claim.PACE": call(SENDING, each(1.0), each(3)),
    "outbox.lane.lane_claim.PUT_ON": call(WAITING),
    "outbox.lane.lane_claim.UNFINISHED": call(),
    "outbox.person.last_sent.LAST_SENT": call(
        "u-2", 10_000, delivery="of all deliveries the newest, as many as is said"
    ),
    "outbox.prune.relay_ledger.FORGET_ROUTES": call(batch="which routes are needed still is in no index"),
    "outbox.prune.relay_ledger.LAST": call(0, BATCH, asked=BATCH),
    "outbox.prune.relay_ledger.LOCK_CURSOR": call(),
    "outbox.prune.relay_ledger.MERGE": call(0, BATCH, asked=BATCH),
    "outbox.link.chat_link.LIST": call(0, None, BATCH, asked=BATCH),
    "outbox.link.chat_link.OF_CHAT": call(70),
    "outbox.link.chat_link.OF_RECIPIENT": call("u-70"),
    "outbox.link.link_audit.AUDIT": call("u-70"),
    "outbox.link.link_audit.NOTE": call(DUE, PEOPLE, each("linked"), "send", None),
    "outbox.prune.link_history.LINKS": call(0, BATCH, LATER, asked=BATCH),
    "outbox.prune.link_history.REQUESTS": call("", BATCH, LATER, asked=BATCH),
    "outbox.link.link_state.CLEAR": call(PEOPLE),
    "outbox.link.link_state.CLOSE": call(70, "blocked", LATER),
    "outbox.link.link_state.OPEN": call(6, LATER),
    "outbox.link.link_state.REFUSE": call(PEOPLE, each("blocked"), each("blocked"), each(NONE)),
    "outbox.link.link_state.RESTORE": call(DAY, telegram_link="when so many refusals were our own fault: all of them"),
    "outbox.link.link_state.WHOSE": call(70),
    "outbox.link.linking.ADD": call(STRANGERS, NEW_CHATS, each(None)),
    "outbox.link.linking.END": call(DUE),
    "outbox.link.linking.LOCK_LINKING": call(1),
    "outbox.link.linking.LOCK_TOUCHED": call(PEOPLE, CHATS),
    "outbox.link.linking.MIGRATE": call(PEOPLE, NEW_CHATS),
    "outbox.link.linking.REOPEN": call(PEOPLE, each(None)),
    "outbox.link.linking.TOUCHED": call(PEOPLE, CHATS),
    "outbox.link.linking.TURN": call(PEOPLE, each(3)),
    "outbox.recording.live_message.FIND": call(2, "key", 2, DAY),
    "outbox.recording.live_message.PRUNE": call(2, "key", BATCH, DAY, asked=BATCH),
    "outbox.recording.live_message.PUT": call(SENDING, each("key"), SENDING, SENDING),
    "outbox.operator.operator_action.CLEAR_EXPIRY": call(DEAD),
    "outbox.operator.operator_action.CONFIRM": call(UNKNOWN, LATER),
    "outbox.operator.operator_action.DISCARD": call(DEAD, LATER),
    "outbox.operator.operator_action.MARK_RESENT": call(UNKNOWN),
    "outbox.operator.operator_action.NOTE": call(DEAD, "replay", "me"),
    "outbox.operator.operator_action.REPLAY": call(DEAD, LATER),
    "outbox.operator.operator_action.RESEND": call(UNKNOWN, LATER),
    "outbox.event_log.own_event.EMIT": call(each("t"), each(("u-1",)), each({}), [f"own-{n}" for n in range(BATCH)]),
    "outbox.database.pooler.OUR_SESSION": call(),
    "outbox.person.preference.READ": call("u-70", time(22), time(8)),
    "outbox.person.preference.SWITCH": call("u-70", ["orders"], ["inapp"], [False]),
    "outbox.prune.event_prune.JUDGE": call(EVENTS, NOW, NOW),
    "outbox.prune.event_prune.LOCK_EVENTS": call(EVENTS),
    "outbox.prune.event_prune.LOCK_INBOXES": call(EVENTS),
    "outbox.prune.event_prune.MOMENT": call(DAY, DAY),
    "outbox.prune.event_prune.LOCK_BATCHES": call(EVENTS),
    "outbox.prune.event_prune.PAGE": call(1000, BATCH, event_prune.PAIRS, NOW, asked=BATCH),
    "outbox.prune.event_prune.REMOVE_BATCHES": call(EVENTS),
    "outbox.prune.event_prune.REMOVE_DELIVERIES": call(EVENTS),
    "outbox.prune.event_prune.REMOVE_EVENTS": call(EVENTS),
    "outbox.prune.event_prune.REMOVE_NOTIFICATIONS": call(EVENTS),
    "outbox.prune.event_prune.REMOVE_RELAYED": call(EVENTS),
    "outbox.person.recipient.CHOOSE_LANGUAGE": call("u-70", "en"),
    "outbox.person.recipient.CHOOSE_QUIET": call("u-70", None, None, None, time(22), time(8)),
    "outbox.person.recipient.CHOOSE_ZONE": call("u-70", "UTC"),
    "outbox.person.recipient.SAVE": call(PEOPLE, each("name"), each("en"), each("UTC")),
    "outbox.recording.record.ADD_ATTEMPTS": call(
        SENDING, TOKENS, each("retry"), each("timeout"), each(1.0), each("sent"), each(False)
    ),
    "outbox.recording.record.END": call(SENDING, HEADS, each(1), each(1.0), each(0.0), each(3), []),
    "outbox.recording.record.MOVE": call(
        SENDING, each(True), each("sent"), each(None), each(1), each(NONE), each(None), each(1.0)
    ),
    "outbox.relay.fan_out.PEEK": call(1),
    # those of the window, those whose time has come and those whose type has become known, for two people each
    "outbox.relay.fan_out.STEP": call(1, BATCH, 100 * BATCH, asked=3 * 2 * BATCH),
    "outbox.relay.routing.REGISTER": call(
        2, [f"new-{n}" for n in range(BATCH)], each("orders"), each("telegram+inapp"), each(None), each(False)
    ),
    "outbox.monitoring.count_estimate.NEWEST": call(),
    "outbox.monitoring.count_estimate.SAMPLE": call(
        LOWS, HIGHS, count_estimate.ROWS, asked=count_estimate.ROWS * len(LOWS)
    ),
    "outbox.monitoring.table_size.MEASURE": call(["event"], "other", asked=BATCH),
    "outbox.operator.stuck.COUNT": call("dead", *ANY, asked=OF_STUCK),
    "outbox.operator.stuck.FIND": call("dead", *ANY, BATCH, asked=OF_STUCK),
    "outbox.operator.stuck.PICK": call(
        "dead", *ANY, 0, BATCH, asked=OF_STUCK, fresh="a command's session lasts for one command"
    ),
    "outbox.operator.stuck.STATES": call(DEAD),
    "outbox.event_log.traceparent.BIND": call(""),
    "outbox.monitoring.leader.END": call(1, {}),
    "outbox.monitoring.leader.MAKE": call(),
    "outbox.monitoring.leader.READ": call(),
    "outbox.monitoring.leader.TAKE": call(MINUTE),
    "outbox.link.telegram_update.FAILED_START": call(1, 70),
    "outbox.link.telegram_update.FAILED_STARTS": call(70, DAY),
    "outbox.lane.run.END": call(SENDING),
    "outbox.lane.run.END_OVER": call(SENDING[:1], asked=BATCH),
    "outbox.lane.run.HEADS": call(SENDING, SENDING),
    "outbox.lane.run.LEAVE": call(SENDING, SENDING),
    "outbox.lane.run.LOAD_SENDING": call(SENDING, HEADS, 100),
    "outbox.lane.run.LOCK": call(SENDING),
    "outbox.lane.run.TAKE_ENDED": call(BATCH, MINUTE, asked=BATCH),
    "outbox.link.telegram_update.FIRST": call(1, 10**9, 1),
    "outbox.link.telegram_update.PRUNE": call(-DAY, BATCH, asked=BATCH),
    "outbox.cursor.snapshot_cursor.HOLD_RELAY": call(),
    "outbox.operator.unrouted_event.WAIT": call([f"other-{n}" for n in range(50)], [10**9] * 50, asked=50),
    "outbox.operator.unrouted_event.NEWEST": call(BATCH, 20, asked=BATCH),
    "outbox.operator.unrouted_event.DISCARD": call("other-1", 10**9, BATCH, asked=BATCH),
    "outbox.lane.lane_skip.HASTEN": call(SENDING, "quiet_hours"),
    "outbox.lane.lane_skip.LANES": call("telegram", PEOPLE),
    "outbox.lane.lane_skip.LANES_OF": call("u-70", ["telegram", "inapp"]),
    "outbox.lane.lane_skip.LOCK_OPEN": call(DUE),
    "outbox.lane.lane_skip.OPEN": call(DUE),
    "outbox.lane.lane_skip.SKIP": call(DUE, "no_link"),
    "outbox.lane.lane_skip.SKIP_TYPES": call(DUE, ["type-0", "type-1"], "muted"),
    "outbox.lane.lane_wake.REQUEUE": call(DUE),
    "inapp.unread_drift.PAGE": call("u-1", BATCH, asked=BATCH),
    "inapp.notification.CHANGES": call(READERS, each(29), NEWEST),
    "inapp.notification.PAGE": call("u-7", LAST_ID, None, 21, asked=21),
    "inapp.notification.UNREAD_PAGE": call("u-7", LAST_ID, None, 4, asked=4),
    "inapp.reading.HAS": call("u-7", 6),
    "inapp.reading.READ": call("u-7", 1, LAST_ID),
    "inapp.inbox_version.VERSIONS": call(READERS),
}

EXEMPT: Mapping[str, str] = (
    dict.fromkeys(
        (
            "outbox.monitoring.backlog.DELIVERIES",
            "outbox.monitoring.backlog.LANES",
            "outbox.monitoring.backlog.REST",
            "outbox.operator.unrouted_event.LIST",
        ),
        "an operator has asked for everything to be counted",
    )
    | dict.fromkeys(
        (
            "outbox.proof.completeness.TOTALS",
            "outbox.proof.completeness.STATES",
            "outbox.proof.completeness.LOST",
            "outbox.proof.completeness.MISSING",
            "outbox.proof.completeness.ORPHANS",
            "outbox.proof.event_trace.FIND_EVENTS",
            "outbox.proof.event_trace.FIND_REQUEST",
            "outbox.proof.event_trace.STEPS",
        ),
        "reads whole tables, and its transaction lets the planner choose freely",
    )
    | dict.fromkeys(
        (
            "outbox.cursor.rebase.LOCK",
            "outbox.cursor.rebase.REBASE_CURSORS",
            "outbox.cursor.rebase.REBASE_EVENTS",
            "outbox.cursor.rebase.SEEN",
            "outbox.cursor.rebase.UNRELAYED",
            "outbox.cursor.rebase.NO_LONGER_WAITING",
            "outbox.cursor.rebase.VOID",
        ),
        "goes through the whole log once, after a restore",
    )
    | dict.fromkeys(
        (
            "outbox.cursor.decommission.CLOSE",
            "outbox.cursor.decommission.CLOSE_CURSORS",
            "outbox.cursor.decommission.OPEN",
            "outbox.cursor.decommission.STANDS",
            "outbox.transfer.table.LOCK",
            "outbox.transfer.table.SAME_TEXT",
            "outbox.transfer.table.SEQUENCES",
            "outbox.transfer.table.SET_SEQUENCE",
            "outbox.transfer.table.TABLES",
            "outbox.transfer.move.CURSORS",
            "outbox.transfer.move.EMPTY",
            "outbox.transfer.move.LOCK_TIMEOUT",
            "outbox.transfer.move.OTHERS",
            "outbox.transfer.move.SAME_DATABASE",
            "outbox.transfer.move.SCHEMA",
        ),
        "moves a whole installation, or asks the catalogs of PostgreSQL about one",
    )
    | dict.fromkeys(
        (
            "outbox.schema.migration.APPLIED",
            "outbox.schema.migration.BRIEF",
            "outbox.schema.migration.CREATE_TABLE",
            "outbox.schema.migration.EXISTS",
            "outbox.schema.migration.LONG",
            "outbox.schema.migration.NAME_DEPLOY",
            "outbox.schema.migration.NOTE_APPLIED",
            "outbox.schema.migration.OTHERS",
            "outbox.schema.shape_sql.COLUMNS",
            "outbox.schema.shape_sql.CONSTRAINTS",
            "outbox.schema.shape_sql.FUNCTIONS",
            "outbox.schema.shape_sql.INDEXES",
            "outbox.schema.shape_sql.RELATIONS",
            "outbox.schema.shape_sql.RIGHTS",
            "outbox.schema.shape_sql.RIGHTS_OF_LATER_TABLES",
            "outbox.schema.shape_sql.TRIGGERS",
            "outbox.schema.shape_sql.TYPES",
        ),
        "changes the schema, or asks the catalogs of PostgreSQL about it",
    )
    | dict.fromkeys(
        (
            "outbox.database.connection.FREE_PLANNER",
            "outbox.database.pgbouncer.SET_LOCAL",
            "outbox.prune.event_prune.PATIENCE",
        ),
        "sets something and reads nothing",
    )
    | dict.fromkeys(
        (
            "inapp.notification._CHANGES.0",
            "inapp.notification._EACH",
            "inapp.notification._EITHER",
            "inapp.notification._NEWEST",
            "inapp.notification._PAGE.0",
            "inapp.notification._READ",
            "inapp.notification._UNREAD",
            "outbox.cursor.snapshot_cursor.WINDOW",
            "outbox.link.linking.THEIRS",
            "outbox.proof.completeness.RELAYED",
            "outbox.prune.event_prune.GONE",
            "outbox.operator.stuck.STUCK",
        ),
        "a part of other statements, none by itself",
    )
)
"""Statements that may look at more than they were asked for, or at no table, and why."""
