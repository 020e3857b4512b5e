"""A terminal: commands are typed in as they stand on a page, and run in this process, which is fast."""

import asyncio
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from typer.testing import CliRunner

from tests.integration.stage import Stage
from workers.main import app

WIDE = "200"
"""Columns: no table is cut."""
RUN = "/run/vestnik"
BORDER = re.compile(r"[\s\u2500-\u257f]+")
"""What stands between the words of a table."""


class Terminal:
    """Has the settings of a stage in its environment, and a folder in the place of /run/vestnik."""

    def __init__(self, stage: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stage = stage
        self.run = folder / "run"
        self.run.mkdir()
        self._patch = monkeypatch
        self.set({**stage.environment, "COLUMNS": WIDE, "HEALTH_FILE": str(self.run / "worker-1.json")})
        # the tests' own server gives up fsync, which the doctor does not take for well
        monkeypatch.setattr("workers.doctor.postgres_check.look_at_server", AsyncMock(return_value=[]))

    def set(self, settings: Mapping[str, str]) -> None:
        """Change what stands in the environment."""
        for name, value in settings.items():
            self._patch.setenv(name, value)

    async def type_in(self, command: str) -> tuple[int, str]:
        """Run a `vestnik` command; give its exit code, and the words that it printed."""
        words = shlex.split(command.replace(RUN, str(self.run)))
        assert words[0] == "vestnik"
        done = await asyncio.to_thread(CliRunner().invoke, app, words[1:])
        # a fault that is known is caught further out, which prints its message
        return done.exit_code, BORDER.sub(" ", f"{done.output} {done.exception or ''}")
