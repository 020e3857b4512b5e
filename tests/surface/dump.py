"""The files of the surface, by name, and how each is made."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.surface import api, command, deployed, exit_code, import_name, metric, setting
from tests.surface.log_line import Line, lines
from tests.surface.product import words

FOLDER = Path(__file__).parent


def log_events() -> str:
    """Write down what is logged: event, levels, fields."""
    return "".join(sorted(_line(line) for line in lines()))


def _line(line: Line) -> str:
    return " ".join([line.event, f"({', '.join(sorted(line.levels))})", *sorted(line.fields)]) + "\n"


def closed_sets() -> str:
    """Write down the closed sets of words."""
    return "\n".join(
        "\n".join([what, *(f"  {word}" for word in sorted(map(str, found))), ""]) for what, found in words().items()
    )


FILES: Mapping[str, Callable[[], str]] = {
    "alerts.txt": deployed.alerts,
    "exit_codes.txt": exit_code.exit_codes,
    "help.txt": command.helps,
    "import_names.txt": import_name.listed,
    "log_events.txt": log_events,
    "metrics.txt": metric.listed,
    "openapi.json": api.openapi,
    "routes.txt": api.routes,
    "scripts.txt": deployed.scripts,
    "settings.txt": setting.listed,
    "units.txt": deployed.units,
    "words.txt": closed_sets,
}
