"""Idle: from the commit of an event to the Bot API request, with a worker process that sleeps in between."""

import asyncio
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from typing import cast

from health import read as read_health
from outbox import event, migration, recipient
from outbox.database import Connection, connect
from outbox.recipient import Profile
from tests.bench.table import Figure
from workers import demo
from workers.process import process

MESSAGES = 200
PAYLOAD = {"job": "UGC", "brand": "Acme & Sons", "url": "/jobs/1"}


def measure(stage: demo.Stage) -> list[Figure]:
    """Emit one event after the other, each when the one before has arrived."""
    asyncio.run(_prepare(stage))
    health = stage.folder / "idle.json"
    own = {"INSTANCE": "idle", "HEALTH_FILE": str(health), "BOT_RATE": "1000", "CHAT_RATE": "1000"}
    with ExitStack() as stack:
        stack.enter_context(process(["worker", "--watch"], {**stage.environment, **own}, health.with_suffix(".log")))
        lags, floor = asyncio.run(_emit(stage, health))
    return [
        Figure(
            "idle: commit to Bot API request, p50 / p99",
            f"{_ms(lags, 50)} / {_ms(lags, 99)} ms",
            "10 / 30 ms",
            f"one commit, p50 {_ms(floor, 50)} ms",
        )
    ]


async def _prepare(stage: demo.Stage) -> None:
    conn = await connect(stage.database_url)
    await migration.migrate(conn)
    people = [Profile(f"u{number}", locale="en", chat_id=number) for number in range(1, MESSAGES + 1)]
    await recipient.save(conn, people)
    await conn.close()
    chats = [{"chat_id": person.chat_id, "state": "started", "type": "private"} for person in people]
    demo.ask_control(f"{stage.control}/control/chats", chats)


async def _emit(stage: demo.Stage, health: Path) -> tuple[list[float], list[float]]:
    conn = await connect(stage.database_url)
    async with asyncio.timeout(60):
        while read_health(health).exit_code != 0:  # noqa: ASYNC110 (the fact is in a file)
            await asyncio.sleep(0.1)
    committed, floor = {}, []
    for number in range(1, MESSAGES + 1):
        began = time.perf_counter()
        await event.emit(conn, "invitation.created", [f"u{number}"], PAYLOAD)
        committed[number] = time.time()
        floor.append(time.perf_counter() - began)
        await _wait_until_sent(conn, number)
    await conn.close()
    calls = cast("list[dict[str, object]]", demo.ask_control(f"{stage.control}/control/calls?after=0"))
    return [
        _seconds(call["time"]) - committed[call["chat_id"]] for call in calls if call["chat_id"] in committed
    ], floor


SENT = "select exists(select from outbox.delivery where event_id = $1 and state = 'sent')"


async def _wait_until_sent(conn: Connection, event_id: int) -> None:
    async with asyncio.timeout(10):
        while not await conn.fetchval(SENT, event_id):  # noqa: ASYNC110 (the fact is in PostgreSQL)
            await asyncio.sleep(0.01)
    # long enough for the relay to fall asleep again: it must be woken
    await asyncio.sleep(0.05)


def _seconds(moment: object) -> float:
    return float(moment) if isinstance(moment, int | float) else datetime.fromisoformat(str(moment)).timestamp()


def _ms(seconds: list[float], percentile: int) -> str:
    return f"{quantiles(seconds, n=100)[percentile - 1] * 1000:.1f}"
