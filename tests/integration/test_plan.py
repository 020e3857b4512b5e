"""The plans of the hot statements on filled tables: which index each takes, and that none reads a table through."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import asyncpg
import pytest

from outbox import cursor, fan_out, lane, link, record
from outbox.database import connect
from tests.conftest import TEMPLATE
from workers.engine import Postgres

BIG = {"event", "delivery", "lane", "relayed", "telegram_link", "recipient", "preference"}

# autovacuum would analyze whenever it likes: here the tables are analyzed when the test says so
STILL = """
do $$ declare t text; begin
  foreach t in array array['event', 'delivery', 'lane', 'relayed', 'telegram_link', 'recipient', 'preference'] loop
    execute format('alter table outbox.%I set (autovacuum_enabled = off)', t);
  end loop;
end $$
"""

# a day of an outbox at work: most is done, a tenth of the lanes is due, some are leased, some wait
FILL = """
insert into outbox.event (xid, type, recipients)
  select (pg_current_xact_id()::text::bigint + n / 100)::text::xid8, 'login.code', array['user-' || n]
  from generate_series(1, 200000) n;
insert into outbox.relayed select id, '{telegram}' from outbox.event;
insert into outbox.recipient (recipient) select 'user-' || n from generate_series(1, 200000) n;
insert into outbox.preference select 'user-' || n, 'orders', 'telegram', false from generate_series(1, 200000) n;
insert into outbox.telegram_link (recipient, chat_id) select 'user-' || n, n from generate_series(1, 200000) n;
insert into outbox.lane (channel, recipient, due_at, lease_until, token)
  select 'telegram', 'user-' || n,
    case when n % 10 = 0 then now() when n % 10 = 1 then now() + interval '1 hour' end,
    case when n % 100 = 2 then now() + interval '1 minute' end, n % 100
  from generate_series(1, 200000) n;
insert into outbox.delivery (event_id, lane_id, channel, recipient, state, settled_at)
  select n, n, 'telegram', 'user-' || n,
    case when n % 10 < 2 then 'pending' when n % 100 = 2 then 'sending' else 'sent' end,
    case when n % 10 >= 2 and n % 100 <> 2 then now() end
  from generate_series(1, 200000) n;
