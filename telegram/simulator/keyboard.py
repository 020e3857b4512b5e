"""The buttons under a message."""

import json
from collections.abc import Callable, Iterator

from telegram.simulator.arguments import Arguments, is_unicode
from telegram.simulator.json_field import (
    JsonObject,
    WrongFieldError,
    optional_array,
    optional_flag,
    optional_text,
    required_object,
    required_text,
)
from telegram.simulator.link import WrongLinkError, check_button_link, check_secure, checked_link, mentioned_user
from telegram.simulator.refusal import BadRequestError

LONGEST_CALLBACK_BYTES = 64
Button = dict[str, object]
Keyboard = dict[str, list[list[Button]]]
"""As the Bot API writes it: `{"inline_keyboard": [[…]]}`."""

_MARKUP_FLAGS = (
    "hide_keyboard",
    "remove_keyboard",
    "personal_keyboard",
    "selective",
    "force_reply_keyboard",
    "force_reply",
)
_LINK_PLACES = {"web_app": "Web App URL", "login_url": "login URL"}


def read_keyboard(arguments: Arguments) -> Keyboard | None:
    """Read `reply_markup`; keyboards that are not inline are taken and not kept with the message.

    Raises:
        BadRequestError: it is malformed.

    """
    source = arguments.get("reply_markup")
    if not source:
        return None
    try:
        markup = json.loads(source)
    except ValueError:
        raise BadRequestError("can't parse reply keyboard markup JSON object") from None
    if not isinstance(markup, dict):
        raise BadRequestError("object expected as reply markup")
    try:
        others, rows = _read_rows(markup)
        for flag in _MARKUP_FLAGS:
            optional_flag(markup, flag)
    except WrongFieldError as error:
        raise BadRequestError(str(error)[0].lower() + str(error)[1:]) from None
    return {"inline_keyboard": rows} if rows and not others else None


def with_checked_links(keyboard: Keyboard | None) -> Keyboard | None:
    """Complete the links of buttons, which the real server does once it knows the chat.

    Raises:
        BadRequestError: a link is none.

    """
    if keyboard is None:
        return None
    return {"inline_keyboard": [[_with_checked_link(each) for each in row] for row in keyboard["inline_keyboard"]]}


def check_keyboard(keyboard: Keyboard | None) -> None:
    """Check what only Telegram behind the Bot API server checks: long after the text and the chat.

    Raises:
        BadRequestError: BUTTON_DATA_INVALID, BUTTON_URL_INVALID, BUTTON_TYPE_INVALID.

    """
    for button in _buttons(keyboard):
        if "pay" in button:
            raise BadRequestError("BUTTON_TYPE_INVALID")
        if len(str(button.get("callback_data", "")).encode(errors="surrogatepass")) > LONGEST_CALLBACK_BYTES:
            raise BadRequestError("BUTTON_DATA_INVALID")
        if "url" in button:
            check_button_link(str(button["url"]))


def _buttons(keyboard: Keyboard | None) -> Iterator[Button]:
    for row in (keyboard or {}).get("inline_keyboard", []):
        yield from row


def _read_rows(markup: JsonObject) -> tuple[bool, list[list[Button]]]:
    """Tell whether it is a reply keyboard, and give the inline one."""
    others = optional_array(markup, "keyboard")
    if not all(isinstance(row, list) for row in others):
        raise WrongFieldError('Field "keyboard" must be an Array of Arrays')
    rows = []
    for row in optional_array(markup, "inline_keyboard"):
        if not isinstance(row, list):
            raise WrongFieldError('Field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
        rows.append([_read_button(button) for button in row])
    return bool(others), [row for row in rows if row]


def _read_button(button: object) -> Button:
    if not isinstance(button, dict):
        raise _wrong_button("InlineKeyboardButton must be an Object")
    try:
        return {"text": required_text(button, "text")} | _read_action(button)
    except WrongFieldError as error:
        raise _wrong_button(str(error)) from None


def _read_action(button: JsonObject) -> Button:
    """Read what the button does: the first that it names, in the real server's order."""
    for name in ("url", "callback_data"):
        if value := optional_text(button, name):
            return {name: value}
    for name, read in _ACTIONS.items():
        if name in button:
            return {name: read(button, name)}
    raise _wrong_button("Text buttons are unallowed in the inline keyboard")


def _text_inside(field: str) -> Callable[[JsonObject, str], object]:
    return lambda button, name: {field: required_text(required_object(button, name), field)}


_ACTIONS: dict[str, Callable[[JsonObject, str], object]] = {
    "callback_game": lambda _button, _name: {},
    "pay": lambda _button, _name: True,
    "switch_inline_query": required_text,
    "switch_inline_query_chosen_chat": required_object,
    "switch_inline_query_current_chat": required_text,
    "login_url": _text_inside("url"),
    "web_app": _text_inside("url"),
    "copy_text": _text_inside("text"),
}


def _with_checked_link(button: Button) -> Button:
    if not is_unicode(str(button["text"])):
        raise BadRequestError("inline keyboard button text must be encoded in UTF-8")
    if "url" in button:
        url = str(button["url"])
        return button | {"url": _link_of_user(url) or _checked("URL", url)}
    for name, place in _LINK_PLACES.items():
        if name in button:
            return button | {name: {"url": _checked(place, _inner_url(button[name]), secure=name == "web_app")}}
    return button


def _link_of_user(url: str) -> str | None:
    user = mentioned_user(url)
    return f"tg://user?id={user}" if user else None


def _inner_url(fields: object) -> str:
    return str(fields.get("url", "")) if isinstance(fields, dict) else ""


def _checked(place: str, url: str, *, secure: bool = False) -> str:
    try:
        if secure:
            check_secure(url)
        return checked_link(url)
    except WrongLinkError as error:
        raise BadRequestError(f"inline keyboard button {place} '{url}' is invalid: {error}") from None


def _wrong_button(fault: str) -> BadRequestError:
    return BadRequestError(f"can't parse inline keyboard button: {fault}")
