"""Shares: how claims deal themselves out among the types that wait."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping

from outbox.database.connection import Connection, Pool
from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Delivered
from outbox.lane import due, lane_claim
from outbox.lane.lane_claim import Claimed
from outbox.lane.rotation import Rotation
from outbox.person.recipient import Profile, save
from outbox.recording import record
from tests.integration.runs import hurry
from tests.integration.stage import PATIENCE_S
from tests.integration.test_lane import claim, claim_one, end, ended

# one lane with one delivery for each recipient, as the relay leaves them, in runs of ten
FILL = """
with born as (
  insert into outbox.lane (channel, recipient, busy)
  select 'telegram', $1 || '-' || n, true from generate_series(1, $2::integer) n
  returning id, recipient
),
event as (
  insert into outbox.event (type, recipients) select $1, array[recipient] from born returning id, recipients[1]
),
waits as (
  insert into outbox.delivery (event_id, lane_id, channel, recipient, state)
  select e.id, b.id, 'telegram', b.recipient, 'pending' from born b join event e on e.recipients = b.recipient
  returning id, lane_id
)
insert into outbox.run (type, urgent, due_at, lanes, heads)
select $1, false, now() - interval '1 hour' * random(), array_agg(lane_id), array_agg(id)
from (select id, lane_id, row_number() over (order by random()) / 10 as part from waits) w group by part
"""


async def fill(conn: Connection, sizes: Mapping[str, int]) -> None:
    """Let so many lanes of each type be due."""
    for type_, size in sizes.items():
        await conn.execute(FILL, type_, size)


async def step(conn: Connection, rotation: Rotation, budget: int) -> list[Claimed]:
    """Claim and deliver as the worker does."""
    seen = await due.look(conn, Channel.TELEGRAM, 10)
    claimed = await lane_claim.claim_shares(conn, Channel.TELEGRAM, rotation.deal(seen.types, budget))
    await record.record(conn, [ended(one, Delivered()) for one in claimed])
    return claimed


def types(claimed: Iterable[Claimed]) -> Counter[str]:
    """Count claimed lanes by type."""
    return Counter(one.type for one in claimed)


async def test_two_broadcasts_share_the_rate(conn: Connection) -> None:
    """Of two broadcasts of different sizes each gets half of what may be sent, one message at a time."""
    await fill(conn, {"big": 300, "small": 30})
    rotation = Rotation()
    took = [one.type for _ in range(60) for one in await step(conn, rotation, 1)]
    assert took == ["big", "small"] * 30
    assert types(await step(conn, rotation, 4)) == {"big": 4}


async def test_two_broadcasts_share_a_larger_budget(conn: Connection) -> None:
    """Of a budget of seven two types get three and four in turn, and what one leaves goes to the other."""
    await fill(conn, {"big": 100, "small": 16})
    rotation = Rotation()
    took = [types(await step(conn, rotation, 7)) for _ in range(5)]
    assert took == [
        {"big": 4, "small": 3},
        {"big": 3, "small": 4},
        {"big": 4, "small": 3},
        {"big": 3, "small": 4},
        {"big": 5, "small": 2},
    ]


async def test_five_hundred_types(conn: Connection) -> None:
    """Among 500 types with one lane each and one with 1,000 each gets its turn: after 501 messages all are done."""
    await fill(conn, {"big": 1_000, **{f"type-{number}": 1 for number in range(500)}})
    rotation = Rotation()
    took = [one for _ in range(51) for one in await step(conn, rotation, 10)]
    assert types(took) == {"big": 10, **{f"type-{number}": 1 for number in range(500)}}


async def test_a_share_takes_those_due_longest(conn: Connection) -> None:
    """A share claims as many lanes as it says, those that have been due longest."""
    await fill(conn, {"news": 20})
    oldest = await conn.fetch(
        "select h.lane_id as id from outbox.run r cross join unnest(r.lanes) with ordinality h (lane_id, place)"
        " order by r.due_at, h.place limit 5"
    )
    claimed = await lane_claim.claim_shares(conn, Channel.TELEGRAM, {"news": 5, "weather": 5})
    assert {one.lane_id for one in claimed} == {row["id"] for row in oldest}


async def test_no_share_claims_nothing(conn: Connection) -> None:
    """Without a share and without urgent budget nothing is claimed."""
    await fill(conn, {"news": 2})
    assert await lane_claim.claim_shares(conn, Channel.TELEGRAM, {}) == []
    assert await lane_claim.claim_shares(conn, Channel.TELEGRAM, {"news": 0}) == []


async def test_a_lane_goes_on_as_its_next_type(conn: Connection) -> None:
    """A lane that stands in a run of one type goes on in one of its next delivery's type."""
    await fill(conn, {"news": 1})
    (lane_id,) = [row["id"] for row in await conn.fetch("select id from outbox.lane")]
    await conn.execute(
        "insert into outbox.delivery (event_id, lane_id, channel, recipient, state)"
        " values (outbox.emit('weather', array['news-1']), $1, 'telegram', 'news-1', 'pending')",
        lane_id,
    )
    assert (await due.look(conn, Channel.TELEGRAM, 5)).types == {"news": 1}
    assert await end(conn, await claim_one(conn), Delivered())
    assert (await due.look(conn, Channel.TELEGRAM, 5)).types == {"weather": 1}


async def test_a_claim_brings_what_is_known_of_the_chat(conn: Connection) -> None:
    """A claimed delivery comes with the reason of its last try, the link's state and fault, and whether it paused."""
    await save(conn, [Profile("news-1", chat_id=7)])
    await fill(conn, {"news": 2})
    await conn.execute("update outbox.delivery set reason = 'forbidden' where recipient = 'news-1'")
    await conn.execute("update outbox.telegram_link set state = 'suspended', fault = 'forbidden', fault_since = now()")
    await conn.execute("update outbox.lane set paced_until = now() + interval '1 hour' where recipient = 'news-1'")
    known, unknown = sorted(await claim(conn), key=lambda one: one.recipient)
    assert (known.reason, known.link_state, known.link_fault, known.in_pace) == (
        "forbidden",
        "suspended",
        "forbidden",
        False,
    )
    assert (unknown.reason, unknown.link_state, unknown.link_fault, unknown.in_pace) == (None, None, None, True)


async def test_four_claimers_share_types_and_lanes(conn: Connection, pool: Pool) -> None:
    """Four claimers at once deliver all lanes of five types and what is urgent, no lane twice."""
    await fill(conn, {f"type-{number}": 20 * (number + 1) for number in range(5)})
    await hurry(
        conn, *[row["recipient"] for row in await conn.fetch("select recipient from outbox.lane where id % 10 = 0")]
    )

    async def work() -> list[Claimed]:
        rotation = Rotation()
        async with pool.acquire() as mine:
            got: list[Claimed] = []
            while (seen := await due.look(mine, Channel.TELEGRAM, 7)).wait is not None:
                shares = rotation.deal(seen.types, 5)
                got += await lane_claim.claim_shares(mine, Channel.TELEGRAM, shares, urgent=min(2, seen.urgent))
            return got

    async with asyncio.timeout(PATIENCE_S):
        claimed = [one for got in await asyncio.gather(*(work() for _ in range(4))) for one in got]
    assert len(claimed) == 300
    assert len({one.lane_id for one in claimed}) == 300
    assert sum(one.urgent for one in claimed) == 30
