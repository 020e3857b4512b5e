"""The plans of the hot statements on filled tables: which index each takes, and that none reads a table through."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import asyncpg
import pytest

from inapp import notification, reading, unread_drift
from outbox.cursor import consumer, snapshot_cursor
from outbox.database.connection import connect
from outbox.lane import digest, due, lane_claim, lane_skip, run
from outbox.link import link_state, linking
from outbox.monitoring import backlog, count_estimate, gauge, open_count
from outbox.prune import event_prune
from outbox.recording import live_message, record
from outbox.relay import fan_out
from tests.conftest import TEMPLATE
from workers.embedded.engine import Postgres

BIG = {
    "event",
    "delivery",
    "lane",
    "run",
    "batch",
    "telegram_link",
    "recipient",
    "preference",
    "live_message",
    "inbox",
    "notification",
}
ROWS = 60_000
SMALL = 1_000
"""How many rows there were when the tables were analyzed for the last time."""
LIMIT = 500
MOST = 10

# autovacuum would analyze whenever it likes: here the tables are analyzed when the test says so
STILL = """
do $$ declare t text; begin
  foreach t in array array[
    'event', 'delivery', 'lane', 'run', 'batch', 'telegram_link', 'recipient', 'preference', 'live_message',
    'inbox', 'notification'
  ] loop
    execute format('alter table outbox.%I set (autovacuum_enabled = off)', t);
  end loop;
end $$
"""

# an outbox at work: most is done, a tenth of the lanes is due, as many wait, some are leased; there are a few
# types, and one delivery in a hundred is urgent; a hundred events came from each transaction; a thousand people have
# sixty notifications each, every tenth of them unread
FILL = """
create temp table n as select generate_series({first}, {last}) as n;
insert into outbox.event (xid, type, recipients)
  select (1000000 + n / 100)::text::xid8, 'login.code', array['u-' || n] from n;
insert into outbox.batch (events, routing) select int8multirange(int8range(n, n, '[]')), 1 from n;
insert into outbox.recipient (recipient) select 'u-' || n from n;
insert into outbox.preference select 'u-' || n, 'orders', 'telegram', false from n;
insert into outbox.telegram_link (recipient, chat_id) select 'u-' || n, n from n;
insert into outbox.lane (channel, recipient, busy, due_at, head, last_urgent)
  select 'telegram', 'u-' || n, n % 10 = 0 or n % 100 = 2, case when n % 10 = 1 then now() + interval '1 hour' end, n,
    case when n % 100 = 10 then n else 0 end
  from n;
insert into outbox.run (type, urgent, lease_until, lanes, heads)
  select case when n % 100 = 10 then '' else 'type-' || n / 10 % 4 end, n % 100 = 10,
    case when n % 100 = 2 then now() + interval '1 minute' end, array_agg(n), array_agg(n)
  from n where n % 10 = 0 or n % 100 = 2 group by 1, 2, 3, n / 5000;
insert into outbox.delivery (event_id, lane_id, channel, recipient, urgent, state, settled_at)
  select n, n, 'telegram', 'u-' || n, n % 100 = 10,
    case when n % 10 < 2 or n % 100 = 2 then 'pending' else 'sent' end,
    case when n % 10 >= 2 and n % 100 <> 2 then now() end
  from n;
insert into outbox.live_message (lane_id, key, chat_id, message_id) select n, 'key', n, n from n;
insert into outbox.inbox select 'u-' || n, case when n <= 1000 then 6 else 0 end, 60 from n;
insert into outbox.notification (event_id, recipient, type, category, version, read_at)
  select n, 'u-' || 1 + n % 1000, 'login.code', 'security', (n + 999) / 1000,
    case when (n + 999) / 1000 % 10 <> 0 then now() end
  from n;
