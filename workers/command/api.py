"""`api`: the HTTP API of the inbox and of the outbox."""

import typer

from workers.command.setup import begin, run


def api() -> None:
    """Serve the HTTP API on HTTP_BIND: notifications, preferences, links, events and consumers."""
    from workers.serving.api_process import serve_api  # noqa: PLC0415 (other commands do not need it)

    settings = begin("api")
    run(serve_api(settings))


def add_to(app: typer.Typer) -> None:
    """Add this command to the whole."""
    app.command()(api)
