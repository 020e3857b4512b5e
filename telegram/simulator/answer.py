"""One HTTP answer of the Bot API, in its exact envelope."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from telegram.simulator.refusal import RefusedError

JSON_TYPE = b"application/json"
HTML_TYPE = b"text/html"
PROXY_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    b"<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n"
    b"</body>\r\n</html>\r\n"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and the headers that depend on them."""

    status: int
    body: bytes
    content_type: bytes = JSON_TYPE
    retry_after: int | None = None

    @property
    def decision(self) -> str | int:
        """Say `ok` or the error's code, as the control API shows it."""
        return "ok" if self.status == 200 else self.status

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Give the headers as ASGI wants them."""
        headers = [(b"content-length", str(len(self.body)).encode())]
        if self.content_type:
            headers.insert(0, (b"content-type", self.content_type))
        if self.retry_after is not None:
            headers.append((b"retry-after", str(self.retry_after).encode()))
        return headers

    def broken(self) -> "Answer":
        """Cut the body short, so that nobody can decode it."""
        return Answer(self.status, self.body[: len(self.body) // 2], self.content_type, self.retry_after)


def granted(result: object, description: str | None = None) -> Answer:
    """Wrap a method's result."""
    envelope: dict[str, object] = {"ok": True, "result": result}
    if description is not None:
        envelope["description"] = description
    return Answer(200, _encode(envelope))


def refused(error: RefusedError) -> Answer:
    """Wrap a refusal; the HTTP status is the error code."""
    envelope: dict[str, object] = {
        "ok": False,
        "error_code": error.code,
        "description": error.description,
    }
    if error.parameters:
        envelope["parameters"] = error.parameters
    return Answer(error.code, _encode(envelope), retry_after=error.parameters.get("retry_after"))


def wordless(status: int) -> Answer:
    """Answer as the real server does what is no HTTP call to it: with the status alone."""
    return Answer(status, b"", b"")


def proxy_failure() -> Answer:
    """Answer as the proxy before the Bot API does when that is away."""
    return Answer(502, PROXY_PAGE, HTML_TYPE)


def _encode(envelope: Mapping[str, object]) -> bytes:
    return json.dumps(envelope, separators=(",", ":")).encode()