drop table n;
"""

# two transactions that were open when the log was last read, and two hundred that began since
LOW = "'1000200:1000300:1000200,1000250'"
HIGH = "'1000500:1000500:'"


class Hot(NamedTuple):
    """A hot statement, what it is called with, and the indexes it must go by."""

    name: str
    sql: str
    arguments: str
    indexes: set[str]
    whole: frozenset[str] = frozenset()
    """Partial indexes that it may go through from end to end."""


LANES = f"'{{{','.join(str(number) for number in range(1, 301))}}}'"
TOKENS = f"'{{{','.join(str(number % 100) for number in range(1, 301))}}}'"
PEOPLE = f"'{{{','.join(f'u-{number}' for number in range(1, 301))}}}'"
LOWS, HIGHS = count_estimate.pieces(ROWS)
PIECES = f"'{{{','.join(map(str, LOWS))}}}', '{{{','.join(map(str, HIGHS))}}}'"

STATEMENTS = [
    Hot(
        "move",
        record.MOVE,
        f"{LANES}, array_fill(true, array[300]), array_fill('sent'::text, array[300]),"
        " array_fill(null::text, array[300]), array_fill(1, array[300]), array_fill(interval '0', array[300]),"
        " array_fill(null::bigint, array[300]), array_fill(1::real, array[300])",
        {"delivery_pkey"},
    ),
    Hot("lock", lane_claim.LOCK, LANES, {"lane_pkey"}),
    Hot(
        "pace",
        lane_claim.PACE,
        f"{LANES}, array_fill(1::float8, array[300]), array_fill(3, array[300])",
        {"lane_pkey"},
    ),
    Hot("look", due.LOOK, f"'telegram', {MOST}, {due.RUNS}", {"run_queued", "lane_due"}, frozenset()),
    Hot("unfinished", lane_claim.UNFINISHED, "", {"run_pkey", "lane_due"}, frozenset({"run_pkey", "lane_due"})),
    Hot("lanes", backlog.LANES, "", {"lane_due", "run_queued"}, frozenset({"lane_due", "run_queued"})),
    Hot(
        "count open",
        open_count.OPEN,
        f"{LIMIT}",
        {"run_pkey", "lane_due", "delivery_lane", "delivery_back", "delivery_pkey"},
        frozenset({"run_pkey", "lane_due"}),
    ),
    Hot("count stuck", open_count.STUCK, f"{LIMIT}", {"delivery_stuck"}, frozenset({"delivery_stuck"})),
    Hot(
        "count sending",
        open_count.SENDING,
        f"{LIMIT}",
        {"run_leased", "delivery_lane", "delivery_pkey"},
        frozenset({"run_leased"}),
    ),
    Hot("newest", count_estimate.NEWEST, "", {"delivery_pkey"}, frozenset({"delivery_pkey"})),
    Hot("sample", count_estimate.SAMPLE, f"{PIECES}, {count_estimate.ROWS}", {"delivery_pkey"}),
    Hot("oldest due", gauge.OLDEST_DUE, "", {"run_queued", "lane_due"}, frozenset({"run_queued"})),
    Hot("lag", backlog.LAG, "", {"event_window", "cursor_pkey"}),
    Hot("take_ended", run.TAKE_ENDED, "500, interval '45 seconds'", {"run_leased", "run_pkey"}),
    Hot("load_sending", run.LOAD_SENDING, f"{LANES}, {LANES}, 100", {"delivery_pkey", "delivery_lane", "event_pkey"}),
    Hot("lock open", lane_skip.LOCK_OPEN, LANES, {"lane_pkey", "delivery_lane", "delivery_back", "delivery_pkey"}),
    Hot("skip", lane_skip.SKIP, f"{LANES}, 'blocked'", {"delivery_pkey", "run_leased"}, frozenset({"run_leased"})),
    Hot(
        "following",
        digest.FOLLOWING,
        "1, 1, 49, 49, array['type-0', 'type-1']",
        {"delivery_lane", "event_pkey"},
    ),
    Hot("carry", digest.CARRY, f"1, 1, {LANES}", {"run_pkey", "delivery_pkey", "delivery_lane"}),
    Hot("live message", live_message.FIND, "1, 'key', 1, interval '1 day'", {"live_message_pkey"}),
    Hot("prune", live_message.PRUNE, f"1, 'key', {LIMIT}, interval '1 day'", {"live_message_pkey"}),
    Hot("prune: page", event_prune.PAGE, f"1000, {LIMIT}, {event_prune.PAIRS}, now()", {"event_pkey"}),
    Hot(
        "prune: judge",
        event_prune.JUDGE,
        f"{LANES}, now(), now()",
        {
            "event_pkey",
            "batch_events",
            "cursor_pkey",
            "delivery_event_id_lane_id_key",
            "notification_pkey",
        },
    ),
    Hot(
        "prune: lock inboxes",
        event_prune.LOCK_INBOXES,
        LANES,
        {"event_pkey", "notification_pkey", "inbox_pkey"},
    ),
    Hot("prune: lock events", event_prune.LOCK_EVENTS, LANES, {"event_pkey"}),
    Hot(
        "prune: notifications",
        event_prune.REMOVE_NOTIFICATIONS,
        LANES,
        {"event_pkey", "notification_pkey", "inbox_pkey"},
    ),
    Hot("prune: deliveries", event_prune.REMOVE_DELIVERIES, LANES, {"delivery_event_id_lane_id_key"}),
    Hot("prune: relayed", event_prune.REMOVE_RELAYED, LANES, {"batch_events"}),
    Hot("prune: events", event_prune.REMOVE_EVENTS, LANES, {"event_pkey"}),
    Hot(
        "migrate",
        linking.MIGRATE,
        f"{PEOPLE}, {LANES}",
        {"telegram_link_recipient", "telegram_link_pkey"},
    ),
    Hot(
        "refuse",
        link_state.REFUSE,
        f"{PEOPLE}, {PEOPLE}, array_fill('blocked'::text, array[300]), array_fill(interval '0', array[300])",
        {"telegram_link_recipient", "telegram_link_pkey"},
    ),
    Hot("clear", link_state.CLEAR, PEOPLE, {"telegram_link_recipient", "telegram_link_pkey"}),
    Hot("peek", snapshot_cursor.PEEK, "'billing'", {"event_window", "cursor_pkey"}),
    Hot(
        "relay: peek",
        fan_out.PEEK,
        "1",
        {"event_window", "cursor_pkey", "waiting_due", "waiting_unrouted", "route_pkey"},
        # for its first row
        whole=frozenset({"waiting_unrouted"}),
    ),
    Hot("pull", consumer.READ, f"{LOW}, {HIGH}, '0', 0, {LIMIT}, {consumer.MOST_BYTES}", {"event_window"}),
    Hot(
        "page",
        notification.PAGE,
        f"'u-7', {notification.LAST_ID}, null, 21",
        {"inbox_pkey", "recipient_pkey", "notification_read", "notification_unread", "event_pkey"},
    ),
    Hot(
        "unread_page",
        notification.UNREAD_PAGE,
        f"'u-7', {notification.LAST_ID}, null, 4",
        {"inbox_pkey", "recipient_pkey", "notification_unread", "event_pkey"},
    ),
    Hot(
        "changes",
        notification.CHANGES,
        f"{PEOPLE}, array_fill(59::bigint, array[300]), {notification.NEWEST}",
        {"inbox_pkey", "recipient_pkey", "notification_read", "notification_unread", "event_pkey"},
    ),
    Hot(
        "read_all",
        reading.READ,
        f"'u-7', 1, {notification.LAST_ID}",
        {"inbox_pkey", "notification_pkey", "notification_unread"},
    ),
    Hot("drift", unread_drift.PAGE, f"'u-1', {LIMIT}", {"inbox_pkey", "notification_unread"}),
]


@pytest.fixture(scope="module", params=["never analyzed", "analyzed while small", "analyzed"])
def filled(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """Fill the tables, with statistics as they can be: none, outdated by a burst, fresh."""
    name = f"test_{uuid.uuid4().hex}"
    asyncio.run(_execute(postgres.url(), f"create database {name} template {TEMPLATE}"))
    small, large = FILL.format(first=1, last=SMALL), FILL.format(first=SMALL + 1, last=ROWS)
    steps = {
        "never analyzed": [small, large],
        "analyzed while small": [small, "analyze", large],
        "analyzed": [small, large, "analyze"],
    }
    asyncio.run(_execute(postgres.url(name), STILL, *steps[request.param]))
    yield postgres.url(name)
    asyncio.run(_execute(postgres.url(), f"drop database {name} with (force)"))


async def _execute(url: str, *steps: str) -> None:
    conn = await asyncpg.connect(url)
    for step in steps:
        await conn.execute(step)
    await conn.close()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Walk through a plan."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


async def explain(url: str, hot: Hot, options: str) -> list[dict[str, Any]]:
    """Plan a statement as the worker's connection does."""
    conn = await connect(url)
    await conn.execute(f"prepare hot as {hot.sql}")
    call = f"hot({hot.arguments})" if hot.arguments else "hot"
    transaction = conn.transaction()
    await transaction.start()
    (plan,) = json.loads(await conn.fetchval(f"explain (format json{options}) execute {call}"))
    await transaction.rollback()
    await conn.close()
    return list(nodes(plan["Plan"]))


