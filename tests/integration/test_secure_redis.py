"""Redis with TLS, a certificate of the client's, and a user of its access control list."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from redis.exceptions import RedisError

from tests.integration.certificates import OPENSSL, Authority, authority
from tests.integration.redis_server import REDIS, redis_server
from tests.integration.stage import Stage
from workers.configuration.settings import Settings, SettingsError, load
from workers.embedded.engine import free_port
from workers.process.redis_client import connect
from workers.worker.once import run_once

PASSWORD = "s/cr@t1"

pytestmark = pytest.mark.skipif(not (REDIS and OPENSSL), reason="no Debian Redis or no openssl")


@dataclass(frozen=True, slots=True)
class Secure:
    """A Redis that speaks only TLS, with those who have a certificate, and knows one user."""

    port: int
    authority: Authority

    def url(self, password: str = PASSWORD, host: str = "localhost", database: int = 3, **parameters: object) -> str:
        """Name it as `REDIS_URL` wants it."""
        certificate, key = self.authority.folder / "vestnik.crt", self.authority.folder / "vestnik.key"
        said = {
            "ssl_ca_certs": self.authority.certificate,
            "ssl_certfile": certificate,
            "ssl_keyfile": key,
            **parameters,
        }
        query = "&".join(f"{name}={quote(str(value))}" for name, value in said.items() if value is not None)
        return f"rediss://vestnik:{quote(password, safe='')}@{host}:{self.port}/{database}?{query}"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """Run one."""
    port = free_port()
    with authority() as trusted:
        certificate, key = trusted.sign("localhost", "subjectAltName=DNS:localhost")
        trusted.sign("vestnik")
        tls = (f"tls-port {port}", "port 0", f"tls-cert-file {certificate}", f"tls-key-file {key}")
        users = (
            f"user vestnik on >{PASSWORD} ~vestnik:* ~arq:* &vestnik:* +@all -@dangerous +info",
            "user default off",
        )
        folder = tmp_path_factory.mktemp("redis")
        with redis_server(folder, *tls, f"tls-ca-cert-file {trusted.certificate}", "tls-auth-clients yes", *users):
            yield Secure(port, trusted)


async def test_a_run_over_tls_as_a_user(stage: Stage, secure: Secure) -> None:
    """A run delivers through it, Arq's queue included, with no right to anything but its own keys."""
    await stage.people({"anna": 11})
    await stage.emit(1, "anna")
    given = {name.lower(): value for name, value in {**stage.environment, "REDIS_URL": secure.url()}.items()}
    assert await run_once(Settings(**given)) == 0  # type: ignore[arg-type]  # from text
    assert await stage.arrived(11) == [1]


async def test_who_is_not_let_in(secure: Secure) -> None:
    """A wrong password, no certificate, another authority and another host than the certificate's are refused."""
    with authority() as stranger:
        for wrong in (
            secure.url(password="hunter2"),
            secure.url(ssl_certfile=None, ssl_keyfile=None),
            secure.url(ssl_ca_certs=stranger.certificate),
            secure.url(host="127.0.0.1"),
        ):
            redis = connect(Settings(redis_url=wrong))
            with pytest.raises((RedisError, OSError)):
                await redis.ping()
            await redis.aclose()
    whoever = connect(Settings(redis_url=secure.url(host="127.0.0.1", ssl_check_hostname="false")))
    assert await whoever.info("server")
    await whoever.aclose()


async def test_a_wrong_password_is_told(stage: Stage, secure: Secure) -> None:
    """A run with it exits 2, says why Redis cannot be used, and shows neither this password nor the right one."""
    run = stage.run("worker", "--once", REDIS_URL=secure.url(password="hunter2"))
    assert run.code == 2
    (line,) = [line for line in map(json.loads, run.out.splitlines()) if line["event"] == "redis_failed"]
    assert line["error"] == "AuthenticationError"
    assert "hunter2" not in run.out + run.err


def test_a_file_that_is_not_there_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that names a file which cannot be read is malformed, and the parameter is named."""
    monkeypatch.setenv("REDIS_URL", "rediss://localhost?ssl_ca_certs=/nowhere/ca.crt")
    with pytest.raises(SettingsError, match=r"^REDIS_URL is malformed: the file of its ssl_ca_certs is not there, or"):
        load()
