"""The header that carries a request's id over HTTP, in both directions."""

import re

REQUEST_ID = "x-request-id"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def is_sane(request_id: str) -> bool:
    """Return whether a header may carry this id; an emit in SQL may say anything."""
    return _SANE.fullmatch(request_id) is not None
