"""`api`: the HTTP API of the inbox and of the outbox."""

import typer

from health import configure
from workers.command.run import BAD_INSTANCE
from workers.command.session import run
from workers.settings import SettingsError, load


def api() -> None:
    """Serve the HTTP API on HTTP_BIND: notifications, preferences, links, events and consumers."""
    from workers.api import serve_api  # noqa: PLC0415 (other commands do not need it)

    settings = load()
    if BAD_INSTANCE.search(settings.instance):
        raise SettingsError("INSTANCE is malformed: letters, digits, dot, dash and underscore only")
    configure(settings.log_level, settings.log_format, "api", settings.instance)
    run(serve_api(settings))


def add_to(app: typer.Typer) -> None:
    """Add this command to the whole."""
    app.command()(api)
