"""G11: recognisable names, texts, chat ids and secrets are typed into commands and settings, and are not told again."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from outbox import binding
from outbox.database.connection import Connection
from outbox.relay import fan_out
from tests.integration.canary import Kind
from tests.integration.canary_stage import CanaryStage
from tests.integration.inboxes import ROUTES
from tests.integration.stage import TYPE
from tests.integration.test_command_log import ordered
from tests.integration.test_forget import contents
from workers.embedded.engine import Postgres

if TYPE_CHECKING:
    from collections.abc import Sequence


async def test_nothing_gets_out_of_commands(mine: CanaryStage) -> None:
    """What commands say of good and bad lines, of unknown words and of people holds no text and no secret.

    What is typed as an argument stands in `ps` as long as the command runs, so command lines are not looked at here;
    looking commands may show on stdout whom they are about.
    """
    shown = frozenset({Kind.PERSON})
    await mine.people(2)
    for line in (
        f'{{"recipient": "{mine.canary.recipient}", name',
        {"recipient": mine.canary.recipient, "chat_id": f"{mine.canary.chat}x"},
        {"recipient": mine.canary.recipient, "locale": mine.canary.name},
    ):
        assert (await mine.run("recipients", "import", mine.file("bad.txt", line))).code == 1
    good = {"type": TYPE, "recipients": [mine.recipient(0)], "payload": mine.payload()}
    text = mine.canary.text
    bad: Sequence[object] = (
        text,
        {**good, "payload": text},
        {**good, "recipients": f"{mine.canary.recipient}"},
        {**good, "recipients": [], "dedupe_key": text},
        {**good, "deliver_at": text},
        {**good, "payload": {text: text * 2000}},
    )
    loaded = await mine.run("load", mine.file("events.jsonl", good, *bad))
    assert (loaded.code, loaded.out) == (3, f"{len(bad) + 1} lines, 1 events, 0 repeated, {len(bad)} rejected\n")
    who = ("--to", mine.recipient(0))
    assert (await mine.run("emit", TYPE, *who, "--data", json.dumps(mine.payload()))).code == 0
    assert (await mine.run("emit", TYPE, *who, "--data", text)).code == 1
    assert (await mine.run("emit", " ", *who, "--data", json.dumps(mine.payload()))).code == 1
    assert (await mine.run("worker", "--once")).code == 0
    for arguments in (
        ("status",),
        ("trace", "1"),
        ("prove",),
        ("dead", "list"),
        ("unknown", "list"),
        ("cursor", "show"),
    ):
        await mine.run(*arguments, shown=shown)
    assert (await mine.run("forget", mine.recipient(0))).code == 0
    mine.lookout.look_into_files()
    mine.assert_clean("stderr of load", "stdout of trace", "stdout of status", "stderr of emit", "file .log")


async def test_nothing_gets_out_of_what_is_ordered(mine: CanaryStage) -> None:
    """Each order has its lines, and none says who has ordered it, whom it is about or what was written to them."""
    signed = ("--operator", mine.canary.operator)
    chats = [{"recipient": mine.recipient(n), "chat_id": mine.chat(n)} for n in range(3)]
    taken_over = {"recipient": mine.recipient(3), "chat_id": mine.chat(2)}
    stuck = "update outbox.delivery set state = $1, reason = 'internal', settled_at = now() where recipient = $2"
    told = Counter[str]()

    async def order(*words: str) -> None:
        lines = await ordered(mine.stage, *words)
        told.update(line["event"] for line in lines)
        mine.search.look("log", json.dumps(lines, default=str).encode())

    await order("links", "import", mine.file("links.jsonl", *chats), *signed)
    for number in range(3):
        await mine.emit(number)
    await fan_out.step(mine.stage.conn, ROUTES)
    await order("links", "import", mine.file("links.jsonl", taken_over), *signed)
    await order("forget", mine.recipient(1))
    for state, words in (
        ("dead", ("dead", "replay")),
        ("unknown", ("unknown", "resend")),
        ("dead", ("dead", "discard")),
        ("unknown", ("unknown", "confirm")),
    ):
        await mine.stage.conn.execute(stuck, state, mine.recipient(0))
        await order(*words, "--recipient", mine.recipient(0), *signed)
    await order("links", "unlink", mine.recipient(0), *signed)
    await order("prune", "--older-than", "0s", "--unread-older-than", "0s")
    assert set(told) == {
        *("links_imported", "links_displaced", "deliveries_skipped", "recipient_forgotten", "chat_unlinked"),
        *("deliveries_replayed", "deliveries_resent", "deliveries_discarded", "deliveries_confirmed"),
        *("events_pruned", "links_pruned"),
    }
    mine.assert_clean("log")


UNSTORABLE = {
    "an unknown field": '"TEXT": 1',
    "a NUL": r'"payload": {"field": "TEXT\u0000"}',
    "half a surrogate pair": r'"payload": {"field": "TEXT\ud800"}',
}


@pytest.mark.parametrize("wrong", UNSTORABLE.values(), ids=UNSTORABLE)
async def test_nothing_gets_out_of_a_line_that_cannot_be_stored(mine: CanaryStage, wrong: str) -> None:
    """A rejected line's text stands neither in what `load` says nor in the log of PostgreSQL."""
    text = mine.canary.text.split()[-1]
    line = f'{{"type": "{TYPE}", "recipients": ["{mine.recipient(0)}"], {wrong.replace("TEXT", text)}}}'
    assert (await mine.run("load", mine.file("events.jsonl", line))).code == 3
    mine.lookout.look_into_files()
    mine.assert_clean("stderr of load", "file .log")


