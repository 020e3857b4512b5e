"""The floor of sending: a bare aiogram loop. `python -m tests.bench.bare_bot API MESSAGES` prints its CPU seconds."""

import asyncio
import sys
import time

import uvloop
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

IN_FLIGHT = 60
TOKEN = "110201543:" + "A" * 35
TEXT = "<b>T</b>\n\n0\n\nBench"
"""As long as the message of the product's own short type."""


async def send(api: str, messages: int) -> None:
    """Send so many, with so many under way."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(api), limit=IN_FLIGHT)
    left = messages

    async def one_after_the_other(bot: Bot) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await bot.send_message(left, TEXT, parse_mode="HTML")

    async with Bot(TOKEN, session=session) as bot:
        await asyncio.gather(*(one_after_the_other(bot) for _ in range(IN_FLIGHT)))


if __name__ == "__main__":
    used = time.process_time()
    uvloop.run(send(sys.argv[1], int(sys.argv[2])))
    print(time.process_time() - used)  # noqa: T201 (its answer)
