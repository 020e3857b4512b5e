"""The bell's file, for the pages that show it."""

from hashlib import blake2b
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Header, Response

router = APIRouter(prefix="/inbox", include_in_schema=False)

SCRIPT = files("inapp.web").joinpath("vestnik-bell.js").read_bytes()
TAG = f'"{blake2b(SCRIPT, digest_size=12).hexdigest()}"'
HEADERS = {
    "ETag": TAG,
    # asked for again on every page and answered with 304: a new version is everywhere at once
    "Cache-Control": "public, no-cache",
    # a module, or a script with `integrity`, is only given to pages of other origins that are allowed to read it
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
NOT_MODIFIED = 304


@router.get("/vestnik-bell.js")
async def bell(if_none_match: Annotated[str, Header()] = "") -> Response:
    """Give the custom element, unless the browser has it."""
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if TAG in known or "*" in known:
        return Response(status_code=NOT_MODIFIED, headers=HEADERS)
    return Response(SCRIPT, media_type="text/javascript", headers=HEADERS)
