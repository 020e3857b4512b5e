"""`vestnik worker --once` as a process: what it delivers, and what its exit code says."""

from pathlib import Path

import pytest

from inapp.text import render
from outbox import event
from outbox.catalog import load
from tests.integration.stage import MARKETPLACE, PATIENCE_S, Finished, Stage, payload
from workers.engine import free_port

SECRET = "hunter2"
DIED_WITHOUT_PAYLOAD = "invitation.created"


@pytest.mark.parametrize("arguments", [("worker", "--once"), ("--once",)], ids=" ".join)
async def test_it_delivers_all_that_is_due_and_ends(stage: Stage, arguments: tuple[str, ...]) -> None:
    """A run delivers each chat's messages in order, skips who has no chat, and exits 0; --once alone is short for it."""
    await stage.people({"anna": 11, "boris": 12})
    for number in (1, 2, 3):
        await stage.emit(number, "anna", "boris", "nobody")
    run = stage.run(*arguments)
    assert run.code == 0, run
    assert [await stage.arrived(11), await stage.arrived(12)] == [[1, 2, 3], [1, 2, 3]]
    assert await stage.states() == {"sent": 6, "skipped": 3}
    assert await stage.conn.fetchval("select count(*) from outbox.notification") == 9


async def test_it_ends_at_once_when_nothing_is_due(stage: Stage) -> None:
    """With nothing to do, now or before its time has come, a run sends nothing and exits 0."""
    await stage.people({"anna": 11})
    later = await stage.conn.fetchval("select now() + interval '1 hour'")
    await event.emit(stage.conn, "payout.paid", ["anna"], payload(1), deliver_at=later)
    run = stage.run("worker", "--once")
    assert run.code == 0, run
    assert (await stage.order("GET", "counters"))["delivered"] == 0


async def test_what_dies_is_told_by_exit_code_3(stage: Stage) -> None:
    """A payload without a field dies alone, with reason `template`; the run exits 3, the next one 0."""
    await stage.people({"anna": 11, "boris": 12})
    await event.emit(stage.conn, DIED_WITHOUT_PAYLOAD, ["anna"], {"job": "Ролик"})
    await stage.emit(2, "anna", "boris")
    assert stage.run("worker", "--once").code == 3
    dead = await stage.conn.fetch("select recipient, reason, attempts from outbox.delivery where state = 'dead'")
    assert [tuple(row) for row in dead] == [("anna", "template", 1)]
    assert [await stage.arrived(11), await stage.arrived(12)] == [[2], [2]]
    assert stage.run("worker", "--once").code == 0


async def test_what_died_on_telegram_still_shows_in_the_inbox(stage: Stage) -> None:
    """A dead letter's notification is there and unread, and the inbox shows the category where the title fails."""
    await stage.people({"anna": 11})
    await event.emit(stage.conn, DIED_WITHOUT_PAYLOAD, ["anna"], {})
    assert stage.run("worker", "--once").code == 3
    found = await stage.conn.fetchrow(
        "select n.type, e.payload, i.unread from outbox.notification n join outbox.event e on e.id = n.event_id "
        "join outbox.inbox i on i.recipient = n.recipient where n.recipient = 'anna'"
    )
    assert found is not None
    assert (found["type"], found["unread"]) == (DIED_WITHOUT_PAYLOAD, 1)
    assert render(load(MARKETPLACE / "catalog"), found["type"], "ru", found["payload"]).title == "Задания"


@pytest.mark.parametrize("name", ["REDIS_URL", "DATABASE_URL", "TELEGRAM_API_BASE"])
async def test_a_dependency_out_of_reach_is_told_by_exit_code_2(stage: Stage, name: str) -> None:
    """Without Redis, PostgreSQL or Telegram a run exits 2, prints no secret, and costs nothing but time."""
    await stage.people({"anna": 11})
    await stage.emit(1, "anna")
    scheme = {"REDIS_URL": f"redis://:{SECRET}@", "DATABASE_URL": f"postgresql://u:{SECRET}@"}.get(name, "http://")
    run = stage.run("worker", "--once", **{name: f"{scheme}127.0.0.1:{free_port()}/"})
    assert run.code == 2, run
    assert SECRET not in run.out + run.err
    assert not await stage.conn.fetchval("select exists (select from outbox.delivery where attempts > 0)")
    # whatever waits for Telegram's breaker is due now
    await stage.conn.execute("update outbox.lane set due_at = now() where due_at is not null")
    assert stage.run("worker", "--once").code == 0
    assert await stage.arrived(11) == [1]


async def test_a_run_ends_however_much_waits_for_telegram(stage: Stage) -> None:
    """While Telegram is out of reach a run with a hundred chats due exits 2 instead of trying them for ever."""
    people = {f"u{number}": 100 + number for number in range(100)}
    await stage.people(people)
    await stage.emit(1, *people)
    run = stage.run("worker", "--once", timeout=PATIENCE_S, TELEGRAM_API_BASE=f"http://127.0.0.1:{free_port()}")
    assert run.code == 2, run
    assert await stage.conn.fetchval("select sum(attempts) from outbox.delivery") == 0


