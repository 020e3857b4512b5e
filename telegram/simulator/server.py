"""The simulator's two ports in one process."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn
import uvloop

from telegram.simulator.bot_api import BotApi
from telegram.simulator.connection import transparent_protocol
from telegram.simulator.control import build_control
from telegram.simulator.options import SimulatorOptions
from telegram.simulator.world import World

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn._types import ASGIApplication

BACKLOG = 2048
LAST_ANSWERS_SECONDS = 1
"""How long calls that are held or hang may still take when the simulator ends."""


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """Where a simulator listens, and the world behind it."""

    port: int
    control_port: int
    world: World
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """Give the base URL of the Bot API."""
        return f"http://{self.host}:{self.port}"

    @property
    def control_url(self) -> str:
        """Give the base URL of the control API, without /control."""
        return f"http://{self.host}:{self.control_port}"


def build_apps(world: World) -> "tuple[BotApi, FastAPI]":
    """Build the Bot API and the control API over one world."""
    return BotApi(world), build_control(world)


@asynccontextmanager
async def running(options: SimulatorOptions) -> AsyncIterator[RunningSimulator]:
    """Run a simulator in this event loop for as long as the block lasts.

    Raises:
        OSError: a port is taken.

    """
    world = World(options)
    bot_api, control = build_apps(world)
    with _listening(options.host, options.port) as calls, _listening(options.host, options.control_port) as orders:
        servers = {_Server(_config(bot_api)): calls, _Server(_config(control)): orders}
        async with asyncio.TaskGroup() as tasks:
            for server, listener in servers.items():
                tasks.create_task(server.serve(sockets=[listener]))
            try:
                for server in servers:
                    await server.listens.wait()
                yield RunningSimulator(_port(calls), _port(orders), world, options.host)
            finally:
                world.leave()
                for server in servers:
                    server.should_exit = True


async def serve(
    options: SimulatorOptions,
    announce: Callable[[RunningSimulator], None] | None = None,
) -> None:
    """Run until SIGTERM or SIGINT; say on stdout where, once both ports listen."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(options) as simulator:
        (announce or _announce)(simulator)
        await stop.wait()


def run(options: SimulatorOptions) -> None:
    """Run a simulator as this process's only work; a taken port ends it with one line.

    Raises:
        SystemExit: a port cannot be listened on.

    """
    try:
        uvloop.run(serve(options))
    except OSError as error:
        raise SystemExit(f"the simulator cannot listen: {error.strerror or error}") from None


class _Server(uvicorn.Server):
    """A server that leaves signals to us and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Two servers in one loop would take the signal from each other and die of it twice.
        yield


def _config(app: "BotApi | FastAPI") -> uvicorn.Config:
    asgi: ASGIApplication = app  # type: ignore[assignment]  # Starlette types its scopes as plain dictionaries
    return uvicorn.Config(
        asgi,
        http=transparent_protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
    )


def _listening(host: str, port: int) -> socket.socket:
    listener = socket.create_server((host, port), backlog=BACKLOG)
    # Accepted sockets inherit it. asyncio sets it only on sockets it has made: without it an answer takes 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _port(listener: socket.socket) -> int:
    number: int = listener.getsockname()[1]
    return number


def _announce(simulator: RunningSimulator) -> None:
    line = {"event": "simulator_ready", "port": simulator.port, "control_port": simulator.control_port}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
