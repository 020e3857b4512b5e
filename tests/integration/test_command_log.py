"""What operators order is in the log: a line for each change on stderr, and none where nothing has changed."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from outbox.cursor import consumer
from outbox.operator import operator_action
from outbox.operator.operator_action import Action
from outbox.operator.stuck import Filter
from outbox.prune import link_history
from tests.integration.inboxes import MESSAGE, notify
from tests.integration.stage import PATIENCE_S, PROJECT, Stage
from tests.integration.test_command_dead import MAKE_UNKNOWN
from tests.integration.test_command_links import ANNA
from tests.integration.test_dead_letter import die, queue
from tests.integration.test_fan_out import link
from workers.command import links
from workers.main import app

OPERATOR = ("--operator", "olga")
NOW = ("--older-than", "0s", "--unread-older-than", "0s")
HOUR = timedelta(hours=1)
NO_LINK = {"event": "deliveries_skipped", "count": 1, "reason": "no_link"}

Lines = list[dict[str, Any]]
Prepare = Callable[[Stage], Awaitable[None]]


async def nothing(_stage: Stage) -> None:
    """Leave the installation empty."""


async def one_dead(stage: Stage) -> None:
    """Let a delivery die that comes from a request."""
    await link(stage.conn, ["anna"])
    await die(stage.conn, "anna")
    await stage.conn.execute("update outbox.event set request_id = 'r-1'")


async def two_dead(stage: Stage) -> None:
    """Let two deliveries die."""
    await link(stage.conn, ["anna", "boris"])
    await die(stage.conn, "anna", "boris")


async def two_unknown(stage: Stage) -> None:
    """Let nobody know whether two deliveries have arrived."""
    await two_dead(stage)
    await stage.conn.execute(MAKE_UNKNOWN, ["anna", "boris"])


async def one_waits(stage: Stage) -> None:
    """Let a message wait for a linked chat."""
    await stage.people({"anna": ANNA})
    await queue(stage.conn, "anna")


async def one_loaded(stage: Stage) -> None:
    """Emit what the file of events begins with."""
    await stage.conn.execute("select outbox.emit('t', '{anna}', '{}', 'k0')")


async def much_is_over(stage: Stage) -> None:
    """Let all be old enough to go: two events, and a link that has ended."""
    await notify(stage.conn, 2, "ann", type_=MESSAGE)
    await stage.people({"boris": 7})
    await stage.conn.execute("update outbox.telegram_link set unlinked_at = now()")
    await stage.conn.execute(
        "insert into outbox.binding_request values ('anna', 'x', now() - interval '1 day', now() - interval '1 hour')"
    )


async def a_consumer(stage: Stage) -> None:
    """Let a consumer have read what there is."""
    await queue(stage.conn, "anna")
    await consumer.pull(stage.conn, "billing", 1, HOUR)


EVENTS = [{"type": "t", "recipients": ["anna"], "dedupe_key": f"k{n}", "request_id": f"r-{n}"} for n in range(3)]
PEOPLE = [{"recipient": "boris", "name": "Boris", "chat_id": ANNA}, {"recipient": "clara"}]
LINKS = [{"recipient": "boris", "chat_id": ANNA}, {"recipient": "clara", "chat_id": 31}]
MOVED = [{"recipient": "boris", "chat_id": ANNA}, {"recipient": "anna", "chat_id": 31}]
FILES: dict[str, Sequence[object]] = {
    "EVENTS": EVENTS,
    "TWO": EVENTS[:2],
    "PEOPLE": PEOPLE,
    "LINKS": LINKS,
    "MOVED": MOVED,
}
"""Files by the word that stands for them in a command."""

ORDERS: dict[str, tuple[Prepare, Sequence[str], Lines]] = {
    "emit": (
        nothing,
        ("emit", "t", "--to", "anna", "--request-id", "r-1"),
        [{"event": "events_emitted", "count": 1, "event_id": 1, "request_id": "r-1"}],
    ),
    "load": (one_loaded, ("load", "EVENTS"), [{"event": "events_emitted", "count": 2}]),
    "load, one is new": (
        one_loaded,
        ("load", "TWO"),
        [{"event": "events_emitted", "count": 1, "event_id": 3, "request_id": "r-1"}],
    ),
    "recipients import": (
        one_waits,
        ("recipients", "import", "PEOPLE"),
        [
            {"event": "recipients_imported", "count": 2},
            {"event": "links_imported", "count": 1},
            {"event": "links_displaced", "count": 1},
            NO_LINK,
        ],
    ),
    "links import": (
        one_waits,
        ("links", "import", "LINKS", *OPERATOR),
        [{"event": "links_imported", "count": 2}, {"event": "links_displaced", "count": 1}, NO_LINK],
    ),
    "links bind": (nothing, ("links", "bind", "anna"), [{"event": "binding_requested"}]),
    "links unlink": (
        one_waits,
        ("links", "unlink", "anna", *OPERATOR),
        [{"event": "chat_unlinked", "reason": "command"}, NO_LINK],
    ),
    "forget": (
        one_waits,
        ("forget", "anna"),
        [{"event": "recipient_forgotten"}, {"event": "deliveries_skipped", "count": 1, "reason": "forgotten"}],
    ),
    "dead replay": (
        one_dead,
        ("dead", "replay", "--all", *OPERATOR),
        [{"event": "deliveries_replayed", "count": 1, "delivery_id": 1, "event_id": 1, "request_id": "r-1"}],
    ),
    "dead discard": (
        two_dead,
        ("dead", "discard", "--all", *OPERATOR),
        [{"event": "deliveries_discarded", "count": 2}],
    ),
    "unknown resend": (
        two_unknown,
        ("unknown", "resend", "--recipient", "boris", *OPERATOR),
        [{"event": "deliveries_resent", "count": 1, "delivery_id": 2, "event_id": 1}],
    ),
    "unknown confirm": (
        two_unknown,
        ("unknown", "confirm", "--all", *OPERATOR),
        [{"event": "deliveries_confirmed", "count": 2}],
    ),
    "cursor rebase": (one_loaded, ("cursor", "rebase"), [{"event": "cursors_rebased", "events": 1}]),
    "cursor drop": (
        a_consumer,
        ("cursor", "drop", "billing"),
        [{"event": "consumer_dropped", "consumer": "billing"}],
    ),
    "prune": (
        much_is_over,
        ("prune", *NOW),
        [
            {"event": "events_pruned", "count": 2, "deliveries": 0, "notifications": 2},
            {"event": "links_pruned", "count": 1},
            {"event": "binding_requests_pruned", "count": 1},
        ],
    ),
}


async def ordered(stage: Stage, *words: str) -> Lines:
    """Order something in this process; return what it has logged."""
    for name, lines in FILES.items():
        (stage.folder / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    given = [str(stage.folder / word) if word in FILES else word for word in words]
    with capture_logs() as logged:
        done = await asyncio.to_thread(CliRunner().invoke, app, given, env=stage.environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert all(line.pop("log_level") == "info" for line in logged)
    return [dict(line) for line in logged]


@pytest.mark.parametrize(("prepare", "words", "told"), ORDERS.values(), ids=ORDERS)
async def test_an_order_is_told_once(stage: Stage, prepare: Prepare, words: Sequence[str], told: Lines) -> None:
    """What an order has changed is in the log, without who has ordered it and whom it is about."""
    await prepare(stage)
    assert await ordered(stage, *words) == told


IDLE: dict[str, tuple[Prepare, Sequence[str]]] = {
    "emit": (one_loaded, ("emit", "t", "--to", "anna", "--dedupe-key", "k0")),
    "dead replay": (nothing, ("dead", "replay", "--all")),
    "dead replay, dry run": (one_dead, ("dead", "replay", "--all", "--dry-run")),
    "prune": (nothing, ("prune", *NOW)),
    "prune, dry run": (much_is_over, ("prune", "--dry-run", *NOW)),
}


@pytest.mark.parametrize(("prepare", "words"), IDLE.values(), ids=IDLE)
async def test_what_changes_nothing_is_not_told(stage: Stage, prepare: Prepare, words: Sequence[str]) -> None:
    """A dry run has no line, nor an order for which there was nothing to do."""
    await prepare(stage)
    assert await ordered(stage, *words) == []


@pytest.mark.parametrize("words", [("recipients", "import", "PEOPLE"), ("links", "import", "LINKS"), ("load", "TWO")])
async def test_the_same_file_again_is_not_told(stage: Stage, words: Sequence[str]) -> None:
    """A file that is imported a second time changes nothing, and has no line then."""
    assert await ordered(stage, *words) != []
    assert await ordered(stage, *words) == []


async def test_an_order_that_breaks_off_tells_what_it_has_done(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two batches the first is told also where the second fails."""
    await two_dead(stage)
    change: Callable[..., Awaitable[frozenset[int]]] = operator_action._change
    done = list[int]()

    async def failing(*given: Any) -> frozenset[int]:
        if done:
            raise ConnectionError
        done.extend(await change(*given))
        return frozenset(done)

    monkeypatch.setattr(operator_action, "BATCH", 1)
    monkeypatch.setattr(operator_action, "_change", failing)
    with pytest.raises(ConnectionError), capture_logs() as logged:
        await asyncio.to_thread(
            CliRunner().invoke, app, ["dead", "discard", "--all"], env=stage.environment, catch_exceptions=False
        )
    assert [(line["event"], line["count"], line["delivery_id"]) for line in logged] == [
        ("deliveries_discarded", 1, done[0])
    ]
    assert (await operator_action.plan(stage.conn, Action.DISCARD, Filter())).foreseen.changed.total() == 1


