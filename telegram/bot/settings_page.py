"""The pages of /settings: one message that is edited in place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from babel import Locale

from outbox.catalog.load import Catalog
from outbox.delivery.time_zone import zone_or_utc
from outbox.person.preference import Preferences, Quiet
from telegram.bot import keyboard, quiet_words
from telegram.bot.category import categories_of, muted_key
from telegram.bot.keyboard import Rows, button, markup, rows_of
from telegram.bot.phrase import Phrase
from telegram.bot.update_context import UpdateContext
from telegram.bot.zone import OFFSETS, zone_label, zone_name

HOME, QUIET, ZONE, LANGUAGE, DISCONNECT = "home", "quiet", "zone", "language", "disconnect"
ON_A_PAGE = 20
"""Categories; a keyboard has at most 100 buttons."""
ZONES_IN_A_ROW = 3
LANGUAGES_IN_A_ROW = 2
CHOSEN, FREE = "●", "○"


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """What the message shows."""

    text: str
    buttons: InlineKeyboardMarkup


def home(visit: UpdateContext, chosen: Preferences, start: int = 0) -> SettingsPage:
    """Show the categories, and the ways to the other pages."""
    words, categories = visit.words, categories_of(visit.catalog)
    start = start if 0 <= start < len(categories) else 0
    rows = [[_switch(visit, chosen, one)] for one in categories[start : start + ON_A_PAGE]]
    rows += _turning(start, len(categories))
    mode = quiet_words.mode(words, chosen, chosen.quiet)
    rows += [
        [button(words.plain(Phrase.BUTTON_QUIET, mode=mode), keyboard.PAGE + QUIET)],
        [button(words.plain(Phrase.BUTTON_LANGUAGE, language=own_name(visit.language.name)), keyboard.PAGE + LANGUAGE)],
        [button(words.plain(Phrase.BUTTON_DISCONNECT), keyboard.PAGE + DISCONNECT)],
    ]
    title = words.html(Phrase.SETTINGS if categories else Phrase.SETTINGS_EMPTY)
    return SettingsPage(f"{title}\n\n{quiet_words.described(words, chosen, visit.now)}", markup(rows))


def page_with(catalog: Catalog, category: str) -> int:
    """Tell where the page begins on which a category stands."""
    categories = categories_of(catalog)
    return categories.index(category) // ON_A_PAGE * ON_A_PAGE if category in categories else 0


def quiet_hours(visit: UpdateContext, chosen: Preferences) -> SettingsPage:
    """Show what quiet hours can do."""
    words = visit.words
    rows = [
        [_choice(quiet_words.mode(words, chosen, one), f"{keyboard.QUIET}{one}", chosen=one is chosen.quiet)]
        for one in Quiet
    ]
    zone = zone_label(quiet_words.effective_zone(chosen), visit.now)
    rows.append([button(words.plain(Phrase.BUTTON_ZONE, zone=zone), keyboard.PAGE + ZONE)])
    now = quiet_words.described(words, chosen, visit.now)
    # described() has escaped its fields already, and the page takes it as it is
    text = words.texts[Phrase.QUIET_PAGE].format(now=now).strip()
    return SettingsPage(text, markup([*rows, _back(visit, HOME)]))


def zones(visit: UpdateContext, chosen: Preferences) -> SettingsPage:
    """Show the clock of each whole hour around the world."""
    now, name = visit.now, quiet_words.effective_zone(chosen)
    buttons = [
        button(
            f"{now.astimezone(zone_or_utc(zone_name(hours))):%H:%M} ({zone_label(zone_name(hours), now)})",
            f"{keyboard.ZONE}{hours}",
        )
        for hours in OFFSETS
    ]
    text = visit.words.html(Phrase.ZONE_PAGE, zone=zone_label(name, now))
    return SettingsPage(text, markup([*rows_of(buttons, ZONES_IN_A_ROW), _back(visit, QUIET)]))


def languages(visit: UpdateContext, chosen: Preferences) -> SettingsPage:
    """Show the catalog's languages by their own names."""
    known = visit.catalog.languages
    picked = visit.language if chosen.language else None
    buttons = [
        _choice(own_name(language.name), keyboard.LANGUAGE + key, chosen=language is picked)
        for key, language in known.items()
    ]
    auto = visit.words.plain(Phrase.BUTTON_LANGUAGE_AUTO)
    rows = [*rows_of(buttons, LANGUAGES_IN_A_ROW), [_choice(auto, keyboard.LANGUAGE, chosen=picked is None)]]
    return SettingsPage(visit.words.html(Phrase.LANGUAGE_PAGE), markup([*rows, _back(visit, HOME)]))


def disconnect(visit: UpdateContext, _chosen: Preferences) -> SettingsPage:
    """Ask before the chat is unlinked."""
    return SettingsPage(visit.words.html(Phrase.STOP_QUESTION), keyboard.yes_or_no(visit.words, keyboard.DISCONNECT))


PAGES: Mapping[str, Callable[[UpdateContext, Preferences], SettingsPage]] = {
    HOME: home,
    QUIET: quiet_hours,
    ZONE: zones,
    LANGUAGE: languages,
    DISCONNECT: disconnect,
}


def own_name(language: str) -> str:
    """Name a language in itself."""
    name = Locale.parse(language.replace("_", "-"), sep="-").get_display_name() or language
    return name[:1].upper() + name[1:]


def _switch(visit: UpdateContext, chosen: Preferences, category: str) -> InlineKeyboardButton:
    off = muted_key(category) in chosen.muted
    sign, data = ("🔕", keyboard.ON) if off else ("✅", keyboard.OFF)
    return button(f"{sign} {visit.language.categories[category]}", data + category)


def _turning(start: int, count: int) -> Rows:
    turns = [(start - ON_A_PAGE, "←"), (start + ON_A_PAGE, "→")]
    row = [button(sign, f"{keyboard.PAGE}{HOME}:{first}") for first, sign in turns if 0 <= first < count]
    return [row] if row else []


def _choice(text: str, data: str, *, chosen: bool) -> InlineKeyboardButton:
    return button(f"{CHOSEN if chosen else FREE} {text}", data)


def _back(visit: UpdateContext, page: str) -> list[InlineKeyboardButton]:
    return [button(visit.words.plain(Phrase.BUTTON_BACK), keyboard.PAGE + page)]
