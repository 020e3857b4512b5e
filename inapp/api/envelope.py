"""The envelope around every answer: `ok`, `data` or `error`, and the request's id."""

import re
from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar

import asyncpg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException
from starlette.requests import Request

from health import get_logger
from inapp.api import request_id
from inapp.api.error import STATUS, ApiError, Code
from outbox.database.connection import OUT_OF_REACH
from outbox.error import ForeignClusterError, InvalidEventError

log = get_logger()

Data = TypeVar("Data")


class Model(BaseModel):
    """What travels as JSON: `createdAt` there is `created_at` here, and either is understood."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True, use_attribute_docstrings=True
    )


class Answer(Model, Generic[Data]):
    """A request that was done."""

    ok: Literal[True] = True
    data: Data
    request_id: str


class Fault(Model):
    """Why a request was refused."""

    code: Code
    message: str


class Refusal(Model):
    """A request that was refused."""

    ok: Literal[False] = False
    error: Fault
    request_id: str


def answer(data: Data) -> Answer[Data]:
    """Put what was asked for into the envelope."""
    return Answer(data=data, request_id=request_id.current())


def refuse(code: Code, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Put a refusal into the envelope."""
    refusal = Refusal(error=Fault(code=code, message=message), request_id=request_id.current())
    return JSONResponse(refusal.model_dump(mode="json"), STATUS[code], dict(headers or {}))


def responses(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """Describe, for the OpenAPI document, with what an endpoint refuses besides what any can."""
    every = (*codes, Code.VALIDATION_ERROR, Code.PAYLOAD_TOO_LARGE, Code.RATE_LIMITED, Code.INTERNAL, Code.UNAVAILABLE)
    names: dict[int, list[str]] = {}
    for code in every:
        names.setdefault(STATUS[code], []).append(code)
    return {status: {"model": Refusal, "description": ", ".join(sorted(told))} for status, told in names.items()}


LONGEST_NAME = 100
"""Characters of a field's name that a message tells."""

BY_STATUS = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED}
"""What the framework itself refuses with."""


def install(app: FastAPI) -> None:
    """Let no answer leave the application outside the envelope."""

    @app.exception_handler(ApiError)
    async def refused(_: Request, fault: ApiError) -> JSONResponse:
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        if STATUS[fault.code] == STATUS[Code.UNAUTHORIZED]:
            headers["WWW-Authenticate"] = "Bearer"
        return refuse(fault.code, str(fault), headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, fault: RequestValidationError) -> JSONResponse:
        return refuse(Code.VALIDATION_ERROR, _in_words(fault))

    @app.exception_handler(InvalidEventError)
    async def no_event(_: Request, fault: InvalidEventError) -> JSONResponse:
        return refuse(Code.VALIDATION_ERROR, str(fault))

    @app.exception_handler(ForeignClusterError)
    async def restored(_: Request, fault: ForeignClusterError) -> JSONResponse:
        log.error("consumer_refused", error=fault)
        return refuse(Code.UNAVAILABLE, str(fault))

    @app.exception_handler(HTTPException)
    async def by_framework(_: Request, fault: HTTPException) -> JSONResponse:
        code = BY_STATUS.get(fault.status_code, Code.VALIDATION_ERROR)
        return refuse(code, str(fault.detail), fault.headers)

    for kind in (*OUT_OF_REACH, *UNSTORABLE):
        app.add_exception_handler(kind, _not_done)


UNSTORABLE = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
"""PostgreSQL holds no NUL and no half of a surrogate pair."""


async def _not_done(_: Request, fault: Exception) -> JSONResponse:
    # asyncpg's error for a value that its column cannot hold is of one family with its broken connections
    if isinstance(fault, (ValueError, *UNSTORABLE)):
        log.info("request_unstorable", error=fault)
        return refuse(Code.VALIDATION_ERROR, "a value cannot be stored: a NUL, half a character, or a huge number")
    log.warning("request_unavailable", error=fault)
    return refuse(Code.UNAVAILABLE, "the database does not answer", {"Retry-After": "1"})


UNSAID = ("body", "<one>", "<several>")
"""Where it stood, and for which of an endpoint's shapes it was taken: not the caller's words."""
NUMBERED = re.compile(r"\.(\d+)(?=\.|$)")
"""One of a list: `events.3.type` is `events[3].type` to whoever has written it."""


def _in_words(fault: RequestValidationError) -> str:
    """Name each field and what is wrong with it, and nothing of what was sent."""
    told = []
    for one in fault.errors()[:5]:
        place = ".".join(_sane(part) for part in one["loc"] if part not in UNSAID)
        place = NUMBERED.sub(r"[\1]", place)
        told.append(f"{place or 'body'}: {one['msg']}")
    return "; ".join(told)


def _sane(part: object) -> str:
    """Write a field's name: whoever calls may have invented it, with half a character in it, or a megabyte long."""
    return str(part)[:LONGEST_NAME].encode(errors="replace").decode()
