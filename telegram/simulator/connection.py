"""The TCP connection under a request: what a dropped connection needs and ASGI does not give."""

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, HTTPScope

TRANSPORT = "transport"


def transparent_protocol() -> type[asyncio.Protocol]:
    """Give uvicorn's HTTP protocol with one addition: each scope's state holds the transport."""

    def connection_made(self: asyncio.Protocol, transport: asyncio.BaseTransport) -> None:
        AutoHTTPProtocol.connection_made(self, transport)
        state: dict[str, object] = vars(self)["app_state"]
        # The application's state is shared by all connections: this one gets its own.
        vars(self)["app_state"] = {**state, TRANSPORT: transport}

    return type("TransparentProtocol", (AutoHTTPProtocol,), {"connection_made": connection_made})


async def drop(scope: "HTTPScope", receive: "ASGIReceiveCallable") -> None:
    """Close the connection at once and wait until uvicorn knows: it would take no answer for a failure."""
    abort(scope)
    await gone(receive, None)


def abort(scope: "HTTPScope") -> None:
    """Close the connection at once, with nothing more on it."""
    transport: asyncio.Transport = scope.get("state", {})[TRANSPORT]
    transport.abort()


async def gone(receive: "ASGIReceiveCallable", seconds: float | None) -> None:
    """Wait until the client is gone, or `seconds` are over."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return
