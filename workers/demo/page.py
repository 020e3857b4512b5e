"""The demo's application: a page on which one person connects Telegram and lets events happen."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment

from health import NO_TELEMETRY
from outbox import binding
from outbox.catalog.load import Catalog
from outbox.database.connection import Pool
from outbox.delivery.channel import Channel
from outbox.event_log import event
from outbox.link import chat_link

SEE_OTHER = 303
TEMPLATE = Environment(autoescape=True).from_string(
    files("workers.demo").joinpath("page.html").read_text(encoding="utf-8")
)


@dataclass(frozen=True, slots=True)
class Application:
    """What an application has that uses Vestnik: a database, a catalog, and here a single user."""

    pool: Pool
    catalog: Catalog
    recipient: str
    bot: str
    """The bot's username."""
    link_base: str

    def types(self) -> Mapping[str, str]:
        """Name the event types that go to Telegram, with what their samples say."""
        return {
            name: self.catalog.title(name, "en", known.sample)
            for name, known in self.catalog.types.items()
            if Channel.TELEGRAM in known.channels and known.sample
        }


def build_app(application: Application) -> FastAPI:
    """Build the page over an application."""
    app = FastAPI(title="Vestnik demo", openapi_url=None, telemetry=NO_TELEMETRY)

    @app.get("/")
    async def show(emitted: int | None = None) -> HTMLResponse:
        async with application.pool.acquire() as conn:
            linked = await chat_link.of_recipient(conn, application.recipient)
        page = TEMPLATE.render(
            recipient=application.recipient, linked=linked, emitted=emitted, types=application.types()
        )
        return HTMLResponse(page)

    @app.post("/connect")
    async def connect() -> RedirectResponse:
        async with application.pool.acquire() as conn:
            token = await binding.request(conn, application.recipient)
        return RedirectResponse(binding.address(application.link_base, application.bot, token), SEE_OTHER)

    @app.post("/emit")
    async def emit(type: str) -> RedirectResponse:  # noqa: A002 (the word of the contract)
        if type not in application.types():
            raise HTTPException(404, "the catalog has no such type for Telegram")
        sample = application.catalog.types[type].sample
        async with application.pool.acquire() as conn:
            event_id = await event.emit(conn, type, [application.recipient], dict(sample))
        return RedirectResponse(f"/?emitted={event_id}", SEE_OTHER)

    return app
