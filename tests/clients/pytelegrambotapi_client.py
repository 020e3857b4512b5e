"""A bot as its author writes it with pyTelegramBotAPI; it prints what it sees."""

# It runs in an environment of its own, which has what this project's has not:
# mypy: ignore-errors

import json
import os
import signal
import sys
from contextlib import suppress

import telebot
from telebot import apihelper
from telebot.apihelper import ApiTelegramException
from telebot.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

LONG_POLL_SECONDS = 1
"""stop_bot lets the last long poll come to its end."""


def show(step: str, **seen: object) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps({"step": step} | seen) + "\n")
    sys.stdout.flush()


def talk(order: dict) -> None:
    """Go through all the steps."""
    apihelper.API_URL = order["api"] + "/bot{0}/{1}"
    bot = telebot.TeleBot(order["token"])
    me = bot.get_me()
    show("me", id=me.id, is_bot=me.is_bot, username=me.username)
    send(bot, order)
    for case, chat_id in order["refusing"].items():
        be_refused(bot, case, chat_id)
    poll(order)
    serve(order)


def send(bot: telebot.TeleBot, order: dict) -> None:
    """Send one message each with HTML, with MarkdownV2 and with buttons."""
    for mode, text in order["texts"].items():
        sent = bot.send_message(order["person"], text, parse_mode=mode)
        entities = [[entity.type, entity.offset, entity.length, entity.url] for entity in sent.entities]
        show("sent", mode=mode, message_id=sent.message_id, text=sent.text, entities=entities)
    keyboard = InlineKeyboardMarkup(row_width=1)
    keyboard.add(InlineKeyboardButton("Да", callback_data="answer:yes"))
    keyboard.add(InlineKeyboardButton("Сайт", url="https://example.com/"))
    asked = bot.send_message(order["person"], "Верно?", reply_markup=keyboard)
    rows = asked.reply_markup.keyboard
    buttons = [[[button.text, button.callback_data, button.url] for button in row] for row in rows]
    show("buttons", message_id=asked.message_id, buttons=buttons)


def be_refused(bot: telebot.TeleBot, case: str, chat_id: int) -> None:
    """Send what is refused."""
    try:
        bot.send_message(chat_id, "x")
    except ApiTelegramException as error:
        if error.error_code == 429:
            show(case, error=type(error).__name__, retry_after=error.result_json["parameters"]["retry_after"])
        else:
            show(case, error=type(error).__name__, description=error.description)


def listening_bot(order: dict) -> telebot.TeleBot:
    """Answer what the person says and taps; /end stops it."""
    bot = telebot.TeleBot(order["token"])

    @bot.message_handler(commands=["end"])
    def end(_message: Message) -> None:
        if bot.get_webhook_info().url:
            bot.remove_webhook()
            os.kill(os.getpid(), signal.SIGINT)
        else:
            bot.stop_bot()

    @bot.message_handler()
    def echo(message: Message) -> None:
        user = message.from_user
        show(
            "message",
            text=message.text,
            sender=user.first_name,
            chat_id=message.chat.id,
            language=user.language_code,
        )
        bot.reply_to(message, f"Эхо: {message.text}")

    @bot.callback_query_handler(func=bool)
    def tapped(query: CallbackQuery) -> None:
        bot.answer_callback_query(query.id, "Принято", show_alert=True)
        asked = query.message
        bot.edit_message_text(
            f"{asked.text}!",
            asked.chat.id,
            asked.message_id,
            reply_markup=asked.reply_markup,
        )
        show("callback", data=query.data, message_id=asked.message_id, text=asked.text)

    return bot


def poll(order: dict) -> None:
    """Receive by long polling until /end."""
    listening_bot(order).infinity_polling(timeout=10, long_polling_timeout=LONG_POLL_SECONDS)
    show("polled")


def serve(order: dict) -> None:
    """Receive by webhook until /end."""
    with suppress(KeyboardInterrupt):
        listening_bot(order).run_webhooks(
            listen="127.0.0.1",
            port=order["port"],
            url_path="hook/",
            webhook_url=order["hook"],
            secret_token=order["secret"],
            drop_pending_updates=True,
        )
    show("served")


talk(json.loads(sys.argv[1]))
