"""The bell's files, for the pages that show it."""

from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Header, Response

from inapp.api.error import ApiError, Code

router = APIRouter(prefix="/inbox", include_in_schema=False)

SUFFIX = ".js"
NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class Script:
    """One module of the bell, as it is sent."""

    content: bytes
    tag: str
    """Its ETag: another one for other content."""

    @property
    def headers(self) -> dict[str, str]:
        """Say who may have it, and for how long it holds."""
        return {
            "ETag": self.tag,
            # asked for again on every page and answered with 304: a new version is everywhere at once
            "Cache-Control": "public, no-cache",
            # modules, and scripts with `integrity`, are only given to pages of other origins that may read them
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "X-Content-Type-Options": "nosniff",
        }


def _script(content: bytes) -> Script:
    return Script(content, f'"{blake2b(content, digest_size=12).hexdigest()}"')


SCRIPTS = {
    file.name.removesuffix(SUFFIX): _script(file.read_bytes())
    for file in files("inapp.web").iterdir()
    if file.name.endswith(SUFFIX)
}
"""What is served, by name without `.js`: nothing that is asked for is ever looked up in a folder."""


@router.get("/{file}.js")
async def module(file: str, if_none_match: Annotated[str, Header()] = "") -> Response:
    """Give the custom element or one of the modules that it imports, unless the browser has it."""
    script = SCRIPTS.get(file)
    if script is None:
        raise ApiError(Code.NOT_FOUND, "Not Found")
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if script.tag in known or "*" in known:
        return Response(status_code=NOT_MODIFIED, headers=script.headers)
    return Response(script.content, media_type="text/javascript", headers=script.headers)
