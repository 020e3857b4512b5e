"""`vestnik worker --once` as a process: what it delivers, and what its exit code says."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inapp.notification_text import render
from outbox.catalog.load import load
from outbox.database.connection import Connection
from outbox.event_log import event
from tests.integration.stage import MARKETPLACE, Stage, payload
from workers.embedded.engine import free_port
from workers.process.exit_code import Exit
from workers.wiring.worker_parts import WorkerParts
from workers.worker.once import run_once

SECRET = "hunter2"
INVITATION = "invitation.created"


def left(textfile: Path) -> dict[str, float]:
    """Read the metrics that a run has left, as node_exporter does: values by name and label values."""
    samples = [s for family in text_string_to_metric_families(textfile.read_text()) for s in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


async def test_it_delivers_all_that_is_due_and_ends(stage: Stage, tmp_path: Path) -> None:
    """A run delivers each chat's messages in order, skips who has no chat, leaves health and metrics, and exits 0."""
    await stage.people({"anna": 11, "boris": 12})
    for number in (1, 2, 3):
        await stage.emit(number, "anna", "boris", "nobody")
    files = {"HEALTH_FILE": str(tmp_path / "health.json"), "METRICS_TEXTFILE": str(tmp_path / "vestnik.prom")}
    began = time.time()
    run = stage.run("worker", "--once", **files)
    assert run.code == 0, run
    assert [await stage.arrived(11), await stage.arrived(12)] == [[1, 2, 3], [1, 2, 3]]
    assert await stage.states() == {"sent": 6, "skipped": 3}
    assert await stage.conn.fetchval("select count(*) from outbox.notification") == 9
    shown = stage.run("print-health", "--json", HEALTH_FILE=str(tmp_path / "health.json"))
    assert shown.facts["counters"] == {"relayed": 3, "sent": 6, "retried": 0, "dead": 0, "unknown": 0}
    metrics = left(tmp_path / "vestnik.prom")
    assert metrics["vestnik_deliveries_total telegram delivered "] == 6
    # what was pending when the run began is not any more when it ends
    assert metrics["vestnik_backlog telegram pending"] == 0
    assert began <= metrics["vestnik_once_timestamp_seconds 0"] <= time.time()
    assert began <= metrics["vestnik_heartbeat_timestamp_seconds"] <= time.time()


