"""Sessions: a Mini App of the bot signs its user in."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from pydantic import Field

from inapp.api.access import World
from inapp.api.envelope import Answer, Model, answer, responses
from inapp.api.error import ApiError, Code
from outbox.link import chat_link

router = APIRouter(prefix="/api/telegram", tags=["telegram"])

LIFETIME = timedelta(minutes=15)
"""A Mini App signs in anew when it is opened anew."""
LONGEST_INIT_DATA = 16_384


class Opened(Model):
    """What a Mini App was opened with."""

    init_data: str = Field(max_length=LONGEST_INIT_DATA, description="`window.Telegram.WebApp.initData`, as it is")


class SignedIn(Model):
    """A session of the person whose private chat with the bot it is."""

    token: str = Field(description="for `Authorization: Bearer`, as one of the application's own")
    expires_at: datetime


@router.post(
    "/session", responses=responses(Code.UNAUTHORIZED, Code.NOT_FOUND), summary="Sign in from a Mini App of the bot"
)
async def sign_in(opened: Opened, world: World) -> Answer[SignedIn]:
    """Give a short token to the recipient who has linked the chat of the Telegram user that `initData` names.

    `initData` is checked with the bot's token and may be an hour old.
    """
    user = world.mini_app_user(opened.init_data)
    if user is None:
        raise ApiError(Code.UNAUTHORIZED, "initData is not signed for this bot, or is more than an hour old")
    # a person's private chat has their own id
    async with world.pool.acquire() as conn:
        found = await chat_link.of_chat(conn, user)
    if found is None:
        raise ApiError(Code.NOT_FOUND, "this Telegram user is linked with nobody")
    expires_at = datetime.now(UTC).replace(microsecond=0) + LIFETIME
    return answer(SignedIn(token=world.tokens.issue(found.recipient, LIFETIME), expires_at=expires_at))
