"""The webhook: Telegram sends updates to us; whoever does not know the secret is told nothing."""

import hashlib
import hmac
import json
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from fastapi import APIRouter, Request, Response

from health import Metrics
from telegram.bot.error import StoreAwayError
from telegram.bot.update_intake import UpdateIntake

HEADER = "X-Telegram-Bot-Api-Secret-Token"
LABEL = b"vestnik webhook"
"""What makes the secret of a token another one than any other use of it."""
MOST_BYTES = 1024 * 1024


def secret_of(token: str) -> str:
    """Make the secret that Telegram shows with each update, from what we both know: it needs no setting."""
    return hmac.new(token.encode(), LABEL, hashlib.sha256).hexdigest()


def path_of(url: str) -> str:
    """Tell the path on which updates come in."""
    return unquote(urlsplit(url).path) or "/"


def webhook_router(
    path: str, secret: str, reception: UpdateIntake, metrics: Metrics, ready: Callable[[], bool]
) -> APIRouter:
    """Build the page that Telegram posts updates to; until it is `ready`, Telegram shall come again."""
    router = APIRouter()
    expected = secret.encode()

    @router.post(path)
    async def receive(request: Request) -> Response:
        given = request.headers.get(HEADER, "").encode("latin-1")
        if not hmac.compare_digest(given, expected):
            metrics.webhook_refused.inc()
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        if not ready():
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        body = await read_body(request)
        if body is None:
            return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return Response(status_code=await _take(reception, body))

    return router


async def read_body(request: Request) -> bytes | None:
    """Read what was posted; None where it is longer than any update."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


async def _take(reception: UpdateIntake, body: bytes) -> HTTPStatus:
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError):
        raw = None  # counted as one that cannot be read
    try:
        await reception.take(raw)
    except StoreAwayError:
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.OK
