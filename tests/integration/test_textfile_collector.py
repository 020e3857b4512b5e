"""node_exporter's textfile collector shows what `worker --once` leaves."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from health import write_textfile
from tests.integration.stage import until_true
from tests.unit.test_metrics import used
from workers.embedded.engine import free_port

PROGRAM = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no node_exporter: apt-get install prometheus-node-exporter")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    """Run a node_exporter that reads the test's folder and nothing of the machine; give where it shows that."""
    bind = f"127.0.0.1:{free_port()}"
    folder = f"--collector.textfile.directory={tmp_path}"
    command = [str(PROGRAM), "--collector.disable-defaults", "--collector.textfile", folder]
    with subprocess.Popen(
        [*command, f"--web.listen-address={bind}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        yield f"http://{bind}/metrics"
        running.terminate()


async def test_it_shows_what_a_run_has_left(page: str, tmp_path: Path) -> None:
    """All of a run's metrics are there, without a fault and beside nobody's half-written file."""
    registry = CollectorRegistry()
    used(registry)
    write_textfile(tmp_path / "vestnik.prom", registry)
    (tmp_path / ".vestnik.prom.4711").write_text("half of a li")
    shown: list[str] = []

    async def listens() -> bool:
        try:
            async with aiohttp.request("GET", page) as answer:
                shown[:] = (await answer.text()).splitlines()
        except aiohttp.ClientConnectionError:
            return False
        return True

    await until_true(listens)
    assert "node_textfile_scrape_error 0" in shown
    assert [line for line in shown if line.startswith("node_textfile_mtime_seconds")]
    ours = [line for line in (tmp_path / "vestnik.prom").read_text().splitlines() if not line.startswith("#")]
    series = {line.rpartition(" ")[0].split("{")[0] for line in shown}
    assert {line.rpartition(" ")[0].split("{")[0] for line in ours} <= series
    assert 'vestnik_deliveries_total{channel="telegram",outcome="delivered",reason=""} 3' in shown
