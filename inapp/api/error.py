"""What an endpoint refuses with: a closed set of codes, each with its HTTP status."""

from enum import StrEnum


class Code(StrEnum):
    """What a program that calls decides by."""

    VALIDATION_ERROR = "VALIDATION_ERROR"
    """What was sent cannot be used; the message names the field."""
    UNAUTHORIZED = "UNAUTHORIZED"
    """No token, or one that does not hold."""
    STALE_SESSION = "STALE_SESSION"
    """The token is from before its person was forgotten: they must sign in anew."""
    FORBIDDEN = "FORBIDDEN"
    """Known, but not allowed."""
    NOT_FOUND = "NOT_FOUND"
    """There is none, or none of theirs."""
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    """The address exists, but not for this HTTP method."""
    CONFLICT = "CONFLICT"
    """It contradicts what has happened meanwhile."""
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    """The body is larger than the API takes."""
    RATE_LIMITED = "RATE_LIMITED"
    """Too often; `Retry-After` says when to come again."""
    UNAVAILABLE = "UNAVAILABLE"
    """Something that is needed does not answer; nothing was done."""
    INTERNAL = "INTERNAL"
    """A fault of ours; the log has it under the request id."""


STATUS = {
    Code.VALIDATION_ERROR: 422,
    Code.UNAUTHORIZED: 401,
    Code.STALE_SESSION: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.CONFLICT: 409,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.RATE_LIMITED: 429,
    Code.UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}


class ApiError(Exception):
    """A request that is refused; the message is for whoever sent it, and quotes no secret."""

    def __init__(self, code: Code, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after
        """Seconds to wait before the next try."""
