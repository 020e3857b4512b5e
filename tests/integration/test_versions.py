"""Two versions on one database: the one before the newest migration, as its own processes, and this one."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from health import read as read_health
from outbox import binding
from outbox.database.connection import Connection, connect
from tests.crash import catalog, judge, lease
from tests.crash.ledger import Ledger
from tests.crash.load import produce
from tests.integration import earlier_version
from tests.integration.bot_stage import said
from tests.integration.stage import Stage, Watching, settings, until, until_true
from tests.integration.test_api_process import JWT_SECRET, fetch, running_api
from tests.integration.test_bot_process import bot
from tests.unit.test_session import signed

# migrations refuse a pooler
pytestmark = pytest.mark.direct

PEOPLE = {f"p{number}": 100 + number for number in range(12)}
NEWCOMER = 999
"""A chat that is linked in the end."""
PRODUCERS = 2
SOME = 20
"""Deliveries that are a share of the work."""
NOT_OURS = "set application_name = 'application'"
"""Producers, and who looks on, are none of Vestnik's processes."""


@pytest.fixture
async def new(
    simulator_urls: tuple[str, str], empty_database_url: str, redis_url: str, empty: Connection, tmp_path: Path
) -> Stage:
    """Let this version's commands run on a database without the schema."""
    bot_api, control = simulator_urls
    environment = settings(empty_database_url, redis_url, bot_api)
    notes = {"CATALOG_DIR": str(catalog.write(tmp_path / "catalog")), "LOG_SAMPLE": "1"}
    made = Stage({**environment, **notes}, tmp_path, control, empty)
    await made.order("POST", "reset")
    return made


@pytest.fixture
def old(new: Stage, tmp_path: Path) -> Stage:
    """Let the commands of the version before the newest migration run there."""
    revision = earlier_version.REVISION or earlier_version.before_newest_migration()
    try:
        code = earlier_version.unpack(revision, tmp_path / "old")
    except LookupError as missing:
        if earlier_version.REVISION:
            raise
        pytest.skip(str(missing))
    return replace(new, environment={**new.environment, **code})


async def command(stage: Stage, *arguments: str) -> str:
    """Run a command that must succeed, while others go on; give what it printed."""
    done = await asyncio.to_thread(stage.run, *arguments)
    assert done.code == 0, done
    return done.out


async def set_up(stage: Stage) -> None:
    """Make the schema and the people as a stage's own version does."""
    await command(stage, "migrate")
    people = [{"recipient": who, "chat_id": chat_id} for who, chat_id in PEOPLE.items()]
    file = stage.folder / "people.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in people))
    await command(stage, "recipients", "import", str(file))
    chats = [{"chat_id": chat_id, "state": "started"} for chat_id in (*PEOPLE.values(), NEWCOMER)]
    await stage.order("PUT", "chats", chats)


@asynccontextmanager
async def emitting(url: str, known: Ledger | None = None) -> AsyncIterator[Ledger]:
    """Emit for as long as the block lasts; give the account of it, which goes on with what is `known`."""
    ledger, stop = known or Ledger(), asyncio.Event()

    async def emit(seed: int) -> None:
        conn = await connect(url)
        await conn.execute(NOT_OURS)
        await produce(conn, ledger, list(PEOPLE), seed, stop)
        await conn.close()

    async with asyncio.TaskGroup() as producers:
        for seed in range(PRODUCERS):
            producers.create_task(emit(seed))
        try:
            yield ledger
        finally:
            stop.set()


async def deliver(*workers: Watching) -> None:
    """Wait until each of these workers has delivered some more."""
    goals = [len(worker.lines("delivery_sent")) + SOME for worker in workers]
    await until(
        lambda: all(len(worker.lines("delivery_sent")) >= goal for worker, goal in zip(workers, goals, strict=True))
    )


async def beat(worker: Watching) -> None:
    """Wait until a worker has written its health file anew, and that all is well."""
    before = read_health(worker.health).facts["heartbeat_at"]

    def well() -> bool:
        facts = read_health(worker.health).facts
        return facts["heartbeat_at"] != before and facts["status"] == "ok"

    await until(well)


