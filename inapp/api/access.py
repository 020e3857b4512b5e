"""Who may ask: an end user with a token, the application with its secret."""

import hmac
import time
from math import ceil
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from inapp.api.dependencies import Dependencies, surroundings
from inapp.api.error import ApiError, Code
from inapp.session import Session, SessionError
from outbox.person import forgotten

NEEDS_SESSION = (Code.UNAUTHORIZED, Code.STALE_SESSION)
"""What whoever comes with a person's token may be refused with, for `responses`."""

World = Annotated[Dependencies, Depends(surroundings)]

_user = HTTPBearer(
    scheme_name="endUser",
    bearerFormat="JWT",
    auto_error=False,
    description="The end user's: JWT, HS256; `sub` is the recipient, `exp` its end.",
)
_application = HTTPBearer(
    scheme_name="application", auto_error=False, description="The application's: any of `OUTBOX_CONSUMER_SECRET`."
)


async def _session(world: World, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_user)]) -> Session:
    if given is None:
        raise ApiError(Code.UNAUTHORIZED, "send Authorization: Bearer with the person's token")
    try:
        session = world.tokens.read(given.credentials)
    except SessionError as fault:
        raise ApiError(Code.UNAUTHORIZED, str(fault)) from None
    early = world.rate.take(session.recipient, time.monotonic())
    if early:
        raise ApiError(Code.RATE_LIMITED, "too many requests with this token", retry_after=ceil(early))
    await _require_known(world, session)
    return session


async def _require_known(world: Dependencies, session: Session) -> None:
    """Refuse a token from before its person was forgotten."""
    async with world.pool.acquire() as conn:
        forgotten_at = await forgotten.since(conn, session.recipient)
    if session.is_from_before(forgotten_at):
        raise ApiError(Code.STALE_SESSION, "the person was forgotten after this token was issued: sign in anew")


async def _application_only(
    world: World, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_application)]
) -> None:
    # as it came: a header's bytes are told as Latin-1
    secret = b"" if given is None else given.credentials.encode("latin-1")
    # all of them, so that the time says nothing about which one came near
    matches = [hmac.compare_digest(secret, known.encode()) for known in world.consumer_secrets]
    if not any(matches):
        raise ApiError(Code.UNAUTHORIZED, "send Authorization: Bearer with OUTBOX_CONSUMER_SECRET")


SignedIn = Annotated[Session, Depends(_session)]
"""Everything that the token says."""


async def _person(session: SignedIn) -> str:
    return session.recipient


Person = Annotated[str, Depends(_person)]
"""The recipient that the token names."""

ApplicationOnly = Depends(_application_only)
"""For `dependencies=[ApplicationOnly]` of a router."""
