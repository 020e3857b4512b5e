"""Payloads: JSON of other people, read one at a time so that a strange one harms nobody else.

PostgreSQL takes what Python will not read: integers of many thousand digits, lists nested thousands deep.
"""

import json
from typing import Any

from outbox.error import OutboxError


class PayloadError(OutboxError):
    """A payload that Python cannot read; the message holds none of it."""


def read(text: str) -> dict[str, Any]:
    """Read a payload as PostgreSQL writes it.

    Raises:
        PayloadError: it is valid for PostgreSQL, but not for Python.

    """
    try:
        payload: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise PayloadError(f"the payload cannot be read: {type(fault).__name__}") from None
    return payload
