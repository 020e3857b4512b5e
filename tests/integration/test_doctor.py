"""`vestnik doctor` against real engines and a Bot API."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from outbox.database.connection import Connection, connect
from outbox.database.pooler import Pooler
from outbox.schema import migration
from telegram.webhook import Webhook, fault_of
from tests.integration.stage import Stage
from workers.configuration.settings import Settings
from workers.doctor import Level
from workers.doctor.bot_check import judge
from workers.doctor.pooler_check import judge as judge_pooler
from workers.doctor.pooler_check import look_at_pooler
from workers.doctor.privilege_check import look_at_rights
from workers.doctor.redis_check import judge_memory, judge_version
from workers.doctor.secret_check import look_at_files, look_at_secrets
from workers.doctor.server_check import Server, judge_clock, look_at_server
from workers.doctor.server_check import judge as judge_server
from workers.embedded import engine

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OURS = "https://bot.example/telegram"


@asynccontextmanager
async def working(url: str) -> AsyncIterator[str]:
    """Make a login as the documentation has it: a worker's rights, and the sight of others' transactions."""
    login, parts = f"doctor_{uuid.uuid4().hex}", urlsplit(url)
    conn = await connect(url)
    await conn.execute(f"create role {login} login in role outbox_worker, pg_read_all_stats")
    yield parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}").geturl()
    await conn.execute(f"drop role {login}")
    await conn.close()


@pytest.fixture
async def worker_url(direct_url: str) -> AsyncIterator[str]:
    """Make a worker's login to the test's database; a pooler would have to be told of it."""
    async with working(direct_url) as url:
        yield url


async def test_all_is_well_on_a_running_installation(stage: Stage, postgres_binaries: Path | None) -> None:
    """On a server that gives nothing up, every check is ok and the command ends with 0."""
    with engine.postgres(binaries=postgres_binaries) as server:
        conn = await connect(server.url())
        await migration.migrate(conn)
        await conn.close()
        async with working(server.url()) as url:
            told = stage.run("doctor", "--json", DATABASE_URL=url)
    assert told.code == 0, told
    assert {found["check"]: found["level"] for found in told.facts} == {
        "packages": "ok",
        "settings": "ok",
        "catalog": "ok",
        "postgres": "ok",
        "server": "ok",
        "clock": "ok",
        "roles": "ok",
        "schema": "ok",
        "cursor": "ok",
        "pooler": "ok",
        "redis": "ok",
        "redis memory": "ok",
        "bot": "ok",
        "updates": "ok",
    }


async def test_a_worker_needs_no_more_than_its_role(stage: Stage, worker_url: str) -> None:
    """A login with `outbox_worker` alone delivers what is due and proves it."""
    await stage.people({"anna": 1})
    await stage.emit(1, "anna")
    once = stage.run("worker", "--once", DATABASE_URL=worker_url)
    assert once.code == 0, once
    assert await stage.arrived(1) == [1]
    assert stage.run("prove", DATABASE_URL=worker_url).code == 0


@pytest.mark.parametrize(
    ("taken", "level", "says"),
    [
        ("outbox_worker", Level.FAIL, "may not use the schema outbox"),
        ("pg_read_all_stats", Level.WARN, "does not see others' open transactions"),
    ],
)
async def test_a_right_that_is_missing_is_named(
    stage: Stage, worker_url: str, taken: str, level: Level, says: str
) -> None:
    """A login that may do too little, or sees too little, is told which role it lacks."""
    login = urlsplit(worker_url).username
    await stage.conn.execute(f"revoke {taken} from {login}")
    theirs = await connect(worker_url)
    [found] = await look_at_rights(theirs)
    await theirs.close()
    assert (found.level, found.todo) == (level, f'grant {taken} to "{login}"')
    assert says in found.says


async def test_a_table_that_is_closed_is_named(stage: Stage, worker_url: str) -> None:
    """One table that the worker may read but not write is enough."""
    await stage.conn.execute("revoke update on outbox.lane from outbox_worker")
    theirs = await connect(worker_url)
    [found] = await look_at_rights(theirs)
    await theirs.close()
    assert found.level is Level.FAIL
    assert found.says.endswith("may not read and write outbox.lane")


async def test_a_superuser_may_do_too_much(conn: Connection) -> None:
    """A login that may do everything works, but somebody should look."""
    [found] = await look_at_rights(conn)
    assert (found.level, found.says) == (Level.WARN, "postgres is a superuser")


async def test_a_server_that_loses_commits_is_named(conn: Connection) -> None:
    """The server itself is asked: the tests' own gives up what a crash would need."""
    server, clock = await look_at_server(conn)
    assert (server.level, server.todo) == (Level.FAIL, "set fsync = on")
    assert clock.level is Level.OK


