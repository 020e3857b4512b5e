"""How the Bot API says no."""


class RefusedError(Exception):
    """A call that is answered `"ok": false`; the description is the wire's."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


class BadRequestError(RefusedError):
    """400: the call, its text or its chat is wrong."""

    def __init__(self, fault: str, **parameters: int) -> None:
        super().__init__(400, f"Bad Request: {fault}", **parameters)


class ForbiddenError(RefusedError):
    """403: the chat does not want this bot."""

    def __init__(self, fault: str) -> None:
        super().__init__(403, f"Forbidden: {fault}")


class ThrottledError(RefusedError):
    """429: the client shall wait."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)


class ConflictError(RefusedError):
    """409: somebody else reads the bot's updates."""

    def __init__(self, fault: str) -> None:
        super().__init__(409, f"Conflict: {fault}")


class ParseError(BadRequestError):
    """400: the text's markup cannot be read."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"can't parse entities: {fault}")
