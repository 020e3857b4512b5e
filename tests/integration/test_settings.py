"""Settings from the environment, from files and from systemd credentials."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.stage import Stage
from workers.configuration.settings import SECRETS, Settings, SettingsError, load

SECRET = "hunter2"
SHAPED = {
    "DATABASE_URL": f"postgresql://vestnik:{SECRET}@localhost/app",
    "REDIS_URL": f"redis://:{SECRET}@localhost",
    "TELEGRAM_BOT_TOKEN": f"123:{SECRET}",
    "OUTBOX_CONSUMER_SECRET": SECRET,
    "INBOX_JWT_SECRET": SECRET,
}
SETTINGS = {
    *SECRETS,
    "BOT_RATE",
    "CATALOG_DIR",
    "CHAT_RATE",
    "GROUP_RATE_PER_MINUTE",
    "HEALTH_FILE",
    "HTTP_BIND",
    "INBOX_JWT_AUDIENCE",
    "INBOX_ORIGINS",
    "INBOX_RATE",
    "INSTANCE",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "METRICS_BIND",
    "METRICS_TEXTFILE",
    "OPERATORS",
    "PAID_BROADCAST",
    "RETENTION",
    "RETENTION_UNREAD",
    "RETRY_SCHEDULE",
    "TELEGRAM_API_BASE",
    "UNLINK_GUARD_SHARE",
}


class Environment:
    """The process's environment, with nothing of ours in it but what a test puts there."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        for name in SETTINGS | {f"{name}_FILE" for name in SECRETS} | {"CREDENTIALS_DIRECTORY"}:
            patch.delenv(name, raising=False)

    def load(self, **values: str) -> Settings:
        """Read the settings from these variables."""
        for name, value in values.items():
            self._patch.setenv(name, value)
        return load()


@pytest.fixture
def environment() -> Iterator[Environment]:
    """Give an environment in which nothing is set."""
    with pytest.MonkeyPatch.context() as patch:
        yield Environment(patch)


def test_what_is_not_set_has_the_documented_default(environment: Environment) -> None:
    """Telegram's public Bot API at 25 messages a second, one to a chat, 18 a minute to a group, free of charge."""
    found = environment.load()
    assert found.api_base == "https://api.telegram.org"
    assert (found.bot_rate, found.chat_rate, found.group_rate_per_minute) == (25, 1, 18)
    assert (found.paid_broadcast, found.log_level, found.log_format) == (False, "info", "json")
    assert (found.health_file, found.http_bind, found.metrics_bind) == (None, None, None)
    waits = [wait.total_seconds() for wait in found.retry_schedule]
    assert waits == [5, 30, 120, 600, 3600, 21600]
    assert (found.operators, found.unlink_guard_share) == ((), 0.05)
    assert (found.retention, found.retention_unread) == (timedelta(days=30), timedelta(days=180))


def test_every_setting_comes_from_its_variable(environment: Environment) -> None:
    """What stands in the environment by the contract's names is taken."""
    found = environment.load(
        DATABASE_URL="postgresql://a/b",
        TELEGRAM_API_BASE="http://127.0.0.1:8081/",
        BOT_RATE="30.5",
        PAID_BROADCAST="true",
        HEALTH_FILE="/run/vestnik/health.json",
        RETRY_SCHEDULE="1,2.5",
        OPERATORS="op-1, Анна ,,op-1",
        UNLINK_GUARD_SHARE="1",
        RETENTION="90m",
        RETENTION_UNREAD="36500d",
        INSTANCE="w-1",
    )
    assert found.secret("DATABASE_URL") == "postgresql://a/b"
    assert found.api_base == "http://127.0.0.1:8081"
    assert (found.bot_rate, found.paid_broadcast, found.instance) == (30.5, True, "w-1")
    assert found.health_file == Path("/run/vestnik/health.json")
    assert found.retry_schedule == (timedelta(seconds=1), timedelta(seconds=2.5))
    assert (found.operators, found.unlink_guard_share) == (("op-1", "Анна"), 1)
    assert (found.retention, found.retention_unread) == (timedelta(minutes=90), timedelta(days=36_500))


@pytest.mark.parametrize("nobody", ["", " ", ",", " , ,"])
def test_no_operator_is_an_empty_one(environment: Environment, nobody: str) -> None:
    """Blanks and commas alone name nobody."""
    assert environment.load(OPERATORS=nobody).operators == ()


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_stand_in_a_file(environment: Environment, tmp_path: Path, name: str) -> None:
    """`NAME_FILE` names a file with the secret; the line's end is no part of it."""
    (tmp_path / "secret").write_text(f"{SHAPED[name]}\n")
    assert environment.load(**{f"{name}_FILE": str(tmp_path / "secret")}).secret(name) == SHAPED[name]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_be_a_systemd_credential(environment: Environment, tmp_path: Path, name: str) -> None:
    """A file of the setting's name in CREDENTIALS_DIRECTORY is the secret."""
    (tmp_path / name).write_text(f"{SHAPED[name]}\n")
    assert environment.load(CREDENTIALS_DIRECTORY=str(tmp_path)).secret(name) == SHAPED[name]


