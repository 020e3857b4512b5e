"""The demo's stage: engines and simulator, running."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from telegram.simulator import DEVELOPMENT_TOKEN
from workers.demo import sample_stream
from workers.embedded import engine
from workers.embedded.child_process import simulator


@dataclass(frozen=True, slots=True)
class Stage:
    """Engines and simulator, running."""

    environment: Mapping[str, str]
    folder: Path
    database_url: str
    bot_api: str
    control: str


@contextmanager
def stage(*options: str) -> Iterator[Stage]:
    """Start PostgreSQL, Valkey and a Bot API simulator with these options; all of it ends with the block."""
    with ExitStack() as stack:
        folder = stack.enter_context(engine.temporary_folder("vestnik-demo-"))
        server = stack.enter_context(engine.postgres())
        cache = stack.enter_context(engine.valkey())
        bot_api, control = stack.enter_context(simulator({}, folder / "simulator.log", *options))
        environment = {
            "DATABASE_URL": server.url(),
            "REDIS_URL": cache.connection_url,
            "TELEGRAM_BOT_TOKEN": DEVELOPMENT_TOKEN,
            "TELEGRAM_API_BASE": bot_api,
            "CATALOG_DIR": str(sample_stream.CATALOG),
            "TELEGRAM_LINK_BASE": f"{control}/t.me",
        }
        yield Stage(environment, folder, server.url(), bot_api, control)


def ask_control(url: str, body: object = None) -> object:
    """Ask the simulator's control API: GET, or PUT with a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 (our own simulator on the loopback interface)
        url, data, {"content-type": "application/json"}, method="GET" if data is None else "PUT"
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 (as above)
        return json.load(answer)
