"""docs/backup-restore.md, done as it is written: backed up, restored into a new cluster, and going on there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from outbox.database.connection import Connection, connect
from tests.integration.installation import TO_RELAY, another, delivered, hasten, leave_at_work, relay_all, totals
from tests.integration.stage import PATIENCE_S, PROJECT, Finished, Stage
from tests.integration.test_deliver import run as deliver_all
from tests.systemd.page import blocks
from workers.embedded.engine import Postgres
from workers.wiring.worker_parts import WorkerParts

# pg_dump and psql know no pooler
pytestmark = pytest.mark.direct

PAGE = blocks("backup-restore.md")
(BACKUP,), BUCKET, (RESTORE, GO_ON, LET_EXPIRE), (TRANSFER,) = PAGE.values()
OWNER = "keeper"
"""Owns the restored schema, and is no superuser."""
SHIM = '#!/bin/sh\ncd "{project}" && exec "{python}" -m workers "$@"\n'
LEFT_OUT = re.compile(r"^(--|\\restrict|\\unrestrict)|^$")
"""Lines of a dump of a schema that say when and by whom it was taken."""


@pytest.fixture(scope="module")
def elsewhere(postgres_binaries: Path | None) -> Iterator[Postgres]:
    """Run another cluster, with nothing in it."""
    with another(postgres_binaries) as server:
        yield server


@pytest.fixture
def commands(postgres: Postgres, tmp_path: Path) -> Path:
    """Lend a folder with a `vestnik` and the programs of the PostgreSQL of this run."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("psql", "pg_dump", "pg_restore"):
        (folder / name).write_text(f'#!/bin/sh\nexec "{postgres.binaries / name}" "$@"\n')
    (folder / "vestnik").write_text(SHIM.format(project=PROJECT, python=sys.executable))
    for path in folder.iterdir():
        path.chmod(0o755)
    return folder


def type_in(block: str, commands: Path, **environment: str) -> Finished:
    """Run a block of the page line by line, as far as it goes; what it exports is given instead."""
    lines = [line for line in block.splitlines() if not line.startswith(("export ", "echo "))]
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        env={**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", **environment},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def schema(url: str, commands: Path) -> list[str]:
    """Write down everything that the schema is made of, but whose it is."""
    dump = [str(commands / "pg_dump"), "--schema=outbox", "--schema-only", "--no-owner", url]
    said = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if not LEFT_OUT.match(line)]


def without_names(lines: list[str], *owners: str) -> list[str]:
    """Name the owner the same in all grants."""
    return sorted(re.sub(rf"\b({'|'.join(owners)})\b", "owner", line) for line in lines)


async def make_owner(server: Postgres) -> str:
    """Make a database that belongs to an ordinary login; give its URL."""
    admin = await connect(server.url())
    await admin.execute(f"create role {OWNER} login")
    await admin.execute(f"create database restored owner {OWNER}")
    await admin.close()
    return server.url("restored").replace("postgres@", f"{OWNER}@")


async def sequences(conn: Connection) -> list[tuple[str, int | None]]:
    """Tell where each sequence stands, and with null which was never called."""
    rows = await conn.fetch("select sequencename, last_value from pg_sequences where schemaname = 'outbox' order by 1")
    return [tuple(row) for row in rows]


async def test_a_backup_comes_back(
    stage: Stage, database_url: str, elsewhere: Postgres, commands: Path, tmp_path: Path
) -> None:
    """All of it is restored by the page's commands for a login that is no superuser, and goes on after the rebase."""
    await leave_at_work(stage)
    kept = tmp_path / "backups"
    wrote = type_in(BACKUP, commands, DATABASE_URL=database_url, BACKUP_TO=str(kept))
    assert wrote.code == 0, wrote
    (dump,) = kept.glob("vestnik-outbox-*.dump")

    url = await make_owner(elsewhere)
    at = {"ADMIN_URL": elsewhere.url("restored"), "DATABASE_URL": url, "BACKUP": str(dump.with_suffix(""))}
    restored = type_in(RESTORE, commands, **at)
    assert restored.code == 0, restored
    there = replace(stage, environment={**stage.environment, "DATABASE_URL": url}, conn=await connect(url))
    assert await totals(there.conn) == await totals(stage.conn)
    assert await sequences(there.conn) == await sequences(stage.conn)
    assert without_names(schema(url, commands), OWNER) == without_names(schema(database_url, commands), "postgres")

    refused = there.run("worker", "--once")
    assert (refused.code, "`vestnik cursor rebase`" in refused.complaint) == (1, True)
    went_on = type_in(GO_ON, commands, **there.environment)
    assert went_on.code == 0, went_on
    assert f"\n{TO_RELAY} events were not yet relayed and will be" in went_on.out
    assert "it adds up" in went_on.out
    await hasten(there.conn)
    assert there.run("worker", "--once", RETRY_SCHEDULE="0").code == 0
    await delivered(there)
    await there.conn.close()


async def test_what_must_not_go_out_again_expires(stage: Stage, parts: WorkerParts, commands: Path) -> None:
    """A delivery that was let expire before the workers start is not sent, and is accounted for."""
    await stage.people({"anna": 11, "boris": 12})
    await stage.emit(1, "anna", "boris")
    await relay_all(stage.conn)
    assert type_in(LET_EXPIRE, commands, **stage.environment).code == 0
    await deliver_all(parts)
    assert await stage.states() == {"sent": 1, "expired": 1}
    assert (await stage.arrived(11), await stage.arrived(12)) == ([1], [])


async def test_the_page_transfers(
    stage: Stage, empty_database_url: str, database_url: str, commands: Path, tmp_path: Path
) -> None:
    """The page's commands for a transfer move an installation."""
    await stage.emit(1, "anna")
    await stage.conn.close()
    target = tmp_path / "new-url"
    target.write_text(empty_database_url)
    moved = type_in(TRANSFER.replace("new-url", str(target)), commands, DATABASE_URL=database_url)
    assert moved.code == 0, moved
    conn = await connect(empty_database_url)
    assert await conn.fetchval("select count(*) from outbox.event") == 1
    await conn.close()