async def test_a_prune_that_breaks_off_tells_what_is_gone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the pages of one table those that are gone are told also where the next one fails."""
    monkeypatch.setattr(link_history, "PAGE", 1)
    await stage.people({"anna": 1, "boris": 2, "clara": 3})
    await stage.conn.execute("update outbox.telegram_link set unlinked_at = now()")
    await stage.conn.execute(REFUSE_TO_LOSE_CLARA)
    with pytest.raises(asyncpg.RaiseError), capture_logs() as logged:
        await asyncio.to_thread(CliRunner().invoke, app, ["prune", *NOW], env=stage.environment, catch_exceptions=False)
    assert [(line["event"], line["count"]) for line in logged] == [("links_pruned", 2)]


REFUSE_TO_LOSE_CLARA = """
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
create trigger refuse before delete on outbox.telegram_link
for each row when (old.recipient = 'clara') execute function refuse()
"""


@pytest.mark.parametrize("at_once", [1, 2])
async def test_who_loses_a_chat_and_gets_another_is_counted_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """A link that ended for an import counts once, whether its person's new one is made in the same transaction."""
    await stage.people({"anna": ANNA})
    monkeypatch.setattr(links, "AT_ONCE", at_once)
    assert await ordered(stage, "links", "import", "MOVED", *OPERATOR) == [
        {"event": "links_imported", "count": 2},
        {"event": "links_displaced", "count": 1},
    ]


