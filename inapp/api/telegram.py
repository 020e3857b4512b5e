"""The end user's Telegram chat: linking it, looking at it, unlinking it."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from health import get_logger
from inapp.api.access import NEEDS_SESSION, Person, World
from inapp.api.dependencies import Dependencies
from inapp.api.envelope import Answer, Model, answer, responses
from inapp.api.error import ApiError, Code
from outbox import binding
from outbox.delivery.outcome import Reason
from outbox.link import chat_link
from outbox.link.chat_link import How, Link
from outbox.link.chat_state import LinkState

log = get_logger()
router = APIRouter(prefix="/api/telegram", tags=["telegram"])

ASK_AGAIN_S = 5


class Binding(Model):
    """An address that links the chat in which it is opened."""

    url: str = Field(
        description="opens the bot in Telegram; works once",
        examples=["https://t.me/market_bot?start=Yb1Q2Wc0zv5l3dGx8sTnJk7AeRfUo4Hi"],
    )
    expires_at: datetime


class LinkedChat(Model):
    """Whether a chat of Telegram belongs to the person; never which one."""

    linked: bool
    state: LinkState | None = Field(
        description="`active`: messages go out; `blocked`: the person has blocked the bot; `unreachable`: the chat is "
        "gone; `suspended`: the bot may not write there",
    )
    linked_at: datetime | None
    since: datetime | None = Field(description="since when the state is what it is")


@router.post("/binding", responses=responses(*NEEDS_SESSION, Code.NOT_FOUND))
async def post_binding(person: Person, world: World) -> Answer[Binding]:
    """Make an address that links a chat to the person; an older one of theirs is worth nothing any more."""
    # first: a token that nobody gets would only take the place of one that somebody has
    name = await _bot_name(world)
    async with world.pool.acquire() as conn:
        made = await binding.make(conn, person)
    log.info("binding_requested")
    return answer(Binding(url=binding.address(world.link_base, name, made.token), expires_at=made.expires_at))


@router.get("/link", responses=responses(*NEEDS_SESSION))
async def get_link(person: Person, world: World) -> Answer[LinkedChat]:
    """Show whether a chat is linked, and whether it can be written to."""
    async with world.pool.acquire() as conn:
        return answer(_shown(await chat_link.of_recipient(conn, person)))


@router.delete("/link", responses=responses(*NEEDS_SESSION))
async def delete_link(person: Person, world: World) -> Answer[LinkedChat]:
    """Unlink the person's chat, if there is one; what waits for it is not sent."""
    async with world.pool.acquire() as conn:
        found = await chat_link.of_recipient(conn, person)
        if found is not None and (given_up := await chat_link.disconnect(conn, found, How.API)):
            log.info("chat_unlinked")
            if given_up.skipped:
                log.info("deliveries_skipped", reason=Reason.NO_LINK, count=given_up.skipped)
        # they may have linked another one just now
        return answer(_shown(await chat_link.of_recipient(conn, person)))


async def _bot_name(world: Dependencies) -> str:
    if world.bot_username is None:
        raise ApiError(Code.NOT_FOUND, "no bot is set up here (TELEGRAM_BOT_TOKEN), so no chat can be linked")
    name = await world.bot_username()
    if name is None:
        raise ApiError(Code.UNAVAILABLE, "Telegram does not say the bot's name at present", retry_after=ASK_AGAIN_S)
    return name


def _shown(found: Link | None) -> LinkedChat:
    if found is None:
        return LinkedChat(linked=False, state=None, linked_at=None, since=None)
    return LinkedChat(linked=True, state=found.state, linked_at=found.linked_at, since=found.state_at)
