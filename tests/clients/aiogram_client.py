"""A bot as its author writes it with aiogram; it prints what it sees."""

import asyncio
import json
import sys
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError, TelegramRetryAfter
from aiogram.filters import Command
from aiogram.methods import SendMessage
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

Order = dict[str, Any]


def show(step: str, **seen: object) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps({"step": step} | seen) + "\n")
    sys.stdout.flush()


async def talk(order: Order) -> None:
    """Go through all the steps."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(order["api"]))
    async with Bot(order["token"], session=session) as bot:
        me = await bot.get_me()
        show("me", id=me.id, is_bot=me.is_bot, username=me.username)
        await send(bot, order)
        for case, chat_id in order["refusing"].items():
            await be_refused(bot, case, chat_id)
        await poll(bot)
        await serve(bot, order)


async def send(bot: Bot, order: Order) -> None:
    """Send one message each with HTML, with MarkdownV2 and with buttons."""
    for mode, text in order["texts"].items():
        sent = await bot.send_message(order["person"], text, parse_mode=mode)
        entities = [[entity.type, entity.offset, entity.length, entity.url] for entity in sent.entities or []]
        show("sent", mode=mode, message_id=sent.message_id, text=sent.text, entities=entities)
    yes = InlineKeyboardButton(text="Да", callback_data="answer:yes")
    site = InlineKeyboardButton(text="Сайт", url="https://example.com/")
    keyboard = InlineKeyboardMarkup(inline_keyboard=[[yes], [site]])
    asked = await bot.send_message(order["person"], "Верно?", reply_markup=keyboard)
    assert asked.reply_markup is not None
    rows = asked.reply_markup.inline_keyboard
    buttons = [[[button.text, button.callback_data, button.url] for button in row] for row in rows]
    show("buttons", message_id=asked.message_id, buttons=buttons)


async def be_refused(bot: Bot, case: str, chat_id: int) -> None:
    """Send what is refused."""
    try:
        await bot.send_message(chat_id, "x")
    except TelegramRetryAfter as error:
        show(case, error=type(error).__name__, retry_after=error.retry_after)
    except TelegramAPIError as error:
        show(case, error=type(error).__name__, description=error.message)


def dispatcher_of(stop: asyncio.Event) -> Dispatcher:
    """Answer what the person says and taps; /end sets `stop`."""
    dispatcher = Dispatcher()

    @dispatcher.message(Command("end"))
    async def end(_message: Message) -> None:
        stop.set()

    @dispatcher.message()
    async def echo(message: Message) -> SendMessage:
        sender = message.from_user.first_name if message.from_user else None
        show("message", text=message.text, sender=sender, chat_id=message.chat.id, language=language_of(message))
        return message.reply(f"Эхо: {message.text}")

    @dispatcher.callback_query()
    async def tapped(query: CallbackQuery) -> None:
        assert isinstance(query.message, Message)
        await query.answer("Принято", show_alert=True)
        await query.message.edit_text(f"{query.message.text}!", reply_markup=query.message.reply_markup)
        show("callback", data=query.data, message_id=query.message.message_id, text=query.message.text)

    return dispatcher


def language_of(message: Message) -> str | None:
    """Read the person's language."""
    return message.from_user.language_code if message.from_user else None


async def poll(bot: Bot) -> None:
    """Receive by long polling until /end."""
    stop = asyncio.Event()
    dispatcher = dispatcher_of(stop)
    polling = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False))
    await stop.wait()
    await dispatcher.stop_polling()
    await polling
    show("polled")


async def serve(bot: Bot, order: Order) -> None:
    """Receive by webhook until /end; a reply goes out as the answer to the webhook's request."""
    stop = asyncio.Event()
    app = web.Application()
    handler = SimpleRequestHandler(
        dispatcher_of(stop),
        bot,
        handle_in_background=False,
        secret_token=order["secret"],
    )
    handler.register(app, path="/hook/")
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", order["port"]).start()
    await bot.set_webhook(order["hook"], secret_token=order["secret"], drop_pending_updates=True)
    await stop.wait()
    await bot.delete_webhook()
    await runner.cleanup()
    show("served")


asyncio.run(talk(json.loads(sys.argv[1])))