def test_the_nearest_source_of_a_secret_wins(environment: Environment, tmp_path: Path) -> None:
    """The variable goes before the named file, the named file before the credential."""
    (tmp_path / "REDIS_URL").write_text("redis://from-the-credential")
    (tmp_path / "file").write_text("redis://from-the-file")
    assert environment.load(CREDENTIALS_DIRECTORY=str(tmp_path)).secret("REDIS_URL") == "redis://from-the-credential"
    assert environment.load(REDIS_URL_FILE=str(tmp_path / "file")).secret("REDIS_URL") == "redis://from-the-file"
    assert environment.load(REDIS_URL="redis://from-the-variable").secret("REDIS_URL") == "redis://from-the-variable"


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", ["", None], ids=["empty", "missing"])
def test_a_missing_secret_is_named(environment: Environment, tmp_path: Path, name: str, value: str | None) -> None:
    """A secret that is asked for and is not set, or empty, is named together with its other sources."""
    found = environment.load(CREDENTIALS_DIRECTORY=str(tmp_path), **({} if value is None else {name: value}))
    with pytest.raises(SettingsError, match=f"^{name} is not set .*{name}_FILE"):
        found.secret(name)


def test_an_empty_file_holds_no_secret(environment: Environment, tmp_path: Path) -> None:
    """A secret's file without contents is as good as none."""
    (tmp_path / "secret").write_text("\n")
    found = environment.load(REDIS_URL_FILE=str(tmp_path / "secret"))
    with pytest.raises(SettingsError, match=r"^REDIS_URL is not set"):
        found.secret("REDIS_URL")


def test_a_file_that_cannot_be_read_is_named(environment: Environment, tmp_path: Path) -> None:
    """A named file that is missing, a directory, or no text ends the start with the variable's name."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe" + SECRET.encode())
    for wrong in (tmp_path / "missing", tmp_path, tmp_path / "binary"):
        with pytest.raises(SettingsError, match=r"^REDIS_URL_FILE cannot be read") as told:
            environment.load(REDIS_URL_FILE=str(wrong))
        assert SECRET not in str(told.value)


def test_no_secret_shows(environment: Environment) -> None:
    """Neither the settings nor a fault about one of them ever show a secret."""
    found = environment.load(**SHAPED)
    assert SECRET not in f"{found!r} {found!s} {found.model_dump()} {found.model_dump_json()}"
    with pytest.raises(SettingsError) as told:
        environment.load(BOT_RATE="fast")
    fault: BaseException | None = told.value
    assert SECRET not in f"{fault!r} {fault.__cause__ if fault else None!r}"


WRONG = [
    ("BOT_RATE", "fast"),
    ("BOT_RATE", "0"),
    ("BOT_RATE", "nan"),
    ("BOT_RATE", "inf"),
    ("CHAT_RATE", "-1"),
    ("GROUP_RATE_PER_MINUTE", "18/min"),
    ("PAID_BROADCAST", "perhaps"),
    ("RETRY_SCHEDULE", "5,soon"),
    ("RETRY_SCHEDULE", "5,-1"),
    ("RETRY_SCHEDULE", "nan"),
    ("RETRY_SCHEDULE", "1e300"),
    ("OPERATORS", "op\n1"),
    ("OPERATORS", "op\udc80"),
    ("OPERATORS", ",".join(map(str, range(1001)))),
    ("UNLINK_GUARD_SHARE", "0"),
    ("UNLINK_GUARD_SHARE", "1.01"),
    ("UNLINK_GUARD_SHARE", "nan"),
    ("UNLINK_GUARD_SHARE", "5%"),
    ("RETENTION", "30"),
    ("RETENTION", "-1d"),
    ("RETENTION", ""),
    ("RETENTION_UNREAD", "36501d"),
    ("RETENTION_UNREAD", "9999999999d"),
    ("TELEGRAM_API_BASE", "telegram"),
    ("TELEGRAM_API_BASE", "ftp://telegram"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_malformed_setting_is_named(environment: Environment, name: str, value: str) -> None:
    """A rate, schedule, switch or address that cannot be one is refused by its name."""
    with pytest.raises(SettingsError, match=f"^{name} is malformed: "):
        environment.load(**{name: value})


async def test_a_wrong_setting_ends_a_command_in_one_line(stage: Stage) -> None:
    """A command with a malformed or missing setting exits 1 with one line that names it."""
    malformed, missing = stage.run("status", BOT_RATE="fast"), stage.run("status", DATABASE_URL=None)
    assert (malformed.code, missing.code) == (1, 1)
    assert malformed.complaint.startswith("BOT_RATE is malformed: ")
    assert missing.complaint.startswith("DATABASE_URL is not set")


def test_secrets_that_take_turns(environment: Environment) -> None:
    """Several stand one after the other, with any space between them; the first is the one to sign with."""
    settings = environment.load(INBOX_JWT_SECRET="new\n old\tolder ", OUTBOX_CONSUMER_SECRET=" \n")
    assert settings.rotated("INBOX_JWT_SECRET") == ("new", "old", "older")
    with pytest.raises(SettingsError, match=r"^OUTBOX_CONSUMER_SECRET is malformed: it holds nothing but space$"):
        settings.rotated("OUTBOX_CONSUMER_SECRET")


def test_origins_that_may_call(environment: Environment) -> None:
    """They are listed with commas between them; without any no page may call."""
    assert environment.load().inbox_origins == ()
    origins = environment.load(INBOX_ORIGINS="https://a.example, http://localhost:3000,,http://[::1]:80").inbox_origins
    assert origins == ("https://a.example", "http://localhost:3000", "http://[::1]:80")


@pytest.mark.parametrize("wrong", ["*", "null", "a.example", "https://a.example/", "https://a.example/x", "ftp://a"])
def test_what_is_no_origin(environment: Environment, wrong: str) -> None:
    """An origin has a scheme and a host, perhaps a port, and nothing more; there is no word for all of them."""
    with pytest.raises(SettingsError, match=r"^INBOX_ORIGINS is malformed: it must be origins"):
        environment.load(INBOX_ORIGINS=f"https://good.example,{wrong}")
