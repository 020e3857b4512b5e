"""The demo's page with the bell, beside a form that emits events; a Mini App of the bot can open it too."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from inapp.session import Tokens
from outbox.catalog.load import Catalog
from outbox.database.connection import Pool
from outbox.delivery.channel import Channel
from outbox.event_log import event

FOLDER = files("workers.demo")
TEMPLATE = Environment(autoescape=True).from_string(FOLDER.joinpath("bell.html").read_text(encoding="utf-8"))
FILES = {"bell.css": "text/css", "bell.js": "text/javascript"}
"""What the page loads of this application, with its type: nothing else of the folder is served."""
SESSION = timedelta(minutes=15)
MOST = 50
"""Events at once."""
POLICY = (
    "default-src 'none'; script-src 'self' {api}; style-src 'self'; connect-src 'self' {api}; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors https://web.telegram.org; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing inline and nothing of others but the API; Telegram's web client shows a Mini App in a frame."""


@dataclass(frozen=True, slots=True)
class DemoInbox:
    """What the page needs: the one person, where their inbox is served, and what signs them in."""

    pool: Pool
    catalog: Catalog
    recipient: str
    api: str
    """Where browsers find the HTTP API."""
    tokens: Tokens

    def types(self) -> Mapping[str, str]:
        """Name the event types that go to the inbox, with what their samples say."""
        return {
            name: self.catalog.title(name, "en", known.sample)
            for name, known in self.catalog.types.items()
            if Channel.INAPP in known.channels and known.sample
        }


def build_bell(inbox: DemoInbox) -> APIRouter:
    """Build the page over somebody's inbox."""
    router = APIRouter(prefix="/bell")
    headers = {"Content-Security-Policy": POLICY.format(api=inbox.api), "X-Content-Type-Options": "nosniff"}

    @router.get("")
    async def show() -> HTMLResponse:
        return HTMLResponse(TEMPLATE.render(api=inbox.api, types=inbox.types()), headers=headers)

    @router.get("/{name}")
    async def load(name: str) -> Response:
        if name not in FILES:
            raise HTTPException(404, f"the page has no file {name}")
        return Response(FOLDER.joinpath(name).read_bytes(), media_type=FILES[name], headers=headers)

    @router.post("/session")
    async def sign_in() -> dict[str, object]:
        return {"ok": True, "data": {"token": inbox.tokens.issue(inbox.recipient, SESSION)}}

    @router.post("/emit")
    async def emit(
        type: str,  # noqa: A002 (the word of the contract)
        count: Annotated[int, Query(ge=1, le=MOST)] = 1,
    ) -> dict[str, object]:
        if type not in inbox.types():
            raise HTTPException(404, "the catalog has no such type for the inbox")
        sample = dict(inbox.catalog.types[type].sample)
        async with inbox.pool.acquire() as conn:
            return {"events": [await event.emit(conn, type, [inbox.recipient], sample) for _ in range(count)]}

    return router
