"""The application: every endpoint, its middleware, and what it refuses with."""

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from health import NO_TELEMETRY, VERSION, probe_router
from inapp.api import consumers, documentation, events, notifications, preferences, sessions, stream, telegram, web
from inapp.api.body import BodyLimit
from inapp.api.dependencies import Dependencies
from inapp.api.envelope import install
from inapp.api.request_id import RequestIds
from inapp.api.trace import HEADER as TRACE
from inapp.api.trace import Traces
from inapp.api.traffic import Traffic
from outbox.event_log.request_header import REQUEST_ID

ROUTERS = (notifications, stream, preferences, telegram, sessions, events, consumers, web)


def build_api(world: Dependencies) -> FastAPI:
    """Build the HTTP API over its surroundings."""
    app = FastAPI(
        title="Vestnik",
        version=VERSION,
        description="Notifications, preferences and Telegram links of an application's users; events and consumers.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    app.state.surroundings = world
    install(app)
    for part in ROUTERS:
        app.include_router(part.router)
    app.include_router(documentation.build(app))
    app.include_router(probe_router(world.health), include_in_schema=False)
    # the last one is the outermost: a fault's answer has the origin and the id too
    app.add_middleware(BodyLimit)
    app.add_middleware(Traffic, metrics=world.metrics)
    app.add_middleware(Traces, spans=world.spans)
    if world.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(world.origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID", REQUEST_ID, TRACE],
            expose_headers=[REQUEST_ID, "Retry-After"],
        )
    app.add_middleware(RequestIds)
    return app
