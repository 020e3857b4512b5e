"""The bucket of docs/backup-restore.md on the booted machine: set up as the page says, written to, and read."""

import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import page
from tests.s3.bucket import new_bucket
from tests.systemd.page import blocks
from tests.systemd.shell import good, one, sh, show, wait

PAGE = "backup-restore.md"
UNIT = "vestnik-backup.service"
ENDPOINT = "http://127.0.0.1:9000"
SETTINGS = Path("/etc/vestnik/backup.env")
LINES = Path("/run/lines")
"""What the operator types into the editor."""
# the editor is opened on a terminal only
EDIT = f"SYSTEMD_EDITOR='cp {LINES}' script --quiet --return --command '{{command}}' /dev/null </dev/null"
WROTE = re.compile(r"^backup: wrote s3://backups/vestnik/(\S+)\.dump,", re.MULTILINE)
FETCH = """set -a && . {settings}
export AWS_SHARED_CREDENTIALS_FILE=/etc/vestnik/secrets/AWS_CREDENTIALS
{fetch}
cd "${{BACKUP%/*}}" && sha256sum --check "$BACKUP.sha256"
"""


def back_up(holds_a_secret: Callable[[bytes], bool]) -> dict[str, Any]:
    """Let the unit write into a bucket instead of its folder, look at it meanwhile, and fetch what it wrote."""
    good("systemctl start bucket")
    wait("the bucket's server answers", _answers)
    bucket = new_bucket(ENDPOINT)
    _by_hand, fetch, settings, key, lines = blocks(PAGE)["A bucket"]
    SETTINGS.write_text(settings.replace("https://s3.example", ENDPOINT))
    good(key, f"{bucket.key}\n{bucket.secret}\n")
    LINES.write_text(lines)
    (command,) = re.findall(r"`(systemctl edit [^`]+)`", page.read(PAGE))
    edited = sh(EDIT.format(command=command))
    seen = _at_work()
    journal = good(f"journalctl --sync && journalctl --no-pager --output=cat --unit {UNIT}")
    name = (WROTE.findall(journal) or ["nothing"])[-1]
    fetched = sh(FETCH.format(settings=SETTINGS, fetch=re.sub("(?<=/)vestnik-outbox-.*", name, fetch)))
    return {
        "edited": edited,
        "ended": show(UNIT, "Result", "ExecMainStatus"),
        "programs_seen": sorted(seen),
        "secret_seen": any(holds_a_secret(text) for text in seen.values()),
        "fetched": fetched,
    }


def _answers() -> bool:
    try:
        urllib.request.urlopen(f"{ENDPOINT}/moto-api/").close()  # noqa: S310 (the loopback interface)
    except OSError:
        return False
    return True


def _at_work() -> dict[str, bytes]:
    """Back up; give environment and command line of each of the unit's programs while the bucket lets it wait."""
    good(f"systemctl kill --signal=SIGSTOP bucket && systemctl start --no-block {UNIT}")
    wait("it sends", lambda: "rclone" in _programs())
    seen = _programs()
    good("systemctl kill --signal=SIGCONT bucket")
    wait("it has ended", lambda: one(UNIT, "ActiveState") in {"inactive", "failed"})
    return seen


def _programs() -> dict[str, bytes]:
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if UNIT in (process / "cgroup").read_text():
                what = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
                found[(process / "comm").read_text().strip()] = what
        except OSError:  # it has just ended
            continue
    return found
