"""A bot as its author writes it with python-telegram-bot; it prints what it sees."""

# It runs in an environment of its own, in which `telegram` is not this project's package:
# mypy: ignore-errors

import asyncio
import json
import sys

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.error import RetryAfter, TelegramError
from telegram.ext import (
    AIORateLimiter,
    Application,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    ExtBot,
    MessageHandler,
    filters,
)


def show(step: str, **seen: object) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps({"step": step} | seen) + "\n")
    sys.stdout.flush()


async def talk(order: dict) -> None:
    """Go through the steps in which the bot speaks first."""
    async with Bot(order["token"], base_url=f"{order['api']}/bot") as bot:
        me = await bot.get_me()
        show("me", id=me.id, is_bot=me.is_bot, username=me.username)
        await send(bot, order)
        for case, chat_id in order["refusing"].items():
            await be_refused(bot, case, chat_id)


async def send(bot: Bot, order: dict) -> None:
    """Send one message each with HTML, with MarkdownV2 and with buttons."""
    for mode, text in order["texts"].items():
        sent = await bot.send_message(order["person"], text, parse_mode=mode)
        entities = [[entity.type, entity.offset, entity.length, entity.url] for entity in sent.entities]
        show("sent", mode=mode, message_id=sent.message_id, text=sent.text, entities=entities)
    yes = InlineKeyboardButton("Да", callback_data="answer:yes")
    site = InlineKeyboardButton("Сайт", url="https://example.com/")
    asked = await bot.send_message(
        order["person"],
        "Верно?",
        reply_markup=InlineKeyboardMarkup([[yes], [site]]),
    )
    rows = asked.reply_markup.inline_keyboard
    buttons = [[[button.text, button.callback_data, button.url] for button in row] for row in rows]
    show("buttons", message_id=asked.message_id, buttons=buttons)


async def be_refused(bot: Bot, case: str, chat_id: int) -> None:
    """Send what is refused."""
    try:
        await bot.send_message(chat_id, "x")
    except RetryAfter as error:
        show(case, error=type(error).__name__, retry_after=error.retry_after)
    except TelegramError as error:
        show(case, error=type(error).__name__, description=error.message)


async def end(_update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Stop as the person wants."""
    context.application.stop_running()


async def echo(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer what the person says."""
    message, user = update.message, update.effective_user
    show(
        "message",
        text=message.text,
        sender=user.first_name,
        chat_id=message.chat.id,
        language=user.language_code,
    )
    await message.reply_text(f"Эхо: {message.text}", do_quote=True)


async def tapped(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer what the person taps."""
    query = update.callback_query
    await query.answer("Принято", show_alert=True)
    await query.edit_message_text(f"{query.message.text}!", reply_markup=query.message.reply_markup)
    show("callback", data=query.data, message_id=query.message.message_id, text=query.message.text)


def application_of(order: dict) -> Application:
    """Answer what the person says and taps; /end stops it."""
    made = Application.builder().token(order["token"]).base_url(f"{order['api']}/bot").build()
    made.add_handler(CommandHandler("end", end))
    made.add_handler(MessageHandler(filters.TEXT, echo))
    made.add_handler(CallbackQueryHandler(tapped))
    return made


async def forget_webhook(application: Application) -> None:
    """Take the webhook back."""
    await application.bot.delete_webhook()


def receive(order: dict) -> None:
    """Receive by long polling until /end, then by webhook until /end."""
    application_of(order).run_polling(close_loop=False)
    show("polled")
    application = application_of(order)
    application.post_stop = forget_webhook
    application.run_webhook(
        listen="127.0.0.1",
        port=order["port"],
        url_path="/hook/",
        webhook_url=order["hook"],
        secret_token=order["secret"],
        drop_pending_updates=True,
        close_loop=False,
    )
    show("served")


async def flood(order: dict) -> None:
    """Send all at once and leave the waiting to the rate limiter."""
    limiter = AIORateLimiter(max_retries=20)
    async with ExtBot(order["token"], base_url=f"{order['api']}/bot", rate_limiter=limiter) as bot:
        await asyncio.gather(*(bot.send_message(order["person"], text) for text in order["flood"]))
    show("flooded")


def main(order: dict) -> None:
    """Flood or talk."""
    with asyncio.Runner() as runner:
        if "flood" in order:
            runner.run(flood(order))
            return
        runner.run(talk(order))
        asyncio.set_event_loop(runner.get_loop())
        receive(order)


main(json.loads(sys.argv[1]))