EMIT = ("emit", "t", "--to", "anna", "--json")


async def test_lines_go_to_stderr_and_leave_stdout_alone(stage: Stage) -> None:
    """Where nobody looks on it is JSON as every process writes it; LOG_FORMAT and LOG_LEVEL hold for commands too."""
    plain = stage.run(*EMIT)
    (line,) = plain.lines
    assert (line["service"], line["level"], line["event"]) == ("command", "info", "events_emitted")
    assert plain.facts == {"event_id": line["event_id"]}
    columns = stage.run(*EMIT, LOG_FORMAT="console")
    assert (columns.lines, "events_emitted" in columns.err, list(columns.facts)) == ([], True, ["event_id"])
    assert stage.run(*EMIT, LOG_LEVEL="warning").err == ""


def without_stderr(stage: Stage) -> Any:
    """Run a command whose stderr is closed; return the facts that it prints."""
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-m", "workers", *EMIT]
    given = {**os.environ, **stage.environment}
    done = subprocess.run(command, env=given, cwd=PROJECT, stdout=subprocess.PIPE, check=True, timeout=PATIENCE_S)
    return json.loads(done.stdout)


async def test_a_closed_stderr_stops_no_command(stage: Stage) -> None:
    """Where stderr is closed the lines go nowhere, and stdout is what the command prints."""
    assert list(without_stderr(stage)) == ["event_id"]


def at_a_terminal(stage: Stage, **environment: str) -> str:
    """Run a command whose stderr is a terminal; return what is seen there."""
    terminal, own = os.openpty()
    given = {**os.environ, **stage.environment, **environment}
    command = [sys.executable, "-m", "workers", *EMIT]
    subprocess.run(command, env=given, cwd=PROJECT, stdout=-3, stderr=own, check=True, timeout=PATIENCE_S)
    os.close(own)
    seen = os.read(terminal, 10_000).decode()
    os.close(terminal)
    return seen


async def test_a_terminal_gets_columns(stage: Stage) -> None:
    """For people it is columns; a LOG_FORMAT that is none stops no command."""
    seen = at_a_terminal(stage, LOG_FORMAT="neither")
    assert ("events_emitted" in seen, "{" in seen) == (True, False)