"""


class Hot(NamedTuple):
    """A hot statement, what it is called with, and the indexes it must go by."""

    name: str
    sql: str
    arguments: str
    indexes: set[str]


LANES = "array(select generate_series(1, 300)::bigint)"
TOKENS = "array(select (generate_series(1, 300) % 100)::bigint)"
PEOPLE = "array(select 'user-' || generate_series(1, 300))"

STATEMENTS = [
    Hot(
        "claim",
        lane.CLAIM,
        "'telegram', 100, interval '45 seconds'",
        {
            "lane_due",
            "lane_pkey",
            "delivery_open",
            "delivery_pkey",
            "event_pkey",
            "recipient_pkey",
            "telegram_link_recipient",
        },
    ),
    Hot(
        "move",
        record.MOVE,
        f"{LANES}, {TOKENS}, {LANES}, array_fill('sent'::text, array[300]), array_fill(null::text, array[300]),"
        " array_fill(1, array[300]), array_fill(interval '0', array[300]), array_fill(null::bigint, array[300])",
        {"lane_pkey", "delivery_pkey"},
    ),
    Hot("lock", lane.LOCK, LANES, {"lane_pkey"}),
    Hot("release", lane.RELEASE, f"{LANES}, {TOKENS}", {"lane_pkey", "delivery_open"}),
    Hot("wake", lane.WAKE, LANES, {"lane_pkey"}),
    Hot(
        "pace",
        lane.PACE,
        f"{LANES}, {TOKENS}, array_fill(interval '1 second', array[300]), array_fill(3, array[300])",
        {"lane_pkey"},
    ),
    Hot("next_due", lane.NEXT_DUE, "'telegram'", {"lane_due"}),
    Hot("unfinished", lane.UNFINISHED, "", {"lane_due", "lane_lease"}),
    Hot("take_ended", lane.TAKE_ENDED, "500, interval '45 seconds'", {"lane_lease", "lane_pkey"}),
    Hot("load_sending", lane.LOAD_SENDING, f"{LANES}, {TOKENS}", {"delivery_open", "event_pkey"}),
    Hot("skip_rest", record.SKIP_REST, f"{LANES}, array_fill('blocked'::text, array[300])", {"delivery_open"}),
    Hot("migrate", link.MIGRATE, f"{PEOPLE}, {LANES}", {"telegram_link_recipient"}),
    Hot("set_states", link.SET_STATES, f"{PEOPLE}, {PEOPLE}", {"telegram_link_recipient"}),
    Hot("peek", cursor.PEEK, "'relay'", {"event_window", "cursor_pkey", "scheduled_due"}),
    Hot("read", cursor.READ, "'{low}', '{high}', '0', 0, 5000", {"event_window"}),
    Hot(
        "look_up",
        fan_out.LOOK_UP,
        PEOPLE,
        {"lane_channel_recipient_key", "telegram_link_recipient", "preference_pkey"},
    ),
]


class Filled(NamedTuple):
    """A database with filled tables, and a window of its event log."""

    url: str
    low: str
    high: str


@pytest.fixture(scope="module", params=["no statistics", "analyzed"])
def filled(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[Filled]:
    """Fill the tables, as they stand right after a burst and as they stand once they were analyzed."""
    name = f"test_{uuid.uuid4().hex}"
    url = postgres.url(name)
    low, high = asyncio.run(_fill(postgres.url(), url, name, analyze=request.param == "analyzed"))
    yield Filled(url, low, high)
    asyncio.run(_execute(postgres.url(), f"drop database {name} with (force)"))


async def _execute(url: str, sql: str) -> None:
    conn = await asyncpg.connect(url)
    await conn.execute(sql)
    await conn.close()


async def _fill(admin_url: str, url: str, name: str, *, analyze: bool) -> tuple[str, str]:
    await _execute(admin_url, f"create database {name} template {TEMPLATE}")
    conn = await asyncpg.connect(url)
    await conn.execute(STILL)
    await conn.execute(FILL)
    if analyze:
        await conn.execute("analyze")
    first = int(await conn.fetchval("select min(xid::text::bigint) from outbox.event"))
    await conn.close()
    # a hundred transactions in the middle of the log, after two that were open when it was last read
    return f"{first + 900}:{first + 1000}:{first + 900},{first + 950}", f"{first + 1100}:{first + 1100}:"


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Walk through a plan."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


async def explain(filled: Filled, hot: Hot, mode: str) -> list[dict[str, Any]]:
    """Plan a statement as the worker's connection does."""
    conn = await connect(filled.url)
    try:
        await conn.execute(f"set plan_cache_mode = {mode}")
        await conn.execute(f"prepare hot as {hot.sql}")
        arguments = hot.arguments.replace("{low}", filled.low).replace("{high}", filled.high)
        call = f"hot({arguments})" if arguments else "hot"
        (plan,) = json.loads(await conn.fetchval(f"explain (format json) execute {call}"))
        return list(nodes(plan["Plan"]))
    finally:
        await conn.close()


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("hot", STATEMENTS, ids=lambda hot: hot.name)
async def test_a_hot_statement_goes_by_its_indexes(filled: Filled, hot: Hot, mode: str) -> None:
    """A hot statement uses its indexes and reads no table through, with or without statistics, however planned."""
    plan = await explain(filled, hot, mode)
    read_through = [n["Relation Name"] for n in plan if n["Node Type"] == "Seq Scan" and n["Relation Name"] in BIG]
    assert read_through == []
    assert {n["Index Name"] for n in plan if "Index Name" in n} == hot.indexes
    # an index that is gone through from end to end is no better than a table that is
    assert [n for n in plan if n.get("Index Name") and not n.get("Index Cond") and n["Index Name"] not in OWN] == []


OWN = {"lane_lease"}
"""Partial indexes that hold nothing but what is looked for."""
