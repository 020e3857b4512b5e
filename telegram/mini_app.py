"""The Mini App's `initData`: whom Telegram has signed it for.

By hand rather than with aiogram, which does it in the same way: the API's process would stand still for two seconds
while that loads, in the middle of other people's requests.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

LONGEST_AGE = timedelta(hours=1)
"""Whoever gets hold of older data opens nothing with it."""
LEEWAY = timedelta(seconds=10)
"""How far our clock may be behind Telegram's."""
LARGEST_ID = 2**52
"""Telegram's ids of users have at most 52 bits."""


def user_of(init_data: str, token: str, now: datetime) -> int | None:
    """Return the id of the user that `init_data` is signed for; None where it does not hold."""
    try:
        pairs = parse_qsl(init_data, keep_blank_values=True, strict_parsing=True)
        fields = dict(pairs)
        told = fields.pop("hash")
        signed = _sign(fields, token)
        # as bytes: text that is not ASCII would be an error instead of a mismatch
        if len(fields) + 1 != len(pairs) or not hmac.compare_digest(signed.encode(), told.encode()):
            return None
        return _id(fields["user"]) if _is_fresh(fields["auth_date"], now) else None
    except (KeyError, ValueError, OverflowError, RecursionError):
        return None


def _sign(fields: dict[str, str], token: str) -> str:
    told = "\n".join(f"{name}={value}" for name, value in sorted(fields.items()))
    key = hmac.digest(b"WebAppData", token.encode(), hashlib.sha256)
    return hmac.new(key, told.encode(), hashlib.sha256).hexdigest()


def _is_fresh(auth_date: str, now: datetime) -> bool:
    age = now - datetime.fromtimestamp(int(auth_date), UTC)
    return -LEEWAY <= age <= LONGEST_AGE


def _id(user: str) -> int | None:
    told = json.loads(user)
    id_ = told.get("id") if isinstance(told, dict) else None
    # exactly int: true is one too
    return id_ if type(id_) is int and 0 < id_ < LARGEST_ID else None
