"""getMe: asks who the bot is, at the start and every minute, and more often while Telegram does not answer."""

from health import Check, CheckName, Status
from telegram import BotFaultError, BotRefusedError, PaceUnavailableError
from workers.process.postgres_retry import wait_for
from workers.wiring.worker_parts import WorkerParts

EVERY_S = 60.0
"""Also for a bot that is refused: whoever asks more often changes nothing."""
AGAIN_S = 5.0


async def keep_asking(parts: WorkerParts) -> None:
    """Ask until the process stops."""
    while not parts.stopping.is_set():
        await wait_for(parts.stopping, await _ask(parts))


async def _ask(parts: WorkerParts) -> float:
    """Ask once; say how long to wait before the next time."""
    try:
        await parts.sender.get_me()
    except BotRefusedError:
        try:
            await parts.bot.stop()
        except PaceUnavailableError:
            return EVERY_S  # nobody sends without Redis
        return EVERY_S
    except BotFaultError as fault:
        parts.health.record(CheckName.TELEGRAM, Check(Status.UNHEALTHY, f"getMe: {fault.reason or 'no answer'}"))
        return AGAIN_S
    parts.bot.known()
    return EVERY_S
