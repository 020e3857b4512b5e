"""A Prometheus of this machine, with the configuration and the rules of deploy/, and the alerts that it sends."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.integration.stage import PROJECT, until_true
from workers.embedded.engine import free_port

DEPLOYED = PROJECT / "deploy" / "prometheus"
PROGRAM = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(
    PROGRAM is None, reason="no prometheus: on Debian, apt-get install --no-install-recommends prometheus"
)

FOR = re.compile(r"for: \d+[mh]\n")
EVERY = re.compile(r"_interval: 15s\n")
TARGETS = re.compile(r"(job_name: ([a-z-]+)\n    static_configs:\n      - targets: )\[.*\]")
ALERTING = """
alerting:
  alertmanagers:
    - static_configs: [{targets: ["%s"]}]
"""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs."""

    url: str
    told: list[dict[str, Any]] = field(default_factory=list)
    """Each alert that it has sent: labels, annotations, and whether it is over."""

    async def ask(self, path: str, **parameters: str) -> Any:
        """Ask its API; nothing while it does not listen yet."""
        try:
            async with aiohttp.request("GET", f"{self.url}/api/v1/{path}", params=parameters) as answer:
                return (await answer.json())["data"] if answer.status == 200 else {}
        except aiohttp.ClientConnectionError:
            return {}

    async def values(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Evaluate an expression: labels and value of each of its series."""
        found = (await self.ask("query", query=expression)).get("result", [])
        return [(series["metric"], float(series["value"][1])) for series in found]

    async def state(self, alert: str) -> str:
        """Tell the state of an alert: pending, firing, or nothing."""
        found = (await self.ask("alerts")).get("alerts", [])
        return next((one["state"] for one in found if one["labels"]["alertname"] == alert), "")

    async def is_told(self, alert: str, *, resolved: bool) -> dict[str, Any]:
        """Wait until it has sent an alert, or word that it is over."""

        def found() -> list[dict[str, Any]]:
            mine = [one for one in self.told if one["labels"]["alertname"] == alert]
            return [one for one in mine if one["is_over"] == resolved]

        async def has_come() -> bool:
            return bool(found())

        await until_true(has_come)
        return found()[0]


def write_configuration(folder: Path, targets: Mapping[str, str], alertmanager: str) -> Path:
    """Write the configuration and the rules of deploy/ for a test.

    Three things are not as they are deployed: who is scraped, how often (1 s), and how long an alert is pending (3 s).
    What the rules ask and from which value on they alert is.
    """
    rules, count = FOR.subn("for: 3s\n", (DEPLOYED / "vestnik.rules.yml").read_text())
    assert count > 10
    (folder / "vestnik.rules.yml").write_text(rules)
    text, count = EVERY.subn("_interval: 1s\n", (DEPLOYED / "prometheus.yml").read_text())
    assert count == 2
    text, count = TARGETS.subn(lambda found: f'{found[1]}["{targets[found[2]]}"]', text)
    assert count == len(targets)
    file = folder / "prometheus.yml"
    file.write_text(text + ALERTING % alertmanager)
    return file


@asynccontextmanager
async def prometheus(folder: Path, targets: Mapping[str, str]) -> AsyncIterator[Prometheus]:
    """Run a Prometheus that scrapes these targets, each by the name of its job, and hear its alerts."""
    made = Prometheus(f"http://127.0.0.1:{free_port()}")
    async with _alertmanager(made.told) as alertmanager:
        options = {
            "config.file": write_configuration(folder, targets, alertmanager),
            "storage.tsdb.path": folder / "tsdb",
            "web.listen-address": made.url.removeprefix("http://"),
        }
        command = [str(PROGRAM), *(f"--{name}={value}" for name, value in options.items())]
        with (folder / "prometheus.log").open("wb") as log:
            runs = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
            try:
                yield made
            finally:
                runs.terminate()
                await runs.wait()


@asynccontextmanager
async def _alertmanager(told: list[dict[str, Any]]) -> AsyncIterator[str]:
    """Take alerts as an Alertmanager does; give its address."""

    async def hear(request: web.Request) -> web.Response:
        now = datetime.now(UTC)
        # one that goes on is said to end some minutes from now
        told.extend({**one, "is_over": datetime.fromisoformat(one["endsAt"]) <= now} for one in await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/v2/alerts", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await runner.cleanup()
