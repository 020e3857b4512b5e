"""Order in each lane, and fairness among them."""

import asyncio
import random
from datetime import timedelta

from outbox.database.connection import Connection, Pool
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Policy
from outbox.delivery.outcome import Delivered, Outcome, Reason, Reject, Retry, Snooze
from outbox.lane import lane_claim
from outbox.recording import record
from tests.integration.stage import PATIENCE_S
from tests.integration.test_fan_out import link, relay_all
from tests.integration.test_lane import claim, ended, queue

AT_ONCE = timedelta(0)
POLICY = Policy(schedule=(AT_ONCE,) * 30)

# notes in which order deliveries end; the sequence is drawn while their lane is locked
WATCH = """
create table public.ending (number bigserial primary key, lane_id bigint, delivery_id bigint, state text);
create function public.watch() returns trigger language plpgsql as $$
begin
  if new.phase <> 'open' and old.phase = 'open' then
    insert into public.ending (lane_id, delivery_id, state) values (new.lane_id, new.id, new.state);
  end if;
  return null;
end $$;
create trigger watch after update on outbox.delivery for each row execute function public.watch();
"""


def drawn(chance: random.Random) -> Outcome:
    """Draw an outcome: half arrive, the rest comes again at once or dies."""
    outcomes: list[Outcome] = [
        Delivered(),
        Retry(Reason.UNAVAILABLE),
        Snooze(AT_ONCE, Reason.FLOOD),
        Reject(Reason.BAD_MESSAGE),
    ]
    return chance.choices(outcomes, weights=[5, 2, 2, 1])[0]


async def work(pool: Pool, seed: int) -> None:
    """Claim and record until nothing is left."""
    chance = random.Random(seed)
    async with pool.acquire() as conn:
        while await lane_claim.unfinished(conn):
            claimed = await claim(conn, 7)
            chance.shuffle(claimed)
            await record.record(conn, [ended(one, drawn(chance), POLICY) for one in claimed])


async def test_each_lane_keeps_its_order_under_four_workers(conn: Connection, pool: Pool) -> None:
    """However four workers' attempts fail, wait and succeed, each recipient's deliveries end in order."""
    await queue(conn, [f"user-{number}" for number in range(40)], each=30)
    await conn.execute(WATCH)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(work(pool, seed) for seed in range(4)))
    rows = await conn.fetch(
        "select lane_id, array_agg(delivery_id order by number) as ids from public.ending group by 1"
    )
    assert [len(row["ids"]) for row in rows] == [30] * 40
    assert [row["lane_id"] for row in rows if row["ids"] != sorted(row["ids"])] == []
    ends = await conn.fetch("select distinct state from public.ending order by 1")
    assert [row["state"] for row in ends] == ["dead", "sent"]


async def fill(conn: Connection, big: int, others: int) -> None:
    """Let one recipient wait with many messages, all of them before the others' one each."""
    people = ["big", *(f"user-{number}" for number in range(others))]
    await link(conn, people)
    await conn.execute("select outbox.emit('login.code', array['big']) from generate_series(1, $1)", big)
    await relay_all(conn)
    await conn.execute("select outbox.emit('login.code', $1::text[])", people[1:])
    await relay_all(conn)


async def turns_of_the_big_lane(conn: Connection, others: int, limit: int, most: int) -> tuple[int, int]:
    """Claim and deliver until the others are done; count the claims and those in which the big lane had a turn."""
    done = rounds = turns = 0
    while done < others and rounds < most:
        claimed = await lane_claim.claim(conn, Channel.TELEGRAM, limit)
        await record.record(conn, [ended(one, Delivered()) for one in claimed])
        mine = sum(1 for one in claimed if one.recipient == "big")
        rounds, turns, done = rounds + 1, turns + mine, done + len(claimed) - mine
    return rounds, turns


async def test_ten_thousand_messages_cost_the_others_nothing(conn: Connection) -> None:
    """A recipient with 10,000 messages takes one place in a claim: 1,000 others are done in 11 claims of 100."""
    await fill(conn, 10_000, 1_000)
    rounds, turns = await turns_of_the_big_lane(conn, 1_000, limit=100, most=50)
    assert rounds == 11
    assert turns <= 11


async def test_a_long_lane_lets_the_others_go_between(conn: Connection) -> None:
    """Where claims take one lane at a time, a recipient with many messages takes turns with the others."""
    await fill(conn, 100, 20)
    rounds, turns = await turns_of_the_big_lane(conn, 20, limit=1, most=100)
    assert turns <= 21
    assert rounds <= 41