@pytest.mark.parametrize("hot", STATEMENTS, ids=lambda hot: hot.name)
async def test_a_hot_statement_goes_by_its_indexes(filled: str, hot: Hot) -> None:
    """A hot statement looks up what it needs in its indexes, whatever the planner believes of the tables."""
    plan = await explain(filled, hot, "")
    assert [n["Relation Name"] for n in plan if n["Node Type"] == "Seq Scan" and n["Relation Name"] in BIG] == []
    assert {n["Index Name"] for n in plan if "Index Name" in n} == hot.indexes
    # an index that is gone through from end to end is no better than a table that is
    through = {n["Index Name"] for n in plan if "Index Name" in n and "Index Cond" not in n}
    assert through <= hot.whole


TOUCHED = [
    # the first of each of five kinds (some servers round that up), and the first runs of each
    ("look", "run_queued", 6 + 5 * due.RUNS),
    ("pull", "event_window", LIMIT + 200),
    ("page", "notification_read", 21),
    ("count open", "delivery_lane", LIMIT + 1),
    ("count sending", "run_leased", LIMIT),
    # of the pieces eight rows each
    ("sample", "delivery_pkey", 8 * len(LOWS)),
    # the first of each of five kinds, and the look for a sixth (some servers round that up)
    ("oldest due", "run_queued", 6),
    ("lag", "event_window", 1),
    # no more than the six that are unread; so few the planner may take all of and sort
    ("unread_page", "notification_unread", 6),
    # of three hundred people the newest row each: counted, and then taken
    ("changes", "notification_read", 2 * 300),
    # the six that are unread
    ("read_all", "notification_unread", 6),
    ("prune: page", "event_pkey", LIMIT),
    ("prune: judge", "delivery_event_id_lane_id_key", 300),
]
"""How many rows of an index a statement may touch: it takes no more."""


