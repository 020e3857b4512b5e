"""`worker` and `simulator`: the processes that stay."""

from typing import Annotated

import typer

from workers.command.setup import begin, run
from workers.configuration.settings import SettingsError


def worker(
    *,
    once: Annotated[bool, typer.Option("--once", help="Deliver all that is due, then exit.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Deliver for ever.")] = False,
) -> None:
    """Relay events and deliver them.

    --once exits 0 when all that was due is delivered, 3 when something died in this run, 2 when a dependency is out
    of reach, 1 on wrong settings.
    """
    from workers.worker.once import run_once  # noqa: PLC0415 (aiogram and arq are heavy, and other commands need neither)
    from workers.worker.watch import watch as run_watch  # noqa: PLC0415 (as above)

    if once == watch:
        raise SettingsError("worker needs one of --once and --watch")
    settings = begin("worker")
    if once:
        raise typer.Exit(run(run_once(settings)))
    run(run_watch(settings))


def simulator(  # noqa: PLR0913 (each option by its name)
    *,
    port: Annotated[int, typer.Option(help="Port of the Bot API.")] = 8081,
    control_port: Annotated[int, typer.Option(help="Port of the control API.")] = 8082,
    token: Annotated[list[str] | None, typer.Option(help="A bot's token; may be given more than once.")] = None,
    bot_rate: Annotated[float, typer.Option(help="Messages per second of a bot.")] = 30,
    chat_rate: Annotated[float, typer.Option(help="Messages per second of a private chat.")] = 1,
    group_rate_per_minute: Annotated[float, typer.Option(help="Messages per minute of a group.")] = 20,
    paid_rate: Annotated[float, typer.Option(help="Messages per second of a bot in paid broadcast.")] = 1000,
    longest_hold: Annotated[
        float, typer.Option(help="Seconds that a message over a limit is held back instead of a 429.")
    ] = 8,
    no_limits: Annotated[bool, typer.Option("--no-limits", help="Never answer 429.")] = False,
) -> None:
    """Serve a Bot API to develop and test against."""
    from telegram.simulator import DEVELOPMENT_TOKEN, SimulatorOptions  # noqa: PLC0415 (as in `worker`)
    from telegram.simulator import run as run_simulator  # noqa: PLC0415 (as in `worker`)

    options = SimulatorOptions(
        port=port,
        control_port=control_port,
        tokens=tuple(token) if token else (DEVELOPMENT_TOKEN,),
        bot_rate=bot_rate,
        chat_rate=chat_rate,
        group_rate_per_minute=group_rate_per_minute,
        paid_rate=paid_rate,
        longest_hold=longest_hold,
        no_limits=no_limits,
    )
    run_simulator(options)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.command()(worker)
    app.command()(simulator)
