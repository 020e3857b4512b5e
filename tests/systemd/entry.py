"""What docs/runbook.md, docs/health.md and docs/upgrade.md give root to type in, on the booted machine."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests import page
from tests.systemd.page import blocks
from tests.systemd.shell import good, one, query, sh

HERE = re.compile(
    r"^(?:\*/5 .+?vestnik  |command\[\w+\]=)?"
    r"((?:systemctl|journalctl|chgrp|echo|vacuumdb|/opt/vestnik/current/bin/vestnik) .+|vestnik worker --once)$"
)
UNIT = "vestnik-prune"
METRICS = Path("/var/lib/prometheus/node-exporter")
SETTINGS = Path("/etc/vestnik/prune.env")
GIVEN_UP = "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=1\n"
"""As after ten starts of a service that stays."""
EMIT = """
select outbox.emit('invitation.created', array['u-0004'], '{"job": "Reels", "brand": "Acme", "url": "/jobs/2"}')
"""
SENT = "select count(*) from outbox.delivery where state = 'sent' and event_id = %d"

Done = dict[str, Any]


def commands(text: str) -> list[str]:
    """List what is for a machine with systemd, in the order of the page, without what cron or NRPE has before it."""
    return [found[1] for line in page.typed(text) if (found := HERE.match(line))]


def follow(text: str) -> Done:
    """Type in what stands there; give how each command ended, and what it printed."""
    before = blocks()["The other commands"][0]
    return {line: sh(before + _by(line) + line.replace("UNIT", UNIT)) for line in commands(text)}


def _by(line: str) -> str:
    # cron and NRPE run as users of their own: what the one with the fewest rights may, they may
    users = {"/opt/vestnik/current/bin/vestnik": "nobody", "vacuumdb": "postgres"}
    user = users.get(line.split(maxsplit=1)[0])
    return f"runuser -u {user} -- " if user else ""


def health() -> Done:
    """While all runs, do what docs/health.md has for cron, monitoring and metrics."""
    METRICS.mkdir(parents=True)
    return follow(page.read("health.md"))


def runbook() -> Done:
    """Go through the entries of the runbook, each in the state that it is about."""
    return {entry: STATES.get(entry, follow)(text) for entry, text in page.entries(page.read("runbook.md")).items()}


def upgrade() -> Done:
    """Do what docs/upgrade.md has for systemd and PostgreSQL: in the end all runs again."""
    return follow(page.read("upgrade.md"))


def _once_fails(text: str) -> Done:
    good("systemctl stop vestnik-once.timer vestnik-once.service")
    event = query(EMIT)
    done = follow(text)
    done["sent"] = query(SENT % event)
    done["timer"] = one("vestnik-once.timer", "ActiveState")
    done["metrics"] = good(f"stat -c '%a %U' {METRICS}/vestnik.prom")
    return done


def _unit_failed(text: str) -> Done:
    folder = Path(f"/etc/systemd/system/{UNIT}.service.d")
    folder.mkdir()
    (folder / "given-up.conf").write_text(GIVEN_UP)
    good(f"systemctl daemon-reload && systemctl reset-failed {UNIT}")
    SETTINGS.write_text("RETENTION=never\n")
    sh(f"systemctl start {UNIT}")
    SETTINGS.unlink()
    refused = sh(f"systemctl start {UNIT}")["code"]
    # what a unit has said may be on its way to the journal when the unit has ended
    good("journalctl --sync")
    return {**follow(text), "refused": refused}


STATES: Mapping[str, Callable[[str], Done]] = {
    "VestnikOnceFails": _once_fails,
    "VestnikUnitFailed": _unit_failed,
}