FAILING = "import asyncpg\ndef connect(*a, **k): raise RuntimeError(f'{a} {k}')\nasyncpg.connect = connect"


async def test_nothing_gets_out_of_a_command_that_crashes(mine: CanaryStage, tmp_path: Path) -> None:
    """A command that ends by an exception that nobody expects tells its class and place, not its message."""
    (tmp_path / "sitecustomize.py").write_text(FAILING)
    crashed = await mine.run("status", environment={"PYTHONPATH": str(tmp_path)})
    assert crashed.code == 1
    mine.assert_clean("stderr of status")


UNREADABLE = {
    "status": ("status", "DATABASE_URL", "postgresql"),
    "worker, PostgreSQL": ("worker", "DATABASE_URL", "postgresql"),
    "worker, Redis": ("worker", "REDIS_URL", "redis"),
}


@pytest.mark.parametrize(("command", "name", "scheme"), UNREADABLE.values(), ids=UNREADABLE)
async def test_nothing_gets_out_of_a_url_that_cannot_be_read(
    mine: CanaryStage, command: str, name: str, scheme: str
) -> None:
    """A password that was put into a URL without quoting its slash is no part of the complaint about that URL."""
    once = ("--once",) if command == "worker" else ()
    url = f"{scheme}://u:{mine.canary.database_password}/@127.0.0.1/1"
    refused = await mine.run(command, *once, environment={name: url})
    assert refused.code == 1
    assert name in refused.err
    mine.assert_clean()


async def _refuse_password(conn: Connection, postgres: Postgres) -> None:
    """Let PostgreSQL ask one role for a password that nobody has."""
    access = postgres.folder / "pg_hba.conf"
    if "canary" not in access.read_text():
        access.write_text(f"host all canary 127.0.0.1/32 scram-sha-256\n{access.read_text()}")
    await conn.execute("select pg_reload_conf()")
    if not await conn.fetchval("select to_regrole('canary') is not null"):
        await conn.execute("create role canary login password 'another'")


async def test_nothing_gets_out_of_a_start_that_is_refused(mine: CanaryStage, postgres: Postgres) -> None:
    """A worker that PostgreSQL refuses, or whose secret is malformed, says so in one line without a secret."""
    await _refuse_password(mine.stage.conn, postgres)
    database, redis = mine.stage.environment["DATABASE_URL"], mine.stage.environment["REDIS_URL"]
    for how, name, value, log_format in (
        ("--once", "DATABASE_URL", database.replace("postgres:", "canary:"), "json"),
        ("--watch", "DATABASE_URL", database.replace("postgres:", "canary:"), "console"),
        ("--once", "DATABASE_URL", database.replace("postgresql:", "mysql:"), "json"),
        ("--watch", "REDIS_URL", redis.replace("redis:", "http:"), "json"),
        ("--once", "TELEGRAM_BOT_TOKEN", f"{mine.canary.bot_token} ", "console"),
        ("--watch", "TELEGRAM_API_BASE", f"{mine.canary.bot_token}@", "json"),
    ):
        refused = await mine.run("worker", how, environment={"LOG_FORMAT": log_format, name: value})
        assert (refused.code, name in refused.complaint) == (1, True), refused
    mine.lookout.look_into_files()
    mine.assert_clean("stderr of worker", "file .log")


BINDING = "import os, secrets\nsecrets.token_urlsafe = lambda size: os.environ['TOKEN']"


async def test_nothing_gets_out_of_links(mine: CanaryStage, tmp_path: Path) -> None:
    """A binding token stands on stdout and nowhere else; the commands about links show chats only when told to."""
    (tmp_path / "sitecustomize.py").write_text(BINDING)
    given = {"PYTHONPATH": str(tmp_path), "TOKEN": mine.canary.binding_token}
    shown = frozenset({Kind.PERSON})
    await mine.people(1)
    who = mine.recipient(0)
    bound = await mine.run("links", "bind", who, environment=given, shown=frozenset({Kind.SECRET}))
    assert bound.out.endswith(f"?start={mine.canary.binding_token}\n")
    await _look_into_tables(mine)
    assert await binding.consume(mine.stage.conn, mine.canary.binding_token) == who
    for command in (("list",), ("show", who)):
        assert str(mine.chat(0)) not in (await mine.run("links", *command, shown=shown)).out
    bad = {"recipient": who, "chat_id": f"{mine.chat(0)}"}
    assert (await mine.run("links", "import", mine.file("links.jsonl", bad))).code == 3
    assert [(await mine.run("links", "unlink", who)).code for _ in range(2)] == [0, 1]
    await _look_into_tables(mine)
    mine.lookout.look_into_files()
    await mine.lookout.look_into_redis()
    mine.assert_clean("stdout of links", "stderr of links", "tables", "file .log")


async def _look_into_tables(mine: CanaryStage) -> None:
    """Look for secrets in every row of every table; people and texts are at home there."""
    for rows in (await contents(mine.stage.conn)).values():
        mine.search.look("tables", "\n".join(rows).encode(), allowed=frozenset({Kind.PERSON, Kind.TEXT}))
