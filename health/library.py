"""Log records of the libraries, let through the same gate: that something happened and where, never their text."""

import logging

import structlog


class LibraryHandler(logging.Handler):
    """Report a library's record as a fact of our own; its message may hold a URL with a token, or a text."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record's logger, the line of code that made it and the class of its exception."""
        log = structlog.get_logger()
        report = log.error if record.levelno >= logging.ERROR else log.warning
        event = "library_error" if record.levelno >= logging.ERROR else "library_warning"
        report(event, logger=record.name, line=record.lineno, exc_info=record.exc_info)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- the standard library's name
        """Do nothing: the standard library would print the message and its arguments."""


def capture() -> None:
    """Make the gate the only way out for every library, and for Python's own warnings.

    Handlers that a library has hung on its own logger are taken off: they would write its text past the gate.
    """
    root = logging.getLogger()
    root.handlers[:] = [LibraryHandler()]
    root.setLevel(logging.WARNING)
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.handlers[:] = [h for h in logger.handlers if not isinstance(h, logging.StreamHandler)]
            logger.propagate = True
    logging.captureWarnings(capture=True)