async def end(worker: Watching) -> None:
    """Tell a worker to end, and see that it does in order."""
    worker.process.send_signal(signal.SIGTERM)
    assert await worker.ended() == 0


async def deploy(old: Stage, new: Stage) -> tuple[list[Watching], str]:
    """Migrate beneath an old worker, let a new one work beside it and go on alone; give both, and what migrate said."""
    with old.watching("old") as outgoing:
        # this version refuses a schema that lacks the newest migration: here the old code runs
        await outgoing.healthy()
        await deliver(outgoing)
        applied = await command(new, "migrate")
        with new.watching("new") as incoming:
            await deliver(outgoing, incoming)
            await beat(outgoing)
            await end(outgoing)
            await deliver(incoming)
            await end(incoming)
    return [outgoing, incoming], applied


async def link(stage: Stage) -> None:
    """Let a person link their chat with the bot."""
    token = await binding.request(stage.conn, "newcomer")
    await stage.order("POST", f"chats/{NEWCOMER}/say", {"text": f"/start {token}"})
    assert (await said(stage, NEWCOMER, 1))[0].startswith("✅")


async def read(url: str) -> None:
    """Let a person read their notifications in the inbox."""
    status, body = await fetch(f"{url}/api/notifications", signed({"sub": "p0"}, JWT_SECRET))
    assert (status, bool(body["data"])) == (200, True)


async def foreign(stage: Stage) -> str:
    """Tell which migrations a version does not know and finds no fault in, as the one that knows them applied them."""
    standings = json.loads(await command(stage, "migrate", "--check", "--json"))["migrations"]
    assert {one["standing"] for one in standings} == {"applied", "foreign"}
    return "".join(f"applied {one['name']}\n" for one in standings if one["standing"] == "foreign")


@pytest.mark.skipif(not earlier_version.parted(), reason="the newest migration leaves the version before at work")
async def test_a_new_version_goes_on_where_an_old_one_was_stopped(old: Stage, new: Stage) -> None:
    """While the old worker runs the migration is refused; stopped and migrated, all arrives once and in order."""
    await new.conn.execute(NOT_OURS)
    await set_up(old)
    async with emitting(new.environment["DATABASE_URL"]) as ledger:
        with old.watching("old") as outgoing:
            await outgoing.healthy()
            await deliver(outgoing)
            refused = await asyncio.to_thread(new.run, "migrate")
            assert (refused.code, "stop its workers, bots, APIs and commands" in refused.err) == (1, True)
            await deliver(outgoing)
            await end(outgoing)
    await command(new, "migrate")
    with new.watching("new") as incoming:
        async with emitting(new.environment["DATABASE_URL"], ledger):
            await incoming.healthy()
            await deliver(incoming)
        await until_true(lambda: lease.all_settled(new.conn))
        await end(incoming)
    evidence = await judge.gather(new, PEOPLE)
    judge.check(ledger, evidence)
    assert (judge.copies(evidence), set(await new.states())) == (0, {"sent"})


@pytest.mark.skipif(earlier_version.parted(), reason="the newest migration takes away what the version before uses")
async def test_an_old_version_works_beside_a_new_one_and_after_it(old: Stage, new: Stage) -> None:
    """Migrated under load, old and new worker share the work, then each has it alone: all arrives once and in order."""
    await set_up(old)
    with ExitStack() as taken_back:
        async with emitting(new.environment["DATABASE_URL"]) as ledger:
            processes, applied = await deploy(old, new)
            back, desk = taken_back.enter_context(old.watching("back")), taken_back.enter_context(bot(old))
            api, url = taken_back.enter_context(running_api(old))
            processes += [back, desk, api]
            for process in (back, desk, api):
                await process.healthy()
            await deliver(back)
            await link(new)
            await read(url)
        await until_true(lambda: lease.all_settled(new.conn))
    assert [process.process.returncode for process in processes] == [0] * 5
    assert [line for process in processes for line in process.lines() if line["level"] == "error"] == []
    evidence = await judge.gather(new, PEOPLE)
    judge.check(ledger, evidence)
    assert (judge.copies(evidence), set(await new.states())) == (0, {"sent"})
    assert await foreign(old) == applied
