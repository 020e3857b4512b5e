"""`vestnik doctor` against real engines and a Bot API."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from telegram.webhook import Webhook, fault_of
from tests.integration.stage import Stage
from workers.doctor import Level
from workers.doctor.bot import judge
from workers.doctor.secret import look_at_secrets
from workers.settings import Settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OURS = "https://bot.example/telegram"


async def test_all_is_well_on_a_running_installation(stage: Stage) -> None:
    """Every check is ok, and the command ends with 0."""
    told = stage.run("doctor", "--json")
    assert told.code == 0, told
    assert {found["check"]: found["level"] for found in told.facts} == {
        "settings": "ok",
        "catalog": "ok",
        "postgres": "ok",
        "schema": "ok",
        "cursor": "ok",
        "redis": "ok",
        "bot": "ok",
        "updates": "ok",
    }


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
    [failed] = [found for found in told.facts if found["level"] == "fail"]
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
        (None, Webhook("", 3), Level.OK, "wait for a poller, 3 at present"),
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
