"""Errors of this package. Each carries its data; the message names what is wrong and what mends it."""


class HealthError(Exception):
    """Base of every error that `health` raises."""


class LogSettingError(HealthError):
    """LOG_LEVEL or LOG_FORMAT has a value that does not exist."""

    def __init__(self, name: str, allowed: tuple[str, ...]) -> None:
        self.name = name
        self.allowed = allowed
        super().__init__(f"{name} must be one of {', '.join(allowed)}")


class BindError(HealthError):
    """The HTTP server cannot listen where it was told to."""

    def __init__(self, bind: str, why: str) -> None:
        self.bind = bind
        self.why = why
        super().__init__(f"cannot listen on {bind}: {why}")


class ServeError(HealthError):
    """The HTTP application refused to start."""
