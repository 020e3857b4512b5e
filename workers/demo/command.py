"""`demo`: see the whole of it work, on engines that come with the package."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from workers.command.output import Json, print_json
from workers.command.prove import print_proof
from workers.demo.sample_stream import EMITS
from workers.embedded.engine import require_engines

if TYPE_CHECKING:
    from workers.demo.rehearsal import Result


def demo(
    *,
    stay: Annotated[bool, typer.Option("--stay", help="Keep everything running until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Deliver the sample stream with embedded engines and a simulator, and compare what came of it."""
    require_engines()
    from workers.demo.rehearsal import run_demo  # noqa: PLC0415 (what serves pages is heavy, and other commands need none)
    from workers.demo.stage import stage as begin  # noqa: PLC0415 (as above)
    from workers.demo.stay import stay as stay_until_told  # noqa: PLC0415 (as above)

    tell = Console(stderr=as_json)
    tell.print(
        f"starting PostgreSQL, Valkey and a Bot API simulator; then 2 workers deliver {EMITS:,} emits at 25 messages/s"
    )
    try:
        with begin() as stage:
            result = run_demo(stage)
            _show(result, as_json=as_json)
            if stay:
                stay_until_told(stage, tell.print)
    except KeyboardInterrupt:
        tell.print("stopped: everything that the demo started has ended")
        raise typer.Exit(130) from None
    if not result.good:
        raise typer.Exit(1)


def _show(result: "Result", *, as_json: bool) -> None:
    facts = {
        "sent_per_second": round(_sent(result) / result.deliver_seconds, 1),
        "emits_per_second": round(EMITS / result.load_seconds),
        "relay_lag_seconds": result.relay_lag,
        "delivery_lag_seconds": result.delivery_lag,
        "worker_exit_codes": result.exit_codes,
    }
    if as_json:
        print_json({"comparisons": result.comparisons, "good": result.good, **facts})
        return
    table = Table(title="what came of the sample stream", title_justify="left")
    for column in ("what", "expected", "found", ""):
        table.add_column(column, justify="left" if column == "what" else "right")
    for found in result.comparisons:
        mark = "[red]DIFFERS[/red]" if found.differs else "[green]ok[/green]"
        table.add_row(found.what, f"{found.expected:,}", f"{found.found:,}", mark)
    table.add_row("Telegram: messages a second", "", str(facts["sent_per_second"]), "")
    table.add_row("emit to fan-out, p50 / p99", "", _milliseconds(result.relay_lag), "")
    table.add_row("emit to sent, p50 / p99 (one burst at 25/s)", "", _milliseconds(result.delivery_lag), "")
    table.add_row("workers' exit codes", "0, 0", ", ".join(map(str, result.exit_codes)), "")
    Console().print(table)
    print_proof(result.proof)


def _sent(result: "Result") -> int:
    return result.proof.states.get("telegram", {}).get("sent", 0)


def _milliseconds(pair: tuple[float, float]) -> str:
    return " / ".join(f"{seconds * 1000:,.0f} ms" for seconds in pair)


def add_to(app: typer.Typer) -> None:
    """Add this command to the whole."""
    app.command()(demo)
