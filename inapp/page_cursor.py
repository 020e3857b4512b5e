"""Where a page of the inbox ends: a word that callers send back, and take apart at their own risk."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

SHAPE = b"\x01"
"""The first byte: another one, should what follows it ever change."""
ID_BYTES = 8


class PageCursorError(ValueError):
    """A word that no page ended with."""


def write(last: int) -> str:
    """Name the end of a page by the id of its last notification."""
    return urlsafe_b64encode(SHAPE + last.to_bytes(ID_BYTES, "big")).decode()


def read(word: str) -> int:
    """Tell the id of the last notification.

    Raises:
        PageCursorError: it is none.

    """
    try:
        data = urlsafe_b64decode(word)
        last = int.from_bytes(data[1:], "big", signed=True)
        if last > 0 and write(last) == word:
            return last
    except (ValueError, OverflowError):
        pass
    raise PageCursorError("it is none that a page was given with")