WRONG: dict[str, tuple[str, str | None]] = {
    "no DATABASE_URL": ("DATABASE_URL", None),
    "malformed DATABASE_URL": ("DATABASE_URL", f"mysql://u:{SECRET}@127.0.0.1/db"),
    "no REDIS_URL": ("REDIS_URL", None),
    "malformed REDIS_URL": ("REDIS_URL", f"http://:{SECRET}@127.0.0.1"),
    "no TELEGRAM_BOT_TOKEN": ("TELEGRAM_BOT_TOKEN", None),
    "malformed TELEGRAM_BOT_TOKEN": ("TELEGRAM_BOT_TOKEN", SECRET),
    "malformed TELEGRAM_API_BASE": ("TELEGRAM_API_BASE", "telegram"),
    "malformed BOT_RATE": ("BOT_RATE", "fast"),
    "BOT_RATE of 0": ("BOT_RATE", "0"),
    "negative CHAT_RATE": ("CHAT_RATE", "-1"),
    "malformed GROUP_RATE_PER_MINUTE": ("GROUP_RATE_PER_MINUTE", "18/min"),
    "malformed PAID_BROADCAST": ("PAID_BROADCAST", "perhaps"),
    "malformed RETRY_SCHEDULE": ("RETRY_SCHEDULE", "5,soon"),
    "negative RETRY_SCHEDULE": ("RETRY_SCHEDULE", "5,-1"),
    "unknown LOG_LEVEL": ("LOG_LEVEL", "loud"),
    "unknown LOG_FORMAT": ("LOG_FORMAT", "xml"),
    "malformed INSTANCE": ("INSTANCE", "a b"),
    "no such CATALOG_DIR": ("CATALOG_DIR", "no-such-directory"),
}


@pytest.mark.parametrize(("name", "value"), WRONG.values(), ids=WRONG)
async def test_a_wrong_setting_is_named_in_one_line(stage: Stage, name: str, value: str | None) -> None:
    """A missing or malformed setting ends the start with exit code 1 and one line that names it, never a secret."""
    run = stage.run("worker", "--once", **{name: value})
    assert (run.code, run.out) == (1, ""), run
    named = "no-such-directory" if name == "CATALOG_DIR" else name
    assert named in run.complaint
    assert SECRET not in run.err


@pytest.mark.parametrize("command", [("worker", "--once"), ("worker", "--watch"), ("status",)], ids=" ".join)
async def test_a_database_that_does_not_exist_is_told_in_one_line(
    stage: Stage, command: tuple[str, ...], database_url: str
) -> None:
    """A DATABASE_URL that names no database of a server which answers ends in one line that names the setting."""
    run = stage.run(*command, DATABASE_URL=f"{database_url}_not")
    assert run.code in {1, 2}, run
    assert "DATABASE_URL" in run.complaint


async def test_worker_needs_one_of_once_and_watch(stage: Stage) -> None:
    """`worker` without a word about how long, or with two, exits 1 with one line."""
    for wrong in (stage.run("worker"), stage.run("worker", "--once", "--watch")):
        assert wrong.code == 1
        assert wrong.complaint == "worker needs one of --once and --watch"


@pytest.mark.parametrize("how", ["--once", "--watch"])
async def test_a_database_without_the_schema_is_refused(stage: Stage, how: str, empty_database_url: str) -> None:
    """A worker does not begin on a database without the schema and names the command that mends it."""
    refused = stage.run("worker", how, DATABASE_URL=empty_database_url)
    assert refused.code == 1
    assert "run `vestnik migrate`" in refused.complaint


@pytest.mark.parametrize("how", ["--once", "--watch"])
async def test_a_foreign_cursor_is_refused(stage: Stage, how: str) -> None:
    """A worker does not begin on a cursor of another cluster, names the command, and goes on once it was given."""
    await stage.people({"anna": 11})
    await stage.emit(1, "anna")
    await stage.conn.execute("update outbox.cursor set system_identifier = 1")
    refused = stage.run("worker", how)
    assert refused.code == 1
    assert "Run `vestnik cursor rebase`" in refused.complaint
    assert await stage.states() == {}
    assert stage.run("cursor", "rebase").code == 0
    assert stage.run("worker", "--once").code == 0
    assert await stage.arrived(11) == [1]


async def test_two_runs_share_the_work(stage: Stage) -> None:
    """Two runs at the same time deliver everything between them, each chat in order and nothing twice."""
    people = {f"u{number}": 100 + number for number in range(20)}
    await stage.people(people)
    for number in range(10):
        await stage.emit(number, *people)
    with stage.started("worker", "--once") as one, stage.started("worker", "--once") as other:
        ended = [Finished(p.wait(PATIENCE_S), *p.communicate()) for p in (one, other)]
    assert [run.code for run in ended] == [0, 0], ended
    assert [await stage.arrived(chat_id) for chat_id in people.values()] == [list(range(10))] * 20


async def test_a_run_writes_the_health_file(stage: Stage, tmp_path: Path) -> None:
    """A run leaves a health file that tells what it did."""
    await stage.people({"anna": 11})
    await stage.emit(1, "anna")
    stage.run("worker", "--once", HEALTH_FILE=str(tmp_path / "health.json"))
    shown = stage.run("print-health", "--json", HEALTH_FILE=str(tmp_path / "health.json"))
    assert shown.facts["counters"] == {"relayed": 1, "sent": 1, "retried": 0, "dead": 0, "unknown": 0}
