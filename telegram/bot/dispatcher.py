"""Who handles what: the whole of the bot's conduct at a glance."""

from aiogram import Dispatcher, F, Router
from aiogram.enums import ChatType, ContentType
from aiogram.filters import Command

from telegram.bot import group, hint, keyboard, member, mute, settings, start, status, stop
from telegram.bot.hint import Hints

SAID = frozenset(
    {
        ContentType.TEXT,
        ContentType.PHOTO,
        ContentType.VOICE,
        ContentType.VIDEO,
        ContentType.VIDEO_NOTE,
        ContentType.AUDIO,
        ContentType.DOCUMENT,
        ContentType.STICKER,
        ContentType.ANIMATION,
        ContentType.CONTACT,
        ContentType.LOCATION,
    }
)
"""What a person says, unlike what Telegram tells about a chat."""


def build_dispatcher() -> Dispatcher:
    """Build the dispatcher; its handlers are given the visit and answer with what to call after the commit."""
    dispatcher = Dispatcher(disable_fsm=True, hints=Hints())
    dispatcher.include_routers(_private(), _group())
    dispatcher.my_chat_member.register(member.follow)
    return dispatcher


def _private() -> Router:
    router = Router(name="private")
    router.message.filter(F.chat.type == ChatType.PRIVATE)
    router.callback_query.filter(F.message.chat.type == ChatType.PRIVATE)
    _hear_commands(router)
    _hear_taps(router)
    return router


def _hear_commands(router: Router) -> None:
    said = router.message
    said.register(start.link_chat, Command("start", ignore_case=True, magic=F.args))
    said.register(start.greet, Command("start", ignore_case=True))
    said.register(stop.ask, Command("stop", ignore_case=True))
    said.register(status.tell, Command("status", ignore_case=True))
    said.register(settings.show, Command("settings", ignore_case=True))
    said.register(hint.explain, Command("help", ignore_case=True))
    said.register(hint.give, F.content_type.in_(SAID))


def _hear_taps(router: Router) -> None:
    tapped = router.callback_query
    tapped.register(stop.decide, F.data.startswith(keyboard.STOP) | F.data.startswith(keyboard.DISCONNECT))
    tapped.register(settings.turn, F.data.startswith(keyboard.PAGE))
    tapped.register(settings.switch, F.data.startswith(keyboard.ON) | F.data.startswith(keyboard.OFF))
    tapped.register(settings.choose_quiet, F.data.startswith(keyboard.QUIET))
    tapped.register(settings.choose_zone, F.data.startswith(keyboard.ZONE))
    tapped.register(settings.choose_language, F.data.startswith(keyboard.LANGUAGE))
    tapped.register(mute.switch, F.data.startswith(keyboard.MUTE) | F.data.startswith(keyboard.UNMUTE))
    tapped.register(mute.forget)


def _group() -> Router:
    """In a group hear only what is said to this bot by its name."""
    router = Router(name="group")
    said = router.message
    said.register(group.void_token, Command("start", ignore_case=True, magic=F.args))
    said.register(group.point, Command("start", "stop", "settings", ignore_case=True, magic=F.mention))
    said.register(group.tell, Command("status", ignore_case=True, magic=F.mention))
    said.register(hint.explain, Command("help", ignore_case=True, magic=F.mention))
    router.callback_query.register(mute.refuse)
    return router