@pytest.mark.parametrize(
    ("found", "said", "level", "todo"),
    [
        (Pooler.NONE, False, Level.OK, ""),
        (Pooler.NONE, True, Level.WARN, "take pgbouncer=true out of DATABASE_URL"),
        (Pooler.TRANSACTION, True, Level.OK, ""),
        (Pooler.SESSION, True, Level.WARN, "set pool_mode = transaction for this database"),
        (Pooler.TRANSACTION, False, Level.FAIL, "add pgbouncer=true to the parameters of DATABASE_URL"),
        (Pooler.SESSION, False, Level.FAIL, "add pgbouncer=true to the parameters of DATABASE_URL"),
    ],
)
def test_what_stands_between_is_compared_with_the_address(found: Pooler, said: bool, level: Level, todo: str) -> None:  # noqa: FBT001 (a case)
    """PgBouncer works where the address names it; each other pair has its remedy."""
    finding = judge_pooler(found, said=said)
    assert (finding.level, finding.todo) == (level, todo)


async def test_what_stands_between_is_found_out(database_url: str, direct_url: str) -> None:
    """Asked of a server itself, also with an address that says otherwise."""
    assert (await look_at_pooler(direct_url)).level is Level.OK
    assert (await look_at_pooler(f"{direct_url}?pgbouncer=true")).level is Level.WARN
    assert (await look_at_pooler(database_url)).level is Level.OK


SOUND = Server(standby=False, fsync=True, synchronous_commit="on", autovacuum=True, forgotten_prepared=0)


@pytest.mark.parametrize(
    ("server", "level", "says"),
    [
        (SOUND, Level.OK, "what is committed lasts"),
        (SOUND._replace(synchronous_commit="local"), Level.OK, "what is committed lasts"),
        (SOUND._replace(standby=True), Level.FAIL, "is a standby"),
        (SOUND._replace(fsync=False), Level.FAIL, "fsync is off"),
        (SOUND._replace(synchronous_commit="off"), Level.WARN, "synchronous_commit is off"),
        (SOUND._replace(autovacuum=False), Level.WARN, "autovacuum is off"),
        (SOUND._replace(forgotten_prepared=2), Level.WARN, "2 prepared transactions"),
    ],
)
def test_a_server_that_is_set_up_wrong_is_named(server: Server, level: Level, says: str) -> None:
    """Each setting that a promise or the tables' size hangs on is judged for itself."""
    found = judge_server(server)
    assert found.level is level
    assert found.says.startswith(says)
    assert bool(found.todo) is (level is not Level.OK)


@pytest.mark.parametrize(
    ("theirs", "level", "says"),
    [
        (0.5, Level.OK, "PostgreSQL and this machine agree"),
        (3.0, Level.OK, "PostgreSQL and this machine agree"),
        (-1.5, Level.OK, "PostgreSQL and this machine agree"),
        (3.5, Level.WARN, "PostgreSQL's is 2.5 s ahead of this machine's"),
        (-61.0, Level.FAIL, "PostgreSQL's is 61.0 s behind this machine's"),
    ],
)
def test_clocks_that_disagree_are_named(theirs: float, level: Level, says: str) -> None:
    """Of the difference, what the question itself took (here a second) is nobody's fault."""
    found = judge_clock(NOW, NOW + timedelta(seconds=theirs), NOW + timedelta(seconds=1))
    assert (found.level, found.says) == (level, says)


@pytest.mark.parametrize(
    ("info", "level", "says"),
    [
        ({"maxmemory_policy": "noeviction", "maxmemory": 0, "used_memory": 9}, Level.OK, "maxmemory-policy noeviction"),
        ({"maxmemory_policy": "allkeys-lru", "maxmemory": 0}, Level.WARN, "maxmemory-policy allkeys-lru: "),
        ({"maxmemory_policy": "volatile-ttl", "maxmemory": 0}, Level.WARN, "maxmemory-policy volatile-ttl: "),
        ({"maxmemory_policy": "noeviction", "maxmemory": 100, "used_memory": 91}, Level.WARN, "is nearly full"),
        ({"maxmemory_policy": "noeviction", "maxmemory": 100, "used_memory": 90}, Level.OK, "maxmemory-policy noev"),
    ],
)
def test_a_redis_that_forgets_is_named(info: dict[str, object], level: Level, says: str) -> None:
    """Eviction loses no message, but the pace of the sends; a full Redis stops them."""
    found = judge_memory(info)
    assert found.level is level
    assert found.says.startswith(says)


