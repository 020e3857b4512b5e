"""Prometheus's own judge of rules and metrics, where it is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool: on Debian, apt-get install --no-install-recommends prometheus"
)


def promtool(*arguments: str | Path, stdin: str = "") -> tuple[int, str]:
    """Run it; give its exit code and what it said."""
    done = subprocess.run(
        [str(PROMTOOL), *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr
