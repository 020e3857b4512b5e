"""A real Prometheus, with what deploy/ gives it, watches real processes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from outbox.database.connection import connect
from tests import page
from tests.integration.api_stage import SECRETS
from tests.integration.prometheus import needs_prometheus, prometheus
from tests.integration.stage import TYPE, Stage, until_true
from tests.unit.promql import queries
from tests.unit.promtool import promtool
from workers.embedded.child_process import process
from workers.embedded.engine import free_port

pytestmark = needs_prometheus

JOBS = {"vestnik-worker": ["worker", "--watch"], "vestnik-bot": ["bot"], "vestnik-api": ["api"]}
"""What each job of the deployed configuration scrapes."""

RECORDS = [
    "vestnik:relay_lag_seconds:max",
    "vestnik:oldest_due_seconds:max",
    "vestnik:backlog:max",
    "vestnik:dead_letter_oldest_seconds:max",
    "vestnik:telegram_gate_closed:max",
    "vestnik:unread_drift:max",
    "vestnik:oldest_open_transaction_seconds:max",
    "vestnik:outbox_bytes:sum",
]
"""What is recorded from the first minute on."""

QUERIES = queries(page.read("runbook.md") + page.read("health.md"))
WAS_PENDING = 'max_over_time(ALERTS{alertname="VestnikRelayLate", alertstate="pending"}[1h])'
"""Prometheus' own account: whoever only looks may miss three seconds."""

EMIT_A_MINUTE_AGO = """
insert into outbox.event (type, recipients, payload, created_at) values ($1, $2, $3, now() - interval '1 minute')
"""


@pytest.fixture
def targets(stage: Stage) -> Iterator[dict[str, str]]:
    """Run a worker, a bot and an API; give where each shows its metrics."""
    found = {job: f"127.0.0.1:{free_port()}" for job in JOBS}
    with ExitStack() as running:
        started = []
        for job, command in JOBS.items():
            own = {**SECRETS, **stage.environment, "INSTANCE": job, "HTTP_BIND": "127.0.0.1:0"}
            log = stage.folder / f"{job}.log"
            started.append(running.enter_context(process(command, {**own, "METRICS_BIND": found[job]}, log)))
        yield found
        for one in started:
            # all at once: each takes its time
            one.terminate()


@asynccontextmanager
async def relay_stopped(stage: Stage) -> AsyncIterator[None]:
    """Hold the cursor, as a stuck relay would: nobody else relays meanwhile."""
    holder = await connect(stage.environment["DATABASE_URL"])
    try:
        async with holder.transaction():
            await holder.fetch("select from outbox.cursor where consumer = 'relay' for update")
            yield
    finally:
        await holder.close()


async def test_it_scrapes_records_and_wakes_somebody(stage: Stage, targets: dict[str, str], tmp_path: Path) -> None:
    """Worker, bot and API are scraped; while the relay stands still its alert is pending, then sent, then resolved.

    The records have values, and the alert that is sent has its labels and the place of its entry in the runbook.
    What the pages give to be asked it answers.
    """
    await stage.people({"anna": 11})
    async with prometheus(tmp_path, targets) as watching:

        async def all_up() -> bool:
            return {labels["job"]: up for labels, up in await watching.values("up")} == dict.fromkeys(JOBS, 1.0)

        await until_true(all_up)
        for record in RECORDS:

            async def recorded(name: str = record) -> bool:
                return [labels["environment"] for labels, _ in await watching.values(name)] != []

            await until_true(recorded)
        assert await watching.state("VestnikRelayLate") == ""
        for query in QUERIES:
            assert "result" in await watching.ask("query", query=query), query

        async def fires() -> bool:
            return await watching.state("VestnikRelayLate") == "firing"

        async with relay_stopped(stage):
            await stage.conn.execute(EMIT_A_MINUTE_AGO, TYPE, ["anna"], {"job": "Reels"})
            await until_true(fires)
            sent = await watching.is_told("VestnikRelayLate", resolved=False)
        assert await watching.values(WAS_PENDING) != []
        assert sent["labels"] == {"alertname": "VestnikRelayLate", "severity": "critical", "environment": "production"}
        assert sent["annotations"]["runbook"] == "docs/runbook.md#vestnikrelaylate"
        assert sent["annotations"]["summary"].startswith("The relay is 1m")

        async def over() -> bool:
            lags = [lag for _, lag in await watching.values("vestnik:relay_lag_seconds:max")]
            return [lag < 30 for lag in lags] == [True] and await watching.state("VestnikRelayLate") == ""

        await watching.is_told("VestnikRelayLate", resolved=True)
        # a scrape that fails ends an alert, too, until the next one
        await until_true(over)
        await pages_are_well_formed(targets)


async def pages_are_well_formed(targets: dict[str, str]) -> None:
    """Assert that what each process shows has no fault that promtool knows."""
    for target in targets.values():
        async with aiohttp.request("GET", f"http://{target}/metrics") as shown:
            assert promtool("check", "metrics", stdin=await shown.text()) == (0, "")
