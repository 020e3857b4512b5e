"""answerCallbackQuery."""

import time

from telegram.simulator.answer import Answer, granted
from telegram.simulator.arguments import is_true, is_unicode
from telegram.simulator.callback_query import STALE, CallbackAnswer
from telegram.simulator.integer import read_integer
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.request import Request

LONGEST_CACHE_SECONDS = 30 * 24 * 60 * 60


async def answer_callback_query(request: Request) -> Answer:
    """Show the bot's answer to whoever has tapped.

    Raises:
        BadRequestError: nobody waits for it, or it is no text.

    """
    arguments = request.arguments
    if not all(is_unicode(arguments.get(name, "")) for name in ("text", "url")):
        raise BadRequestError("strings must be encoded in UTF-8")
    query = request.bot.callback_queries.get(arguments.get("callback_query_id", ""))
    if query is None:
        raise BadRequestError(STALE)
    cache_time = read_integer(arguments, "cache_time", 0, 0, LONGEST_CACHE_SECONDS)
    answer = CallbackAnswer(
        arguments.get("text", ""),
        is_true(arguments, "show_alert"),
        arguments.get("url", ""),
        cache_time,
    )
    query.take(answer, time.time())
    return granted(result=True)
