"""A database that is restored into another cluster, by `pg_dump | psql` as an operator would."""

import asyncio
import subprocess
import uuid
from pathlib import Path

import asyncpg

from outbox.database.connection import Connection, connect
from workers.embedded.engine import Postgres

ROLES = "create role outbox_producer; create role outbox_worker; create role outbox_reader"


async def make_roles(server: Postgres) -> None:
    """Make the roles that a dump does not carry."""
    admin = await asyncpg.connect(server.url())
    await admin.execute(ROLES)
    await admin.close()


def _copy(binaries: Path, source: str, target: str) -> None:
    dump = subprocess.run([str(binaries / "pg_dump"), source], check=True, capture_output=True)
    psql = [str(binaries / "psql"), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", target]
    subprocess.run(psql, input=dump.stdout, check=True, capture_output=True)


class Restore:
    """Restores the test's database into the other cluster."""

    def __init__(self, source: str, target: Postgres, name: str | None = None) -> None:
        self.source = source
        self.target = target
        self.name = name or f"restored_{uuid.uuid4().hex}"
        self.opened: list[Connection] = []

    @property
    def url(self) -> str:
        """Name the restored database as `DATABASE_URL` wants it."""
        return self.target.url(self.name)

    async def __call__(self) -> Connection:
        """Run `pg_dump | psql` and connect to what came out."""
        await self._order(f"create database {self.name}")
        await asyncio.to_thread(_copy, self.target.binaries, self.source, self.url)
        self.opened.append(await connect(self.url))
        return self.opened[-1]

    async def drop(self) -> None:
        """Take away what was made."""
        for opened in self.opened:
            await opened.close()
        await self._order(f"drop database if exists {self.name} with (force)")

    async def _order(self, sql: str) -> None:
        admin = await asyncpg.connect(self.target.url())
        await admin.execute(sql)
        await admin.close()
