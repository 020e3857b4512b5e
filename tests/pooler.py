"""Debian's PgBouncer in front of the PostgreSQL of the tests."""

import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workers.embedded.engine import Postgres, free_port, temporary_folder

PROGRAM = Path("/usr/sbin/pgbouncer")
SYSTEM_USER = "nobody"
"""PgBouncer refuses to run as root."""
START_TIMEOUT_S = 60.0

# Round robin: a transaction gets another session than the one before whenever there are two, so that nothing works by
# luck. No startup parameter is ignored: what needs one fails. Databases live for seconds, and so do outages.
CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = {mode}
server_round_robin = 1
max_client_conn = 2000
default_pool_size = 80
server_idle_timeout = 5
autodb_idle_timeout = 10
server_login_retry = 1
query_wait_timeout = 5
"""


@dataclass(frozen=True, slots=True)
class Pooler:
    """A PgBouncer that runs."""

    port: int

    def url(self, database: str = "postgres") -> str:
        """Name a database behind it as `DATABASE_URL` wants it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}?pgbouncer=true"


@contextmanager
def pgbouncer(server: Postgres, mode: str = "transaction") -> Iterator[Pooler]:
    """Run a PgBouncer for as long as the block lasts."""
    port = free_port()
    with temporary_folder("vestnik-pgbouncer-") as folder:
        users, configuration, log = folder / "users.txt", folder / "pgbouncer.ini", folder / "pgbouncer.log"
        users.write_text('"postgres" ""\n')
        configuration.write_text(CONFIGURATION.format(server=server.port, port=port, users=users, mode=mode))
        user = SYSTEM_USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        with log.open("wb") as lines:
            running = subprocess.Popen([str(PROGRAM), str(configuration)], stdout=lines, stderr=lines, user=user)
        try:
            _wait_until_it_listens(running, log)
            yield Pooler(port)
        finally:
            running.terminate()
            running.wait()


def _wait_until_it_listens(running: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while "process up" not in log.read_text():
        if running.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PgBouncer did not start: {log.read_text()}")
        time.sleep(0.02)