@pytest.mark.parametrize(
    ("info", "says"),
    [
        ({"redis_version": "6.0.16"}, "Redis 6.0.16"),
        ({"redis_version": "7.0.15", "cluster_enabled": 1}, "Redis 7.0.15 is a cluster"),
        ({"redis_version": "7.2.4", "valkey_version": "8.0.1", "role": "slave"}, "Valkey 8.0.1 is a replica"),
    ],
)
def test_a_redis_that_will_not_do_is_named(info: dict[str, object], says: str) -> None:
    """One that is too old, a cluster or a replica fails the check."""
    found = judge_version(info)
    assert found.level is Level.FAIL
    assert found.says.startswith(says)


@pytest.mark.parametrize(
    ("mode", "level", "says"),
    [
        (0o600, Level.OK, "only their owner may read them"),
        (0o400, Level.OK, "only their owner may read them"),
        (0o640, Level.WARN, "the file of REDIS_URL may be read by others: its mode is 640"),
        (0o604, Level.WARN, "the file of REDIS_URL may be read by others: its mode is 604"),
    ],
)
def test_a_secret_that_others_may_read_is_named(tmp_path: Path, mode: int, level: Level, says: str) -> None:
    """The file of a secret is for its owner alone, whether a setting names it or systemd gave it."""
    file = tmp_path / "REDIS_URL"
    file.write_text("redis://localhost")
    file.chmod(mode)
    for environment in ({"REDIS_URL_FILE": str(file)}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}):
        [found] = look_at_files(environment)
        assert (found.level, found.says) == (level, says)
        assert (found.todo == f"chmod 600 {file}") is (level is Level.WARN)


def test_secrets_in_the_environment_are_no_files(tmp_path: Path) -> None:
    """The variable comes before a credential, and then the file is not looked at."""
    (tmp_path / "REDIS_URL").touch(0o644)
    assert look_at_files({"REDIS_URL": "redis://x", "CREDENTIALS_DIRECTORY": str(tmp_path)}) == []


@pytest.mark.parametrize(
    ("setting", "value", "check", "says"),
    [
        ("DATABASE_URL", "postgresql://postgres:secret@127.0.0.1:1/x", "postgres", "out of reach: Connection"),
        ("REDIS_URL", "redis://:secret@127.0.0.1:1", "redis", "out of reach: ConnectionError"),
        ("TELEGRAM_BOT_TOKEN", "1:wrong", "bot", "getMe: bot_refused"),
        ("TELEGRAM_API_BASE", "http://127.0.0.1:1", "bot", "getMe: unavailable"),
        ("CATALOG_DIR", "/nowhere", "catalog", "catalog.toml"),
        ("WEBHOOK_URL", "http://10.0.0.1/x", "updates", "no webhook; WEBHOOK_URL is not in use: Telegram sends"),
        ("BOT_RATE", "-1", "settings", "BOT_RATE is malformed"),
    ],
)
async def test_each_fault_is_named_with_what_to_do(
    stage: Stage, setting: str, value: str, check: str, says: str
) -> None:
    """One wrong setting is one failed check, with a remedy and without the secret; the command ends with 1."""
    told = stage.run("doctor", "--json", **{setting: value})
    assert told.code == 1, told
    # the tests' own server gives up fsync
    [failed] = [found for found in told.facts if found["level"] == "fail" and found["check"] != "server"]
    assert failed["check"] == check
    assert says in failed["says"]
    assert failed["todo"]
    assert "secret" not in told.out + told.err


async def test_a_schema_that_is_behind_is_named(stage: Stage) -> None:
    """A migration that is missing fails the schema's check and names the command."""
    await stage.conn.execute("delete from outbox.migration where number = 8")
    told = stage.run("doctor", "--json")
    [schema] = [found for found in told.facts if found["check"] == "schema"]
    assert (schema["level"], schema["todo"]) == ("fail", "vestnik migrate")


