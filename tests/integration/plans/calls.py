"""What each statement is called with; a batch is always 300, evenly over the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from inapp.notification import LAST_ID, NEWEST
from outbox import consumer, prune, sample
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
LOWS, HIGHS = sample.pieces(ROWS)
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
    "outbox.backlog.LAG": call(),
    "outbox.binding.CONSUME": call(HASH),
    "outbox.binding.REQUEST": call("u-70", HASH, MINUTE),
    "outbox.binding.VOID": call(HASH),
    "outbox.consumer.ACK": call("app", UUID(int=1)),
    "outbox.consumer.ACKED": call("app", UUID(int=1)),
    "outbox.consumer.BEGIN": call("app", True),
    "outbox.consumer.DROP_CURSOR": call("app"),
    "outbox.consumer.DROP_PULL": call("app"),
    "outbox.consumer.HAND_OUT": call("app", "3:3:", "3:3:", "0", 0, MINUTE),
    "outbox.consumer.LEASED": call("app"),
    "outbox.consumer.READ": call(LOW, HIGH, "0", 0, BATCH, consumer.MOST_BYTES, asked=BATCH),
    "outbox.count.OPEN": call(BATCH, asked=BATCH),
    "outbox.count.SENDING": call(BATCH, asked=BATCH),
    "outbox.count.STUCK": call(BATCH, asked=BATCH),
    "outbox.cursor.ADVANCE": call("relay", "3:3:", "3:3:", "0", 0),
    "outbox.cursor.FIND": call("relay"),
    "outbox.cursor.LOCK": call("relay"),
    "outbox.cursor.LOCK_IN_TURN": call("relay"),
    "outbox.cursor.NOW": call("3:3:"),
    "outbox.cursor.PEEK": call("relay"),
    "outbox.cursor.SHOW": call(),
    "outbox.cursor.SLEEP": call(False),
    "outbox.dead_letter.ACTED": call(DEAD[0]),
    "outbox.dead_letter.LETTER": call(DEAD[0]),
    "outbox.dead_letter.TRIED": call(DEAD[0]),
    "outbox.digest.FOLLOWING": call(10, 500_009, 49, 49, ["type-0", "type-1"], asked=49),
    "outbox.digest.CARRY": call(302, 302, SENDING),
    "outbox.due.LOOK": call("telegram", 10, 64, asked=5 * 64),
    "outbox.due.PROMOTE": call("telegram", BATCH, asked=BATCH),
    "outbox.event.EMIT": call("t", ["u-1", "u-2"], {}, None, None, None, None),
    "outbox.event.WRITTEN": call(EVENTS),
    "outbox.forgotten.AMONG": call(PEOPLE),
    "outbox.forgotten.FORGET": call(
        "u-70",
        asked=40,
        event="what mentions a person may stand in any event",
        run="in which run a lane stands is in no index",
        telegram_link="their links that have ended are in no index",
        telegram_update="chats are in no index there",
    ),
    "outbox.forgotten.HOLD_RELAY": call(),
    "outbox.forgotten.COUNT_OPEN": call(SENDING),
    "outbox.forgotten.SINCE": call("u-70"),
    "outbox.gauge.OLDEST_DUE": call(asked=4),
    "outbox.gauge.WAITING": call(BATCH, asked=2 * BATCH),
    "outbox.hurry.LIMIT": call("20000"),
    "outbox.lane.LOCK": call(SENDING),
    "outbox.lane.CLAIM": call(
        "telegram", BATCH, ["type-0", "type-1"], [BATCH // 2, BATCH // 2], MINUTE, True, asked=2 * BATCH
    ),
    "outbox.lane.PACE": call(SENDING, each(1.0), each(3)),
    "outbox.lane.PUT_ON": call(WAITING),
    "outbox.lane.UNFINISHED": call(),
    "outbox.last_sent.LAST_SENT": call("u-2", 10_000, delivery="of all deliveries the newest, as many as is said"),
    "outbox.ledger.FORGET_ROUTES": call(batch="which routes are needed still is in no index"),
    "outbox.ledger.LAST": call(0, BATCH, asked=BATCH),
    "outbox.ledger.LOCK_CURSOR": call(),
    "outbox.ledger.MERGE": call(0, BATCH, asked=BATCH),
    "outbox.link.LIST": call(0, None, BATCH, asked=BATCH),
    "outbox.link.OF_CHAT": call(70),
    "outbox.link.OF_RECIPIENT": call("u-70"),
    "outbox.link_audit.AUDIT": call("u-70"),
    "outbox.link_audit.NOTE": call(DUE, PEOPLE, each("linked"), "send", None),
    "outbox.link_history.LINKS": call(0, BATCH, LATER, asked=BATCH),
    "outbox.link_history.REQUESTS": call("", BATCH, LATER, asked=BATCH),
    "outbox.link_state.CLEAR": call(PEOPLE),
    "outbox.link_state.CLOSE": call(70, "blocked", LATER),
    "outbox.link_state.OPEN": call(6, LATER),
    "outbox.link_state.REFUSE": call(PEOPLE, each("blocked"), each("blocked"), each(NONE)),
    "outbox.link_state.RESTORE": call(DAY, telegram_link="when so many refusals were our own fault: all of them"),
    "outbox.link_state.WHOSE": call(70),
    "outbox.linking.ADD": call(STRANGERS, NEW_CHATS, each(None)),
    "outbox.linking.END": call(DUE),
    "outbox.linking.LOCK_LINKING": call(1),
    "outbox.linking.LOCK_TOUCHED": call(PEOPLE, CHATS),
    "outbox.linking.MIGRATE": call(PEOPLE, NEW_CHATS),
    "outbox.linking.REOPEN": call(PEOPLE, each(None)),
    "outbox.linking.TOUCHED": call(PEOPLE, CHATS),
    "outbox.linking.TURN": call(PEOPLE, each(3)),
    "outbox.live_message.FIND": call(2, "key", 2, DAY),
    "outbox.live_message.PRUNE": call(2, "key", BATCH, DAY, asked=BATCH),
    "outbox.live_message.PUT": call(SENDING, each("key"), SENDING, SENDING),
    "outbox.operator_action.CLEAR_EXPIRY": call(DEAD),
    "outbox.operator_action.CONFIRM": call(UNKNOWN, LATER),
    "outbox.operator_action.DISCARD": call(DEAD, LATER),
    "outbox.operator_action.MARK_RESENT": call(UNKNOWN),
    "outbox.operator_action.NOTE": call(DEAD, "replay", "me"),
    "outbox.operator_action.REPLAY": call(DEAD, LATER),
    "outbox.operator_action.RESEND": call(UNKNOWN, LATER),
    "outbox.own_event.EMIT": call(each("t"), each(("u-1",)), each({}), [f"own-{n}" for n in range(BATCH)]),
    "outbox.pooler.OUR_SESSION": call(),
    "outbox.preference.READ": call("u-70", time(22), time(8)),
    "outbox.preference.SWITCH": call("u-70", ["orders"], ["inapp"], [False]),
    "outbox.prune.JUDGE": call(EVENTS, NOW, NOW),
    "outbox.prune.LOCK_EVENTS": call(EVENTS),
    "outbox.prune.LOCK_INBOXES": call(EVENTS),
    "outbox.prune.MOMENT": call(DAY, DAY),
    "outbox.prune.LOCK_BATCHES": call(EVENTS),
    "outbox.prune.PAGE": call(1000, BATCH, prune.PAIRS, NOW, asked=BATCH),
    "outbox.prune.REMOVE_BATCHES": call(EVENTS),
    "outbox.prune.REMOVE_DELIVERIES": call(EVENTS),
    "outbox.prune.REMOVE_EVENTS": call(EVENTS),
    "outbox.prune.REMOVE_NOTIFICATIONS": call(EVENTS),
    "outbox.prune.REMOVE_RELAYED": call(EVENTS),
    "outbox.recipient.CHOOSE_LANGUAGE": call("u-70", "en"),
    "outbox.recipient.CHOOSE_QUIET": call("u-70", None, None, None, time(22), time(8)),
    "outbox.recipient.CHOOSE_ZONE": call("u-70", "UTC"),
    "outbox.recipient.SAVE": call(PEOPLE, each("name"), each("en"), each("UTC")),
    "outbox.record.ADD_ATTEMPTS": call(
        SENDING, TOKENS, each("retry"), each("timeout"), each(1.0), each("sent"), each(False)
    ),
    "outbox.record.END": call(SENDING, HEADS, each(1), each(1.0), each(0.0), each(3), []),
    "outbox.record.MOVE": call(
        SENDING, each(True), each("sent"), each(None), each(1), each(NONE), each(None), each(1.0)
    ),
    "outbox.relay.PEEK": call(1),
    # those of the window, those whose time has come and those whose type has become known, for two people each
    "outbox.relay.STEP": call(1, BATCH, 100 * BATCH, asked=3 * 2 * BATCH),
    "outbox.routing.REGISTER": call(
        2, [f"new-{n}" for n in range(BATCH)], each("orders"), each("telegram+inapp"), each(None), each(False)
    ),
    "outbox.sample.NEWEST": call(),
    "outbox.sample.SAMPLE": call(LOWS, HIGHS, sample.ROWS, asked=sample.ROWS * len(LOWS)),
    "outbox.size.MEASURE": call(["event"], "other", asked=BATCH),
    "outbox.stuck.COUNT": call("dead", *ANY, asked=OF_STUCK),
    "outbox.stuck.FIND": call("dead", *ANY, BATCH, asked=OF_STUCK),
    "outbox.stuck.PICK": call(
        "dead", *ANY, 0, BATCH, asked=OF_STUCK, fresh="a command's session lasts for one command"
    ),
    "outbox.stuck.STATES": call(DEAD),
    "outbox.traceparent.BIND": call(""),
    "outbox.turn.END": call(1, {}),
    "outbox.turn.MAKE": call(),
    "outbox.turn.READ": call(),
    "outbox.turn.TAKE": call(MINUTE),
    "outbox.update.FAILED_START": call(1, 70),
    "outbox.update.FAILED_STARTS": call(70, DAY),
    "outbox.run.END": call(SENDING),
    "outbox.run.END_OVER": call(SENDING[:1], asked=BATCH),
    "outbox.run.HEADS": call(SENDING, SENDING),
    "outbox.run.LEAVE": call(SENDING, SENDING),
    "outbox.run.LOAD_SENDING": call(SENDING, HEADS, 100),
    "outbox.run.LOCK": call(SENDING),
    "outbox.run.TAKE_ENDED": call(BATCH, MINUTE, asked=BATCH),
    "outbox.update.FIRST": call(1, 10**9, 1),
    "outbox.update.PRUNE": call(-DAY, BATCH, asked=BATCH),
    "outbox.unrouted.DISCARD": call("other-1", 10**9, BATCH, asked=BATCH),
    "outbox.waiting.HASTEN": call(SENDING, "quiet_hours"),
    "outbox.waiting.LANES": call("telegram", PEOPLE),
    "outbox.waiting.LANES_OF": call("u-70", ["telegram", "inapp"]),
    "outbox.waiting.LOCK_OPEN": call(DUE),
    "outbox.waiting.OPEN": call(DUE),
    "outbox.waiting.SKIP": call(DUE, "no_link"),
    "outbox.waiting.SKIP_TYPES": call(DUE, ["type-0", "type-1"], "muted"),
    "outbox.wake_up.REQUEUE": call(DUE),
    "inapp.drift.PAGE": call("u-1", BATCH, asked=BATCH),
    "inapp.notification.CHANGES": call(READERS, each(29), NEWEST),
    "inapp.notification.PAGE": call("u-7", LAST_ID, None, 21, asked=21),
    "inapp.notification.UNREAD_PAGE": call("u-7", LAST_ID, None, 4, asked=4),
    "inapp.reading.HAS": call("u-7", 6),
    "inapp.reading.READ": call("u-7", 1, LAST_ID),
    "inapp.version.VERSIONS": call(READERS),
}

EXEMPT: Mapping[str, str] = (
    dict.fromkeys(
        (
            "outbox.backlog.DELIVERIES",
            "outbox.backlog.LANES",
            "outbox.backlog.REST",
            "outbox.unrouted.LIST",
        ),
        "an operator has asked for everything to be counted",
    )
    | dict.fromkeys(
        (
            "outbox.proof.TOTALS",
            "outbox.proof.STATES",
            "outbox.proof.LOST",
            "outbox.proof.MISSING",
            "outbox.proof.ORPHANS",
            "outbox.trace.FIND_EVENTS",
            "outbox.trace.FIND_REQUEST",
            "outbox.trace.STEPS",
        ),
        "reads whole tables, and its transaction lets the planner choose freely",
    )
    | dict.fromkeys(
        (
            "outbox.rebase.LOCK",
            "outbox.rebase.REBASE_CURSORS",
            "outbox.rebase.REBASE_EVENTS",
            "outbox.rebase.SEEN",
            "outbox.rebase.UNRELAYED",
            "outbox.rebase.NO_LONGER_WAITING",
            "outbox.rebase.VOID",
        ),
        "goes through the whole log once, after a restore",
    )
    | dict.fromkeys(
        (
            "outbox.fence.CLOSE",
            "outbox.fence.CLOSE_CURSORS",
            "outbox.fence.OPEN",
            "outbox.fence.STANDS",
            "outbox.table.LOCK",
            "outbox.table.SAME_TEXT",
            "outbox.table.SEQUENCES",
            "outbox.table.SET_SEQUENCE",
            "outbox.table.TABLES",
            "outbox.transfer.CURSORS",
            "outbox.transfer.EMPTY",
            "outbox.transfer.LOCK_TIMEOUT",
            "outbox.transfer.OTHERS",
            "outbox.transfer.SAME_DATABASE",
            "outbox.transfer.SCHEMA",
        ),
        "moves a whole installation, or asks the catalogs of PostgreSQL about one",
    )
    | dict.fromkeys(
        (
            "outbox.migration.APPLIED",
            "outbox.migration.BRIEF",
            "outbox.migration.CREATE_TABLE",
            "outbox.migration.EXISTS",
            "outbox.migration.LONG",
            "outbox.migration.NAME_DEPLOY",
            "outbox.migration.NOTE_APPLIED",
            "outbox.migration.OTHERS",
            "outbox.shape_sql.COLUMNS",
            "outbox.shape_sql.CONSTRAINTS",
            "outbox.shape_sql.FUNCTIONS",
            "outbox.shape_sql.INDEXES",
            "outbox.shape_sql.RELATIONS",
            "outbox.shape_sql.RIGHTS",
            "outbox.shape_sql.RIGHTS_OF_LATER_TABLES",
            "outbox.shape_sql.TRIGGERS",
            "outbox.shape_sql.TYPES",
        ),
        "changes the schema, or asks the catalogs of PostgreSQL about it",
    )
    | dict.fromkeys(
        ("outbox.database.FREE_PLANNER", "outbox.pgbouncer.SET_LOCAL", "outbox.prune.PATIENCE"),
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
            "outbox.cursor.WINDOW",
            "outbox.linking.THEIRS",
            "outbox.proof.RELAYED",
            "outbox.prune.GONE",
            "outbox.stuck.STUCK",
        ),
        "a part of other statements, none by itself",
    )
)
"""Statements that may look at more than they were asked for, or at no table, and why."""
