"""The buttons under a message."""

import json
from collections.abc import Iterator

from telegram.simulator.arguments import Arguments
from telegram.simulator.link import WrongLinkError, check_button_link, checked_link
from telegram.simulator.refusal import BadRequestError

LONGEST_CALLBACK_BYTES = 64
Button = dict[str, object]
Keyboard = dict[str, list[list[Button]]]
"""As the Bot API writes it: `{"inline_keyboard": [[…]]}`."""

_OTHER_ACTIONS = (
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
)


def read_keyboard(arguments: Arguments) -> Keyboard | None:
    """Read `reply_markup`; keyboards that are not inline are taken and not kept with the message.

    Raises:
        BadRequestError: it is malformed, or a link is none.

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
    if "inline_keyboard" not in markup:
        return None
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list):
        raise BadRequestError('field "inline_keyboard" must be of type Array')
    keyboard = [row for row in map(_read_row, rows) if row]
    return {"inline_keyboard": keyboard} if keyboard else None


def check_keyboard(keyboard: Keyboard | None) -> None:
    """Check what only Telegram behind the Bot API server checks: long after the text and the chat.

    Raises:
        BadRequestError: BUTTON_DATA_INVALID, BUTTON_URL_INVALID, BUTTON_TYPE_INVALID.

    """
    for button in _buttons(keyboard):
        if "pay" in button:
            raise BadRequestError("BUTTON_TYPE_INVALID")
        if len(str(button.get("callback_data", "")).encode()) > LONGEST_CALLBACK_BYTES:
            raise BadRequestError("BUTTON_DATA_INVALID")
        if "url" in button:
            check_button_link(str(button["url"]))


def _buttons(keyboard: Keyboard | None) -> Iterator[Button]:
    for row in (keyboard or {}).get("inline_keyboard", []):
        yield from row


def _read_row(row: object) -> list[Button]:
    if not isinstance(row, list):
        raise BadRequestError('field "inline_keyboard" must be an Array of Arrays')
    return [_read_button(button) for button in row]


def _read_button(button: object) -> Button:
    if not isinstance(button, dict):
        raise _wrong_button("InlineKeyboardButton must be an Object")
    text = _field(button, "text")
    if text is None:
        raise _wrong_button('Can\'t find field "text"')
    if url := _field(button, "url"):
        return {"text": text, "url": _checked("inline keyboard button URL", url)}
    if data := _field(button, "callback_data"):
        return {"text": text, "callback_data": data}
    if "web_app" in button:
        return {"text": text, "web_app": {"url": _web_app_link(button["web_app"])}}
    if button.get("pay"):
        return {"text": text, "pay": True}
    for action in _OTHER_ACTIONS:
        if action in button:
            return {"text": text, action: button[action]}
    raise _wrong_button("Text buttons are unallowed in the inline keyboard")


def _field(button: dict[str, object], name: str) -> str | None:
    value = button.get(name)
    if value is None:
        return None
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise _wrong_button(f'Field "{name}" must be of type String')
    return value


def _web_app_link(web_app: object) -> str:
    url = str(web_app.get("url", "")) if isinstance(web_app, dict) else ""
    if not url.lower().startswith("https://"):
        raise BadRequestError(
            f"inline keyboard button Web App URL '{url}' is invalid: Only HTTPS links are allowed",
        )
    return _checked("inline keyboard button Web App URL", url)


def _checked(place: str, url: str) -> str:
    try:
        return checked_link(url)
    except WrongLinkError as error:
        raise BadRequestError(f"{place} '{url}' is invalid: {error}") from None


def _wrong_button(fault: str) -> BadRequestError:
    return BadRequestError(f"can't parse inline keyboard button: {fault}")