async def test_a_schema_that_has_drifted_is_named(stage: Stage) -> None:
    """What somebody has changed by hand works on, and is named with where to read all of it."""
    await stage.conn.execute("drop index outbox.run_leased; alter table outbox.event add column colour text")
    told = stage.run("doctor", "--json")
    [schema] = [found for found in told.facts if found["check"] == "schema"]
    assert (schema["level"], schema["todo"]) == ("warn", "vestnik migrate --check names all")
    assert schema["says"] == "is not what the migrations give: index outbox.run_leased: missing, and 1 more"


async def test_a_schema_that_is_broken_keeps_nothing_else_from_being_looked_at(stage: Stage) -> None:
    """Where a question to PostgreSQL fails, the doctor says so, and tells what it has found before and elsewhere."""
    await stage.conn.execute("drop table outbox.cursor cascade")
    told = stage.run("doctor", "--json")
    assert told.code == 1, told
    found = [(one["check"], one["level"], one["says"]) for one in told.facts]
    assert ("postgres", "fail", "cannot be looked at: UndefinedTableError") in found
    assert [level for check, level, _ in found if check in {"schema", "redis"}] == ["warn", "ok"]


@pytest.mark.parametrize(
    ("secret", "level", "says"),
    [
        ("x" * 31, Level.WARN, "INBOX_JWT_SECRET holds a secret of 31 bytes, 32 are the least"),
        ("x" * 40 + " short", Level.WARN, "INBOX_JWT_SECRET holds a secret of 5 bytes, 32 are the least"),
        ("я" * 16, Level.OK, "is long enough"),
        ("x" * 32 + "\n" + "y" * 32, Level.OK, "2 at a time"),
    ],
)
def test_short_secrets_are_named(secret: str, level: Level, says: str) -> None:
    """Of several the shortest counts; a secret that is not set is no finding, and none is shown."""
    [found] = look_at_secrets(Settings(inbox_jwt_secret=SecretStr(secret), outbox_consumer_secret=None))
    assert (found.check, found.level, found.says) == ("inbox_jwt_secret", level, says)


@pytest.mark.parametrize(
    ("wanted", "webhook", "level", "says"),
    [
        (None, Webhook("", 0), Level.OK, "none waits for the poller"),
        (None, Webhook("", 3), Level.WARN, "3 wait, and a bot that polls takes them at once"),
        (None, Webhook(OURS), Level.FAIL, "a webhook is set, so polling is refused; WEBHOOK_URL is not set"),
        (OURS, Webhook(OURS, 0), Level.OK, "go to WEBHOOK_URL, 0 wait"),
        (OURS, Webhook(""), Level.FAIL, "Telegram has no webhook; WEBHOOK_URL is not in use"),
        (
            OURS,
            Webhook("https://other.example/"),
            Level.FAIL,
            "Telegram has another webhook; WEBHOOK_URL is not in use",
        ),
        (
            OURS,
            Webhook(OURS, 7, "Connection refused", NOW - timedelta(minutes=5)),
            Level.WARN,
            "Telegram could not deliver updates, 7 wait: Connection refused",
        ),
        (
            OURS,
            Webhook(OURS, 0, "Connection refused", NOW - timedelta(hours=2)),
            Level.OK,
            "go to WEBHOOK_URL, 0 wait",
        ),
    ],
)
def test_where_updates_go_is_compared_with_where_they_shall(
    wanted: str | None, webhook: Webhook, level: Level, says: str
) -> None:
    """A webhook that hinders polling, one that is missing and one that fails are each told apart."""
    found = judge(wanted, webhook, NOW)
    assert (found.level, found.says) == (level, says)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://bot.example/x", None),
        ("https://bot.example:8443/x", None),
        ("https://93.184.216.34/x", None),
        ("http://bot.example/x", "Telegram sends updates to https addresses only"),
        ("https://bot.example:8080/x", "Telegram sends updates to the ports 80, 88, 443, 8443 only"),
        ("https://10.0.0.7/x", "Telegram cannot reach an address of a private network"),
        ("https://localhost/x", "Telegram cannot reach an address of a private network"),
    ],
)
def test_an_address_that_telegram_refuses_is_known_beforehand(url: str, why: str | None) -> None:
    """The doctor says why Telegram will not take an address."""
    assert fault_of(url) == why
