"""/settings: what a person wants to get, when it is quiet, and in which language."""

from dataclasses import replace

from aiogram.types import CallbackQuery, Message

from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Reason
from outbox.person import preference
from outbox.person.preference import Preferences, Quiet
from telegram.bot import keyboard, settings_page
from telegram.bot.category import categories_of, muted_key, types_in
from telegram.bot.phrase import Phrase
from telegram.bot.settings_page import SettingsPage
from telegram.bot.update_context import Replies, Reply, UpdateContext, toast
from telegram.bot.zone import ZONES


async def show(_message: Message, visit: UpdateContext) -> Replies:
    """Write the message with the settings."""
    if visit.preferences is None:
        return [visit.say(visit.words.html(Phrase.NOT_LINKED))]
    shown = settings_page.home(visit, visit.preferences)
    return [visit.say(shown.text, shown.buttons)]


async def turn(query: CallbackQuery, visit: UpdateContext) -> Replies:
    """Show another page."""
    if visit.preferences is None:
        return _strange(query, visit)
    name, _, start = _rest(query, keyboard.PAGE).partition(":")
    if name == settings_page.HOME and start.isdecimal():
        return [toast(query), _redraw(query, visit, settings_page.home(visit, visit.preferences, int(start[:6])))]
    make = settings_page.PAGES.get(name)
    if make is None:
        return _outdated(query, visit, visit.preferences)
    return [toast(query), _redraw(query, visit, make(visit, visit.preferences))]


async def switch(query: CallbackQuery, visit: UpdateContext) -> Replies:
    """Switch a category on or off."""
    if visit.link is None or visit.preferences is None:
        return _strange(query, visit)
    on = (query.data or "").startswith(keyboard.ON)
    category = _rest(query, keyboard.ON if on else keyboard.OFF)
    if category not in categories_of(visit.catalog):
        gone = toast(query, visit.words.plain(Phrase.TOAST_CATEGORY_GONE), alert=True)
        return [gone, _redraw(query, visit, settings_page.home(visit, visit.preferences))]
    await switch_category(visit, category, enabled=on)
    name = visit.language.categories[category]
    told = toast(query, visit.words.plain(Phrase.TOAST_ON if on else Phrase.TOAST_OFF, category=name))
    now, chosen = await _again(visit, visit.link.recipient)
    return [
        told,
        _redraw(query, now, settings_page.home(now, chosen, settings_page.page_with(visit.catalog, category))),
    ]


async def switch_category(visit: UpdateContext, category: str, *, enabled: bool) -> None:
    """Keep what the person has decided about a category's Telegram messages."""
    if visit.link is None:
        return
    types = types_in(visit.catalog, category)
    who = visit.link.recipient
    skipped = await preference.switch(visit.conn, who, category, Channel.TELEGRAM, enabled=enabled, types=types)
    muted = visit.preferences is not None and muted_key(category) in visit.preferences.muted
    if enabled == muted:
        visit.note("category_switched", "on" if enabled else "off")
    visit.note_skipped(skipped, Reason.MUTED)


async def choose_quiet(query: CallbackQuery, visit: UpdateContext) -> Replies:
    """Keep what quiet hours shall do."""
    if visit.link is None or visit.preferences is None:
        return _strange(query, visit)
    mode = _rest(query, keyboard.QUIET)
    if mode not in set(Quiet):
        return _outdated(query, visit, visit.preferences)
    await preference.set_quiet(visit.conn, visit.link.recipient, Quiet(mode))
    now, chosen = await _chosen(visit, visit.link.recipient)
    return [_saved(query, now), _redraw(query, now, settings_page.quiet_hours(now, chosen))]


async def choose_zone(query: CallbackQuery, visit: UpdateContext) -> Replies:
    """Keep the time zone of the quiet hours."""
    if visit.link is None or visit.preferences is None:
        return _strange(query, visit)
    zone = ZONES.get(_rest(query, keyboard.ZONE))
    if zone is None:
        return _outdated(query, visit, visit.preferences)
    await preference.set_zone(visit.conn, visit.link.recipient, zone)
    now, chosen = await _chosen(visit, visit.link.recipient)
    return [_saved(query, now), _redraw(query, now, settings_page.quiet_hours(now, chosen))]


async def choose_language(query: CallbackQuery, visit: UpdateContext) -> Replies:
    """Keep the language of notifications and of the bot."""
    if visit.link is None or visit.preferences is None:
        return _strange(query, visit)
    key = _rest(query, keyboard.LANGUAGE)
    if key and key not in visit.catalog.languages:
        return _outdated(query, visit, visit.preferences)
    chosen_name = visit.catalog.languages[key].name if key else None
    await preference.set_language(visit.conn, visit.link.recipient, chosen_name)
    now, chosen = await _chosen(visit, visit.link.recipient)
    return [_saved(query, now), _redraw(query, now, settings_page.languages(now, chosen))]


async def _chosen(visit: UpdateContext, recipient: str) -> tuple[UpdateContext, Preferences]:
    """Look at what holds now; what was chosen before already is no change."""
    now, chosen = await _again(visit, recipient)
    if chosen != visit.preferences:
        visit.note("preferences_changed")
    return now, chosen


async def _again(visit: UpdateContext, recipient: str) -> tuple[UpdateContext, Preferences]:
    """Look at what holds now, to answer in the language that holds now."""
    chosen = await preference.read(visit.conn, recipient)
    return replace(visit, preferences=chosen), chosen


def _rest(query: CallbackQuery, prefix: str) -> str:
    return (query.data or "").removeprefix(prefix)


def _redraw(query: CallbackQuery, visit: UpdateContext, shown: SettingsPage) -> Reply:
    return visit.rewrite(query, shown.text, shown.buttons)


def _saved(query: CallbackQuery, visit: UpdateContext) -> Reply:
    return toast(query, visit.words.plain(Phrase.TOAST_SAVED))


def _strange(query: CallbackQuery, visit: UpdateContext) -> Replies:
    return [toast(query, visit.words.plain(Phrase.TOAST_NOT_LINKED), alert=True)]


def _outdated(query: CallbackQuery, visit: UpdateContext, chosen: Preferences) -> Replies:
    told = toast(query, visit.words.plain(Phrase.TOAST_OLD_BUTTON), alert=True)
    return [told, _redraw(query, visit, settings_page.home(visit, chosen))]
