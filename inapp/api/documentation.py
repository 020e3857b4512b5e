"""The page that explains the API, made of its OpenAPI document; it needs no other host."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from inapp.api.error import STATUS, Code
from inapp.api.operation import read_operations

HERE = Path(__file__).parent

MEANINGS = {
    Code.VALIDATION_ERROR: "What was sent cannot be used; the message names the field.",
    Code.UNAUTHORIZED: "No token, or one that does not hold.",
    Code.STALE_SESSION: "The token is from before its person was forgotten: they must sign in anew.",
    Code.FORBIDDEN: "Known, but not allowed.",
    Code.NOT_FOUND: "There is none, or none of theirs.",
    Code.METHOD_NOT_ALLOWED: "The address exists, but not for this HTTP method.",
    Code.CONFLICT: "It contradicts what has happened meanwhile.",
    Code.PAYLOAD_TOO_LARGE: "The body is larger than the API takes.",
    Code.RATE_LIMITED: "Too often; Retry-After says in how many seconds to come again.",
    Code.UNAVAILABLE: "Something that is needed does not answer; nothing was done, and it may be tried again.",
    Code.INTERNAL: "A fault of the server's; its log has it under the request id.",
}


def build(app: FastAPI) -> APIRouter:
    """Build the page over an application's OpenAPI document."""
    router = APIRouter()
    style = (HERE / "documentation.css").read_text(encoding="utf-8")
    # other routes are added after this one
    page = cache(lambda: render(app.openapi(), style))
    headers = {"Content-Security-Policy": _policy(style), "X-Content-Type-Options": "nosniff"}

    @router.get("/api/docs", include_in_schema=False)
    async def get_docs() -> HTMLResponse:
        return HTMLResponse(page(), headers=headers)

    return router


def render(document: Mapping[str, Any], style: str) -> str:
    """Write the page."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    operations = sorted(read_operations(document), key=lambda one: one.tag)
    return environment.get_template("documentation.html").render(
        info=document["info"],
        schemes=document.get("components", {}).get("securitySchemes", {}),
        groups=[(tag, list(found)) for tag, found in groupby(operations, lambda one: one.tag)],
        codes=[(code, STATUS[code], MEANINGS[code]) for code in Code],
        style=style,
    )


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
