"""What the endpoints stand on, made once by the shell and handed in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from fastapi import Request

from health import Health, LogSample, Metrics, Spans
from inapp.rate import Rate
from inapp.session import Tokens
from inapp.signal import Signal
from inapp.stream_hub import Hub
from outbox.catalog.load import Catalog
from outbox.database.connection import Pool


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything that the API needs of the world."""

    pool: Pool
    catalog: Catalog
    hub: Hub
    """Tells the open streams of this process."""
    signal: Signal
    """Tells every API process."""
    tokens: Tokens
    rate: Rate
    """How often one person may ask."""
    consumer_secrets: Sequence[str]
    """With any of them the application may come; several at once, so that one can be exchanged for another."""
    health: Health
    metrics: Metrics
    link_base: str
    """What a binding link begins with."""
    bot_username: Callable[[], Awaitable[str | None]] | None
    """Name the bot that people write to, None while Telegram has not said it; None where no bot is set."""
    mini_app_user: Callable[[str], int | None]
    """Check a Mini App's `initData`; give the Telegram user's id, None where it does not hold."""
    origins: Sequence[str] = ()
    """Web origins whose pages may call."""
    sample: LogSample = field(default_factory=LogSample)
    """Which lines about success are written."""
    spans: Spans = field(default_factory=Spans)


async def surroundings(request: Request) -> Dependencies:
    """Give an endpoint its surroundings: `Annotated[Dependencies, Depends(surroundings)]`."""
    found: Dependencies = request.app.state.surroundings
    return found