async def test_it_lasts_as_long_as_anything_is_due(
    stage: Stage, parts: WorkerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long there is something to deliver, the run goes on: what breaks off a slice that hangs is not for it."""
    monkeypatch.setattr("workers.worker.arq_queue.JOB_TIMEOUT", timedelta(seconds=0.2))
    await stage.people({"anna": 11})
    await stage.order("POST", "faults", {"kind": "latency", "method": "sendMessage", "seconds": 0.3, "times": 3})
    for number in (1, 2, 3):
        await stage.emit(number, "anna")
    assert await run_once(parts.settings) is Exit.DONE
    assert await stage.arrived(11) == [1, 2, 3]


async def test_it_ends_at_once_when_nothing_is_due(stage: Stage) -> None:
    """With nothing to do, now or before its time has come, a run sends nothing and exits 0."""
    await stage.people({"anna": 11})
    later = await stage.conn.fetchval("select now() + interval '1 hour'")
    await event.emit(stage.conn, "payout.paid", ["anna"], payload(1), deliver_at=later)
    run = stage.run("worker", "--once")
    assert run.code == 0, run
    assert (await stage.order("GET", "counters"))["delivered"] == 0


async def test_postgres_goes_away_at_the_very_end(
    stage: Stage, parts: WorkerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was delivered is delivered; that nobody could look what waits for its type is told by exit code 2."""

    async def gone(_conn: Connection) -> None:
        raise ConnectionResetError

    monkeypatch.setattr("outbox.operator.unrouted_event.kinds", gone)
    await stage.people({"anna": 11})
    await stage.emit(1, "anna")
    assert await run_once(parts.settings) is Exit.OUT_OF_REACH
    assert await stage.arrived(11) == [1]


async def test_what_dies_is_told_by_exit_code_3(stage: Stage, tmp_path: Path) -> None:
    """A payload without a field dies alone, with reason `template`, and exits 3; the inbox still shows its category.

    The metrics tell it too; a folder in which they cannot be written does not change what has been done.
    """
    await stage.people({"anna": 11, "boris": 12})
    await event.emit(stage.conn, INVITATION, ["anna"], {"job": "Ролик"})
    await stage.emit(2, "anna", "boris")
    assert stage.run("worker", "--once", METRICS_TEXTFILE=str(tmp_path / "v.prom")).code == 3
    metrics = left(tmp_path / "v.prom")
    assert metrics["vestnik_backlog telegram dead"] == 1
    assert "vestnik_once_timestamp_seconds 3" in metrics
    dead = await stage.conn.fetch("select recipient, reason, attempts from outbox.delivery where state = 'dead'")
    assert [tuple(row) for row in dead] == [("anna", "template", 1)]
    assert [await stage.arrived(11), await stage.arrived(12)] == [[2], [2]]
    shown = await stage.conn.fetchrow(
        "select n.type, e.payload from outbox.notification n join outbox.event e on e.id = n.event_id "
        "where n.recipient = 'anna' and n.read_at is null order by n.id"
    )
    assert shown is not None
    assert render(load(MARKETPLACE / "catalog"), shown["type"], "ru", shown["payload"]).title == "Задания"
    away = str(tmp_path / "away" / "v.prom")
    again = stage.run("worker", "--once", METRICS_TEXTFILE=away, HEALTH_FILE=away)
    assert again.code == 0, "what died in an earlier run"
    assert "metrics_textfile_unwritable" in again.err + again.out


async def test_a_dependency_out_of_reach_is_told_by_exit_code_2(stage: Stage, tmp_path: Path) -> None:
    """Without Redis, PostgreSQL or Telegram a run exits 2, prints no secret, and costs nothing but time.

    The metrics tell it, and show no lag where nobody could look for it.
    """
    await stage.people({"anna": 11})
    await stage.emit(1, "anna")
    nowhere = f"127.0.0.1:{free_port()}"
    for environment in (
        {"REDIS_URL": f"redis://:{SECRET}@{nowhere}"},
        {"DATABASE_URL": f"postgresql://u:{SECRET}@{nowhere}/db"},
        {"TELEGRAM_API_BASE": f"http://{nowhere}"},
    ):
        textfile = tmp_path / "v.prom"
        run = stage.run("worker", "--once", METRICS_TEXTFILE=str(textfile), **environment)
        assert run.code == 2, run
        assert SECRET not in run.out + run.err
        metrics = left(textfile)
        assert "vestnik_once_timestamp_seconds 2" in metrics
        assert ("vestnik_relay_lag_seconds" in metrics) == ("DATABASE_URL" not in environment)
    rows = await stage.conn.fetch("select state, attempts from outbox.delivery")
    assert [tuple(row) for row in rows] == [("pending", 0)]
    # what waits for the bot's breaker is due now
    await stage.conn.execute("update outbox.lane set due_at = now() where due_at is not null")
    assert stage.run("worker", "--once").code == 0
    assert await stage.arrived(11) == [1]


async def test_a_run_ends_however_much_waits_for_telegram(stage: Stage) -> None:
    """While Telegram is out of reach a run with a hundred chats due exits 2 instead of trying them for ever."""
    people = {f"u{number}": 100 + number for number in range(100)}
    await stage.people(people)
    await stage.emit(1, *people)
    run = stage.run("worker", "--once", TELEGRAM_API_BASE=f"http://127.0.0.1:{free_port()}")
    assert run.code == 2, run
    assert await stage.conn.fetchval("select sum(attempts) from outbox.delivery") == 0


WRONG = {
    "malformed DATABASE_URL": ("DATABASE_URL", f"mysql://u:{SECRET}@127.0.0.1/db"),
    "malformed REDIS_URL": ("REDIS_URL", f"http://:{SECRET}@127.0.0.1"),
    "malformed TELEGRAM_BOT_TOKEN": ("TELEGRAM_BOT_TOKEN", SECRET),
    "unknown LOG_LEVEL": ("LOG_LEVEL", "loud"),
    "unknown LOG_FORMAT": ("LOG_FORMAT", "xml"),
    "malformed INSTANCE": ("INSTANCE", "a b"),
    "no REDIS_URL": ("REDIS_URL", None),
    "no TELEGRAM_BOT_TOKEN": ("TELEGRAM_BOT_TOKEN", None),
}
"""Those that only a worker can find; test_settings.py has the others."""


@pytest.mark.parametrize(("name", "value"), WRONG.values(), ids=WRONG)
async def test_a_wrong_setting_is_named_in_one_line(stage: Stage, name: str, value: str | None) -> None:
    """A missing or malformed setting ends the start with exit code 1 and one line that names it, never a secret."""
    run = stage.run("worker", "--once", **{name: value})
    assert (run.code, run.out) == (1, ""), run
    assert name in run.complaint
    assert SECRET not in run.err


async def test_a_missing_catalog_is_named_in_one_line(stage: Stage) -> None:
    """A CATALOG_DIR without a catalog ends the start with exit code 1 and one line that names file and directory."""
    run = stage.run("worker", "--once", CATALOG_DIR="no-such-directory")
    assert (run.code, run.complaint) == (1, "catalog.toml: not found in no-such-directory")


@pytest.mark.parametrize("command", [("worker", "--once"), ("status",)], ids=" ".join)
async def test_a_database_that_does_not_exist_is_told_in_one_line(
    stage: Stage, command: tuple[str, ...], database_url: str
) -> None:
    """A DATABASE_URL that names no database of a server which answers ends in one line that names the setting."""
    run = stage.run(*command, DATABASE_URL=database_url.replace("/test_", "/no_test_"))
    assert run.code in {1, 2}, run
    assert "DATABASE_URL" in run.complaint


async def test_worker_needs_one_of_once_and_watch(stage: Stage) -> None:
    """A worker that is told both how long to go on and not to exits 1 with one line."""
    wrong = stage.run("--once", "--watch")
    assert (wrong.code, wrong.complaint) == (1, "worker needs one of --once and --watch")


async def test_a_database_without_the_schema_is_refused(stage: Stage, empty_database_url: str) -> None:
    """A worker does not begin on a database without the schema and names the command that mends it."""
    refused = stage.run("worker", "--watch", DATABASE_URL=empty_database_url)
    assert refused.code == 1
    assert "run `vestnik migrate`" in refused.complaint


async def test_a_foreign_cursor_is_refused(stage: Stage) -> None:
    """A worker does not begin on a cursor of another cluster, names the command, and goes on once it was given."""
    await stage.people({"anna": 11})
    await stage.emit(1, "anna")
    await stage.conn.execute("update outbox.cursor set system_identifier = 1")
    refused = stage.run("worker", "--once")
    assert refused.code == 1
    assert "Run `vestnik cursor rebase`" in refused.complaint
    assert await stage.states() == {}
    assert stage.run("cursor", "rebase").code == 0
    assert stage.run("worker", "--once").code == 0
    assert await stage.arrived(11) == [1]


async def test_two_runs_share_the_work(stage: Stage) -> None:
    """Two runs at once share the work, each chat in order, nothing twice; `--once` alone starts one too."""
    people = {f"u{number}": 100 + number for number in range(20)}
    await stage.people(people)
    for number in range(10):
        await stage.emit(number, *people)
    runs = [asyncio.to_thread(stage.run, *arguments) for arguments in (["worker", "--once"], ["--once"])]
    assert [run.code for run in await asyncio.gather(*runs)] == [0, 0]
    assert [await stage.arrived(chat_id) for chat_id in people.values()] == [list(range(10))] * 20
