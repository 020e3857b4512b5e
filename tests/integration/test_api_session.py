"""A Mini App of the bot signs its user in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from outbox.database.connection import Connection
from outbox.link import chat_link
from outbox.link.chat_link import How
from outbox.person import recipient
from outbox.person.recipient import Profile
from telegram.simulator import DEVELOPMENT_TOKEN
from tests.integration.api_stage import JWT_SECRET, ApiStage, Reply, api_settings, api_stage
from tests.unit.test_mini_app import signed as signed_at

ANNA = 101


def signed(user: int, age: timedelta = timedelta(0), token: str = DEVELOPMENT_TOKEN) -> str:
    """Sign `initData` so long ago."""
    at = int((datetime.now(UTC) - age).timestamp())
    return signed_at({"id": user, "first_name": "Anna"}, token=token, auth_date=str(at))


async def sign_in(api: ApiStage, init_data: Any) -> Reply:
    """Sign in as a Mini App does."""
    return await api.post("/api/telegram/session", json={"initData": init_data})


@pytest.fixture
async def anna(conn: Connection) -> None:
    """Let Anna have linked her chat."""
    await recipient.save(conn, [Profile("anna", chat_id=ANNA)])


@pytest.mark.usefixtures("anna")
async def test_whoever_has_linked_their_chat_gets_a_short_token(api: ApiStage) -> None:
    """It is theirs, opens their inbox, and lasts for a quarter of an hour."""
    reply = await sign_in(api, signed(ANNA))
    assert reply.status == 200
    assert set(reply.data) == {"token", "expiresAt"}
    claims = jwt.decode(reply.data["token"], JWT_SECRET, algorithms=["HS256"])
    assert claims["sub"] == "anna"
    assert claims["exp"] - claims["iat"] == 900
    told = datetime.fromisoformat(reply.data["expiresAt"]).timestamp()
    assert 0 <= claims["exp"] - told <= 1
    assert (await api.get("/api/telegram/link", token=reply.data["token"])).data["linked"] is True


async def test_whoever_has_no_link_is_not_found(api: ApiStage, conn: Connection, anna: None) -> None:  # noqa: ARG001 (she is there)
    """NOT_FOUND for a user of Telegram whom nobody knows, and for one who is linked no more."""
    assert (await sign_in(api, signed(102))).code == "NOT_FOUND"
    found = await chat_link.of_recipient(conn, "anna")
    assert found is not None
    await chat_link.disconnect(conn, found, How.API)
    assert (await sign_in(api, signed(ANNA))).code == "NOT_FOUND"


@pytest.mark.usefixtures("anna")
async def test_data_that_does_not_hold(api: ApiStage) -> None:
    """Signed for another bot, too old, from the future, changed or empty, it is UNAUTHORIZED."""
    for init_data in (
        signed(ANNA, token="1000000002:AAtheTokenOfAnotherBotAltogether000"),
        signed(ANNA, timedelta(minutes=61)),
        signed(ANNA, timedelta(minutes=-1)),
        signed(102).replace("102", str(ANNA)),
        "",
    ):
        reply = await sign_in(api, init_data)
        assert (reply.status, reply.code) == (401, "UNAUTHORIZED")


async def test_data_that_is_too_long(api: ApiStage) -> None:
    """It is a VALIDATION_ERROR."""
    assert (await sign_in(api, "x" * 16_385)).code == "VALIDATION_ERROR"


@pytest.mark.usefixtures("anna")
async def test_without_a_bot_nothing_holds(database_url: str, redis_url: str) -> None:
    """Where no bot is set, not even what is signed with an empty token."""
    environment = api_settings(database_url, redis_url)
    del environment["TELEGRAM_BOT_TOKEN"]
    async with api_stage(environment) as api:
        for token in ("", DEVELOPMENT_TOKEN):
            assert (await sign_in(api, signed(ANNA, token=token))).code == "UNAUTHORIZED"
