"""The demo's run: the whole way with the sample stream, and a comparison at the end."""

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from subprocess import Popen

from health import read as read_health
from outbox.catalog.load import load as load_catalog
from outbox.database.connection import Connection, connect
from outbox.lane import lane_claim
from outbox.person import recipient
from outbox.proof import completeness
from outbox.proof.completeness import Proof
from outbox.relay import fan_out
from outbox.relay.routing import routes_of
from outbox.schema import migration
from workers.command.emit import Loaded, load_file
from workers.command.recipients import read_people
from workers.demo import sample_stream
from workers.demo.sample_stream import Arrived, Comparison
from workers.demo.stage import Stage, ask_control
from workers.embedded.child_process import process

WORKERS = 2
LOOK_EVERY_S = 0.2
PATIENCE_S = 300.0
"""The sample takes half a minute at Telegram's rate; a machine that is ten times slower still gets through."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo found."""

    comparisons: list[Comparison]
    proof: Proof
    load_seconds: float
    deliver_seconds: float
    relay_lag: tuple[float, float]
    """Emit to fan-out, in seconds: p50, p99."""
    delivery_lag: tuple[float, float]
    """Emit to recorded as sent, in seconds: p50, p99; at Telegram's rate the last of a burst waits long."""
    exit_codes: list[int]
    """Of the workers, after SIGTERM."""

    @property
    def good(self) -> bool:
        """Tell whether all is as it must be."""
        return (
            self.proof.holds
            and not any(found.differs for found in self.comparisons)
            and all(code == 0 for code in self.exit_codes)
        )


def run_demo(stage: Stage) -> Result:
    """Migrate, load the sample while two workers watch, wait until nothing is due, compare."""
    # the commands' own code reads its settings from the environment, as it does for an operator
    os.environ.update(stage.environment)
    asyncio.run(_prepare(stage))
    with ExitStack() as stack:
        healths = [stage.folder / f"worker-{number}.json" for number in range(1, WORKERS + 1)]
        workers = [stack.enter_context(worker(stage, health)) for health in healths]
        asyncio.run(_wait_until_healthy(healths))
        began = time.monotonic()
        asyncio.run(load_file(sample_stream.EVENTS, Loaded()))
        loaded = time.monotonic()
        asyncio.run(_wait_until_nothing_is_due(stage))
        delivered = time.monotonic()
    return asyncio.run(_judge(stage, loaded - began, delivered - began, [worker.returncode for worker in workers]))


def worker(stage: Stage, health: Path) -> AbstractContextManager[Popen[str]]:
    """Run a worker of the demo for as long as the block lasts."""
    own = {"INSTANCE": f"demo-{health.stem}", "HEALTH_FILE": str(health)}
    return process(["worker", "--watch"], {**stage.environment, **own}, health.with_suffix(".log"))


async def _prepare(stage: Stage) -> None:
    conn = await connect(stage.database_url)
    await migration.migrate(conn)
    await recipient.save(conn, read_people(sample_stream.RECIPIENTS))
    await conn.close()
    chats = [
        {"chat_id": person.chat_id, "state": person.chat, "type": "private", "name": person.recipient}
        for person in sample_stream.people()
        if person.chat_id is not None
    ]
    ask_control(f"{stage.control}/control/chats", chats)


async def _wait_until_healthy(files: Sequence[Path]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not all(read_health(file).exit_code == 0 for file in files):  # noqa: ASYNC110 (the fact is in a file)
            await asyncio.sleep(LOOK_EVERY_S)


async def _wait_until_nothing_is_due(stage: Stage) -> None:
    conn, routes = await connect(stage.database_url), routes_of(load_catalog(sample_stream.CATALOG))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while await fan_out.peek(conn, routes) or await lane_claim.unfinished(conn):  # noqa: ASYNC110 (the facts are in PostgreSQL)
                await asyncio.sleep(LOOK_EVERY_S)
    finally:
        await conn.close()


RELAY_LAG = """
select percentile_cont(array[0.5, 0.99]) within group (order by extract(epoch from r.relayed_at - e.created_at)::float8)
from outbox.event e join outbox.batch r on r.events @> e.id
"""

DELIVERY_LAG = """
select percentile_cont(array[0.5, 0.99]) within group (order by extract(epoch from d.settled_at - e.created_at)::float8)
from outbox.delivery d join outbox.event e on e.id = d.event_id where d.state = 'sent'
"""


async def _judge(stage: Stage, load_seconds: float, deliver_seconds: float, exit_codes: list[int]) -> Result:
    conn = await connect(stage.database_url)
    try:
        return Result(
            comparisons=await sample_stream.compare(conn, _arrived(stage)),
            proof=await completeness.prove(conn, await _beginning(conn)),
            load_seconds=load_seconds,
            deliver_seconds=deliver_seconds,
            relay_lag=tuple(await conn.fetchval(RELAY_LAG)),
            delivery_lag=tuple(await conn.fetchval(DELIVERY_LAG)),
            exit_codes=exit_codes,
        )
    finally:
        await conn.close()


async def _beginning(conn: Connection) -> datetime:
    first: datetime = await conn.fetchval("select min(created_at) from outbox.event")
    return first


def _arrived(stage: Stage) -> Arrived:
    arrived = Arrived()
    for person in sample_stream.people():
        if person.chat_id is not None:
            messages = ask_control(f"{stage.control}/control/chats/{person.chat_id}/messages")
            if isinstance(messages, list) and messages:
                arrived.chats[person.recipient] = [sample_stream.number_of(message) for message in messages]
    return arrived
