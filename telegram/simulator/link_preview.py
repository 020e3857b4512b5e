"""What a message says about the preview of its links."""

import json

from telegram.simulator.arguments import Arguments, is_true
from telegram.simulator.json_field import JsonObject, WrongFieldError, optional_flag, optional_text
from telegram.simulator.refusal import BadRequestError

_FLAGS = ("is_disabled", "prefer_small_media", "prefer_large_media", "show_above_text")


def read_link_preview(arguments: Arguments) -> JsonObject | None:
    """Read `link_preview_options`, or the old `disable_web_page_preview`, as a message shows it.

    Raises:
        BadRequestError: it is no LinkPreviewOptions.

    """
    source = arguments.get("link_preview_options")
    if not source:
        return {"is_disabled": True} if is_true(arguments, "disable_web_page_preview") else None
    try:
        fields = json.loads(source)
    except ValueError:
        raise BadRequestError("can't parse link preview options JSON object") from None
    if not isinstance(fields, dict):
        raise BadRequestError("object expected as link preview options")
    try:
        url = optional_text(fields, "url")
        flags = {name: True for name in _FLAGS if optional_flag(fields, name)}
    except WrongFieldError as error:
        raise BadRequestError(_lowered(str(error))) from None
    return flags | ({"url": url} if url else {}) or None


def _lowered(text: str) -> str:
    return text[0].lower() + text[1:]
