"""A client's program while it runs: the lines that it prints, one for each step."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.client import Client
from tests.integration.stage import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Program:
    """One running program."""

    process: asyncio.subprocess.Process
    complaints: Path

    async def step(self, name: str) -> dict[str, Any]:
        """Give what the program has seen in its next step, which must be this one."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = await self.process.stdout.readline()
            # pyTelegramBotAPI's webhook server logs there too.
            while line and not line.startswith(b"{"):
                line = await self.process.stdout.readline()
        assert line, f"ended before {name}: {self.complaints.read_text()}"
        seen: dict[str, Any] = json.loads(line)
        assert seen.pop("step") == name, seen
        return seen

    async def end(self) -> None:
        """Wait until it ends by itself, well."""
        async with asyncio.timeout(PATIENCE_S):
            assert await self.process.wait() == 0, self.complaints.read_text()


@asynccontextmanager
async def started(client: Client, order: dict[str, Any], complaints: Path) -> AsyncIterator[Program]:
    """Run a client's program for as long as the block lasts; on a machine without what it needs, skip the test."""
    missing = client.missing()
    if missing is not None:
        # Whoever tests by hand may lack Node; CI that leaves out a client would only look green.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with complaints.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *client.command(),
            json.dumps(order),
            cwd=client.folder(),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    try:
        yield Program(process, complaints)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
