"""The metrics that a run leaves for node_exporter."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from health import Metrics, write_textfile
from tests.unit.promtool import needs_promtool, promtool
from tests.unit.test_metrics import used
from workers.configuration.settings import SettingsError, load

KILLED_HALFWAY = """
import os, signal, sys
from pathlib import Path
from prometheus_client import CollectorRegistry
from health import Metrics, file, write_textfile
file.os.fchmod = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write_textfile(Path(sys.argv[1]), Metrics(CollectorRegistry()).registry)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that is not there yet."""
    return tmp_path / "vestnik.prom"


def test_everybody_may_read_it_and_nothing_else_is_left(path: Path) -> None:
    """The file can be read by node_exporter whatever the umask of the unit, and stands alone in its folder."""
    registry = CollectorRegistry()
    Metrics(registry).lease_lost.inc(2)
    mask = os.umask(0o077)
    try:
        write_textfile(path, registry)
    finally:
        os.umask(mask)
    assert "\nvestnik_lease_lost_total 2.0\n" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]


@needs_promtool
def test_promtool_finds_no_fault(path: Path) -> None:
    """What is written, with a sample of every metric, is well-formed."""
    registry = CollectorRegistry()
    used(registry)
    write_textfile(path, registry)
    assert promtool("check", "metrics", stdin=path.read_text()) == (0, "")


def test_a_process_that_is_killed_in_between_leaves_the_old_file(path: Path) -> None:
    """The file from the run before stays whole, and node_exporter sees no other."""
    path.write_text("vestnik_lease_lost_total 1\n")
    killed = subprocess.run([sys.executable, "-c", KILLED_HALFWAY, path], check=False)
    assert killed.returncode == -9
    assert path.read_text() == "vestnik_lease_lost_total 1\n"
    assert list(path.parent.glob("*.prom")) == [path]


@pytest.mark.parametrize("wrong", ["/var/lib/vestnik.txt", "vestnik.prom", "/var/lib/"])
def test_a_name_that_node_exporter_does_not_read_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """METRICS_TEXTFILE is an absolute path that ends in .prom."""
    monkeypatch.setenv("METRICS_TEXTFILE", wrong)
    with pytest.raises(SettingsError, match=r"^METRICS_TEXTFILE is malformed: it must be an absolute path .* \.prom"):
        load()
