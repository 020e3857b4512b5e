"""getUpdates."""

import time

from telegram.simulator.answer import Answer, granted
from telegram.simulator.integer import read_integer
from telegram.simulator.long_poll import WEBHOOK_ACTIVE
from telegram.simulator.request import Request

LARGEST_OFFSET = 2**31 - 1
MOST_UPDATES = 100
LONGEST_POLL_SECONDS = 50


async def get_updates(request: Request) -> Answer:
    """Acknowledge what is before the offset and answer what is behind it; wait when there is nothing.

    Raises:
        ConflictError: a webhook is set, or another call polls.

    """
    bot, arguments = request.bot, request.arguments
    if bot.webhook is not None:
        await bot.poll.refuse(WEBHOOK_ACTIVE, request.gone)
    offset = read_integer(arguments, "offset", 0, -LARGEST_OFFSET, LARGEST_OFFSET)
    limit = read_integer(arguments, "limit", MOST_UPDATES, 1, MOST_UPDATES)
    timeout = read_integer(arguments, "timeout", 0, 0, LONGEST_POLL_SECONDS)
    bot.updates.allow(arguments.get("allowed_updates", ""))
    seconds = bot.poll.seconds(offset, timeout)
    updates = bot.updates.read(offset, limit, time.time())
    if seconds and not updates:
        await bot.poll.wait(seconds, request.gone)
        # A negative offset has forgotten what it had to: it must not forget what has come since.
        updates = bot.updates.read(max(offset, 0), limit, time.time())
    return granted([update.as_json() for update in updates])
