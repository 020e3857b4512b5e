"""PostgreSQL with TLS, a password and a client's certificate."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from outbox.database.connection import OUT_OF_REACH, connect
from outbox.schema import migration
from tests.conftest import SETTINGS
from tests.integration.certificates import OPENSSL, Authority, authority
from tests.integration.stage import Stage, settings
from workers.configuration.settings import Settings, SettingsError, load
from workers.embedded import engine
from workers.embedded.engine import Postgres
from workers.main import _words_for
from workers.worker.once import run_once

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
"""The embedded PostgreSQL is built without TLS."""

PASSWORD = "s/cr t@1"
LOGIN = f"""
set password_encryption = 'scram-sha-256';
create role vestnik superuser login password '{PASSWORD}';
"""
ACCESS = """
local all postgres trust
hostssl all vestnik 127.0.0.1/32 scram-sha-256 clientcert=verify-full
"""

pytestmark = pytest.mark.skipif(not (DEBIAN and OPENSSL), reason="no Debian PostgreSQL or no openssl")


@dataclass(frozen=True, slots=True)
class Secure:
    """A PostgreSQL that lets in who has both the password and a certificate."""

    server: Postgres
    authority: Authority

    def url(self, password: str = PASSWORD, **parameters: object) -> str:
        """Name its database as `DATABASE_URL` wants it."""
        certificate, key = self.authority.folder / "vestnik.crt", self.authority.folder / "vestnik.key"
        said = {"sslmode": "verify-full", "sslrootcert": self.authority.certificate}
        said |= {"sslcert": certificate, "sslkey": key, **parameters}
        query = "&".join(f"{name}={quote(str(value))}" for name, value in said.items() if value is not None)
        return f"postgresql://vestnik:{quote(password, safe='')}@localhost:{self.server.port}/postgres?{query}"


@pytest.fixture(scope="module")
def secure() -> Iterator[Secure]:
    """Run one."""
    with authority() as trusted:
        certificate, key = trusted.sign("localhost", "subjectAltName=DNS:localhost")
        trusted.sign("vestnik")
        access = trusted.folder / "pg_hba.conf"
        access.write_text(ACCESS)
        own = {"ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": key, "ssl_ca_file": trusted.certificate}
        files = {name: str(value) for name, value in {**own, "hba_file": access}.items()}
        with engine.postgres(binaries=DEBIAN[-1], settings={**SETTINGS, **files}) as server:
            asyncio.run(_prepare(server))
            yield Secure(server, trusted)


async def _prepare(server: Postgres) -> None:
    admin = await asyncpg.connect(user="postgres", database="postgres", host=str(server.folder), port=server.port)
    await admin.execute(LOGIN)
    await admin.close()


@pytest.fixture
async def stage(
    secure: Secure, redis_url: str, simulator_urls: tuple[str, str], tmp_path: Path
) -> AsyncIterator[Stage]:
    """Give a test the stage on it."""
    conn = await connect(secure.url())
    await migration.migrate(conn)
    made = Stage(settings(secure.url(), redis_url, simulator_urls[0]), tmp_path, simulator_urls[1], conn)
    await made.order("POST", "reset")
    yield made
    await conn.close()


async def test_a_run_over_tls_with_both(stage: Stage) -> None:
    """With the right authority, certificate and password a run delivers, and the connection is encrypted."""
    assert await stage.conn.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
    await stage.people({"anna": 11})
    await stage.emit(1, "anna")
    given = {name.lower(): value for name, value in stage.environment.items()}
    assert await run_once(Settings(**given)) == 0  # type: ignore[arg-type]  # from text
    assert await stage.arrived(11) == [1]


async def test_what_is_wrong_is_told_in_one_line(secure: Secure) -> None:
    """A wrong certificate, authority, host or mode ends a command in one line, which tells what is the matter."""
    with authority() as stranger:
        certificate, key = stranger.sign("vestnik")
        wrong = {
            "no certificate": (secure.url(sslcert=None, sslkey=None), 1, "refused by PostgreSQL: InvalidAuthorization"),
            "another's certificate": (secure.url(sslcert=certificate, sslkey=key), 2, "out of reach: "),
            "another authority": (secure.url(sslrootcert=stranger.certificate), 2, "SSLCertVerificationError"),
            "another host": (secure.url().replace("localhost", "127.0.0.1"), 2, "SSLCertVerificationError"),
            "another mode": (secure.url(sslmode="always"), 1, "is its sslmode right"),
        }
        for name, (url, code, words) in wrong.items():
            with pytest.raises(OUT_OF_REACH) as told:
                await connect(url)
            said, ends_with = _words_for(told.value)
            assert (name, ends_with, words in said) == (name, code, True), said


@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey"])
def test_a_file_that_is_not_there_is_a_wrong_setting(
    secure: Secure, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """An address that names a file which cannot be read is malformed, and the parameter is named."""
    monkeypatch.setenv("DATABASE_URL", secure.url(**{name: "/nowhere/file"}))
    with pytest.raises(SettingsError, match=rf"^DATABASE_URL is malformed: the file of its {name} is not there, or"):
        load()


async def test_a_wrong_password_is_told_in_one_line(stage: Stage, secure: Secure) -> None:
    """A run with it exits 1, says that it is refused, and shows neither this password nor the right one."""
    run = stage.run("worker", "--once", DATABASE_URL=secure.url(password="hunter2"))
    assert (run.code, run.complaint) == (1, "DATABASE_URL is refused by PostgreSQL: InvalidPasswordError")
    assert "hunter2" not in run.out + run.err