@pytest.mark.parametrize(("name", "index", "most"), TOUCHED)
async def test_a_limited_statement_reads_no_more_than_its_limit(filled: str, name: str, index: str, most: int) -> None:
    """However much is due or unread, a statement touches what it takes (a read of the log what was slow too)."""
    hot = next(hot for hot in STATEMENTS if hot.name == name)
    plan = await explain(filled, hot, ", analyze")
    touched = [n["Actual Rows"] * n["Actual Loops"] for n in plan if n.get("Index Name") == index]
    assert 0 < sum(touched) <= most


READ = """
select coalesce(sum(seq_tup_read), 0)::bigint as whole, coalesce(sum(idx_tup_fetch), 0)::bigint as looked_up
from pg_stat_xact_user_tables where relname = $1
"""


async def reads(url: str, table: str, sql: str) -> int:
    """Tell how many rows of a table a function looks up; it reads no table whole."""
    conn = await connect(url)
    transaction = conn.transaction()
    await transaction.start()
    await conn.fetch(sql)
    row = await conn.fetchrow(READ, table)
    await transaction.rollback()
    await conn.close()
    assert row is not None
    assert row["whole"] == 0
    return int(row["looked_up"])


ATTEMPTS = """
with claimed as materialized (
  select * from outbox.claim('telegram', 50, array['type-0'], array[250], interval '45 seconds', false)
)
select * from outbox.end_attempts(
  (select array_agg(token) from claimed), (select array_agg(delivery_id) from claimed),
  array_fill(1::bigint, array[300]), array_fill(1::real, array[300]), array_fill(0::float8, array[300]),
  array_fill(3, array[300]), '{}')
"""
CLAIM = "select * from outbox.claim('telegram', 50, array['type-0'], array[250], interval '45 seconds', true)"


@pytest.mark.parametrize(
    ("table", "sql", "most"),
    [
        # each head is locked and read again
        ("delivery", CLAIM, 2 * 300),
        ("lane", CLAIM, 300),
        ("event", CLAIM, 300),
        ("run", CLAIM, 24),
        # besides: looked at, looked behind, and ended
        ("delivery", ATTEMPTS, 6 * 300),
        ("lane", ATTEMPTS, 3 * 300),
        ("delivery", f"select outbox.requeue({LANES})", 4 * 300),
        ("lane", f"select outbox.requeue({LANES})", 6 * 300),
    ],
)
async def test_a_function_reads_what_it_takes(filled: str, table: str, sql: str, most: int) -> None:
    """A claim, the ends of attempts and a look at lanes read a few rows for each lane, and no table whole."""
    assert 0 < await reads(filled, table, sql) <= most
