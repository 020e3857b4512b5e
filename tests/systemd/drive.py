"""What happens on the booted machine, in the order of docs/install.md; each fact goes to /out/facts.json.

It runs there with Debian's Python alone. Nothing is judged here: test_boot.py does that.
"""

import json
import os
import signal
import subprocess
import traceback
from functools import partial
from pathlib import Path
from typing import Any

from tests.systemd import bucket, entry
from tests.systemd.page import blocks
from tests.systemd.shell import control, good, lines_of, one, query, reached, say, sh, show, wait

SERVICES = ("vestnik-worker@1", "vestnik-worker@2", "vestnik-bot", "vestnik-api")
HUNG, KILLED = "vestnik-worker@2", "vestnik-worker@1"
WAITING = (KILLED, "vestnik-api")
"""Those that are started before the databases."""
OFFLINE = (
    r"""--from /wheels/vestnik-$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)-py3-none-any.whl """
    "--pip-args '--no-index --find-links /wheels'"
)
PASSWORDS = {"owner": "made-up-owner-word", "worker": "made-up-worker-word", "redis": "made-up-redis-word"}
TOKEN = "1000000001:AAVestnikSimulatorDevelopmentToken0"
URLS = (
    f"postgresql://vestnik_owner:{PASSWORDS['owner']}@127.0.0.1/app",
    f"postgresql://vestnik_worker:{PASSWORDS['worker']}@127.0.0.1/app",
    f"redis://:{PASSWORDS['redis']}@127.0.0.1:6379/0",
    TOKEN,
)
SETTINGS = {
    # slow, so that there is a load for as long as workers are broken and stopped, also on a slow machine
    "vestnik.env": "TELEGRAM_API_BASE=http://127.0.0.1:8081\nBOT_RATE=10\n",
    "worker-1.env": "METRICS_BIND=127.0.0.1:9101\n",
    "api.env": "HTTP_BIND=127.0.0.1:8080\n",
}
DROP_INS = {KILLED: "[Service]\nRestartSec=1s\n", HUNG: "[Service]\nRestartSec=1s\nWatchdogSec=15s\n"}
"""As for a service that stays, but within a test's time; only one that really hangs is silent for so long."""
SAMPLE = "/checkout/examples/marketplace"
SECRETS = Path("/etc/vestnik/secrets")

SENT = "select count(*) from outbox.delivery where channel = 'telegram' and state = 'sent'"
OPEN = "select count(*) from outbox.delivery where channel = 'telegram' and state in ('pending', 'sending')"
IN_FLIGHT = "select coalesce(sum(cardinality(lanes)), 0) from outbox.run where lease_until is not null"
UNRELAYED = "select count(*) from outbox.event e where not exists (select from outbox.batch b where b.events @> e.id)"
UNKNOWN = "select count(*) from outbox.attempt where outcome = 'unknown'"

facts: dict[str, Any] = {}


def commands(heading: str, number: int = 0) -> str:
    """Give a block of the page; the script gets what it needs on a machine without a network."""
    found = blocks()[heading][number]
    return found.replace("deploy/install.sh", f"deploy/install.sh {OFFLINE}")


def install() -> None:
    """Look, install, and install again."""
    look, do = commands("Install").splitlines()
    facts["looked"] = sh(look)
    facts["made_by_looking"] = [
        path for path in ("/opt/vestnik", "/etc/vestnik", "/etc/sysusers.d") if Path(path).exists()
    ]
    facts["installed"] = sh(do)
    facts["packages"] = [path.name for path in Path("/opt/vestnik/current/lib").glob("python3*/site-packages/*")]
    facts["installed_again"] = sh(do)
    for name, text in SETTINGS.items():
        with Path("/etc/vestnik", name).open("a", encoding="utf-8") as file:
            file.write(text)
    facts["installed_over_settings"] = sh(do)


def prepare() -> None:
    """Set PostgreSQL up, write the secrets, migrate, and give the simulator its chats."""
    good("systemctl start postgresql && runuser -u postgres -- createdb app")
    good(commands("Database"), f"{PASSWORDS['owner']}\n{PASSWORDS['worker']}\n")
    good(commands("Secrets"), "".join(f"{url}\n" for url in URLS))
    open_secret = SECRETS / "REDIS_URL"
    open_secret.chmod(0o644)
    facts["open_secret"] = sh(commands("Install").splitlines()[1])
    open_secret.chmod(0o600)
    for name, drop_in in DROP_INS.items():
        folder = Path(f"/etc/systemd/system/{name}.service.d")
        folder.mkdir()
        (folder / "quick.conf").write_text(drop_in)
    good("systemctl daemon-reload && systemctl start vestnik-migrate && systemctl start simulator")
    wait("the simulator answers", lambda: reached("chats"))
    people = lines_of(f"{SAMPLE}/recipients.jsonl")
    chats = [
        {"chat_id": p["chat_id"], "state": p["chat"], "type": "private", "name": p["recipient"]}
        for p in people
        if p["chat_id"] is not None
    ]
    control("chats", chats)
    good(f"{commands('The other commands')} vestnik recipients import {SAMPLE}/recipients.jsonl")


def start() -> None:
    """Start before the databases, then let one after the other come."""
    good("systemctl stop postgresql && systemctl start --no-block " + " ".join(WAITING))
    for name, database in (("postgres", "postgresql"), ("redis", "redis-server")):
        wait(f"they wait for {name}", partial(wait_for, name))
        facts[f"without_{name}"] = {unit: show(unit, "ActiveState", "StatusText") for unit in WAITING}
        good(f"systemctl start {database}")
    wait("it is ready", lambda: one(KILLED, "ActiveState") == "active")
    facts["started"] = sh(commands("Start"))
    facts["enabled"] = sh("systemctl is-enabled vestnik.target vestnik-worker@2 vestnik-once.timer || true")
    wait("all is well", lambda: all(one(unit, "StatusText").startswith("ok: ") for unit in SERVICES))
    facts["states"] = {unit: one(unit, "ActiveState") for unit in SERVICES}
    processes = {unit: Path("/proc", one(unit, "MainPID")) for unit in SERVICES}
    seen = {unit: (path / "environ").read_bytes() + (path / "cmdline").read_bytes() for unit, path in processes.items()}
    facts["secrets_in_processes"] = [unit for unit, text in seen.items() if holds_a_secret(text)]
    facts["health"] = sh(commands("The other commands") + commands("What to expect"))


def watch() -> None:
    """Ask all that runs for its health."""
    facts["watched"] = entry.health()


def wait_for(name: str) -> bool:
    """Tell whether worker and API say that they wait for it."""
    # before it has asked it says "not checked yet"
    return all(one(unit, "StatusText").startswith(f"starting: waits for {name} (out of reach") for unit in WAITING)


def running(unit: str, but: str = "0") -> bool:
    """Tell whether a unit is up in another process than that one."""
    found = show(unit, "ActiveState", "MainPID")
    return found["ActiveState"] == "active" and found["MainPID"] not in {"0", but}


def break_workers() -> None:
    """Under load, kill one worker and hang the other."""
    load = f"{commands('The other commands')} vestnik load {SAMPLE}/events.jsonl"
    with subprocess.Popen(["/bin/bash", "-euc", load]) as loading:
        wait("it sends", lambda: query(SENT) > 20)
        before = {unit: one(unit, "MainPID") for unit in (KILLED, HUNG)}
        os.kill(int(before[HUNG]), signal.SIGSTOP)
        os.kill(int(before[KILLED]), signal.SIGKILL)
        facts["open_at_the_kill"] = query(OPEN) + query(UNRELAYED)
        facts["in_flight_at_the_kill"] = query(IN_FLIGHT)
        wait("the killed one is back", lambda: running(KILLED, before[KILLED]))
        wait("the hung one is back", lambda: running(HUNG, before[HUNG]))
    facts["loaded"] = loading.returncode
    facts["restarts"] = {unit: int(one(unit, "NRestarts")) for unit in SERVICES}


def stop_and_start() -> None:
    """Under load, stop everything; start the workers again, at the full rate."""
    sent = query(SENT)
    wait("it sends again", lambda: query(SENT) > sent)
    good(commands("Start", 1))
    facts["stopped"] = {unit: show(unit, "ActiveState", "Result", "ExecMainStatus") for unit in SERVICES}
    facts["open_when_stopped"] = query(OPEN)
    good("sed -i /^BOT_RATE=10$/d /etc/vestnik/vestnik.env && systemctl start vestnik-worker@1 vestnik-worker@2")


def versions() -> dict[str, str]:
    """Tell which version each service runs, by the folder it works in; those that do not run are left out."""
    pids = {unit: one(unit, "MainPID") for unit in SERVICES}
    return {unit: Path(f"/proc/{pid}/cwd").readlink().name.split("-")[0] for unit, pid in pids.items() if pid != "0"}


def upgrade_and_roll_back() -> None:
    """While it delivers, take the next version into use and go back again."""
    facts["upgrade_looked"] = sh(commands("Upgrade").splitlines()[0], folder="/next")
    owner = SECRETS / "MIGRATE_DATABASE_URL"
    right = owner.read_text()
    owner.write_text(right.replace(PASSWORDS["owner"], "wrong"))
    facts["migration_failed"] = sh(commands("Upgrade").splitlines()[1], folder="/next")
    facts["versions_after_it"] = versions()
    facts["link_after_it"] = Path("/opt/vestnik/current").readlink().name.split("-")[0]
    owner.write_text(right)
    facts["upgraded"] = sh(commands("Upgrade").splitlines()[1], folder="/next")
    facts["versions_upgraded"] = versions()
    facts["upgraded_again"] = sh(commands("Upgrade").splitlines()[1], folder="/next")
    facts["rolled_back"] = sh(commands("Rollback"))
    facts["versions_rolled_back"] = versions()
    facts["bot_unit_is_the_old_one"] = sh(
        "cmp deploy/systemd/vestnik-bot.service /etc/systemd/system/vestnik-bot.service"
    )
    changed = Path("/etc/systemd/system/vestnik-bot.service")
    text = changed.read_text()
    changed.write_text(text + "# mine\n")
    facts["changed_unit"] = sh(commands("Upgrade").splitlines()[1], folder="/next")
    changed.write_text(text)


def count() -> None:
    """Wait until nothing is due, and keep what PostgreSQL and the people's chats have."""
    wait("nothing is due", lambda: query(UNRELAYED) + query(OPEN) == 0)
    facts["proof"] = sh(f"{commands('The other commands')} vestnik prove")
    facts["unknown"] = query(UNKNOWN)
    people = lines_of(f"{SAMPLE}/recipients.jsonl")
    facts["chats"] = {
        person["recipient"]: [
            int(message["reply_markup"]["inline_keyboard"][0][0]["url"].rsplit("/", 1)[-1])
            for message in control(f"chats/{person['chat_id']}/messages")
        ]
        for person in people
        if person["chat"] == "started"
    }


def deliver_once() -> None:
    """In the place of the workers, let the timer's service deliver an event."""
    good("systemctl stop 'vestnik-worker@*'")
    facts["timer"] = sh(commands("Start", 2) + "systemctl is-active vestnik-once.timer")
    sent = query(SENT)
    emit = (
        """vestnik emit invitation.created --to u-0004 --data '{"job": "Reels", "brand": "Acme", "url": "/jobs/1"}'"""
    )
    good(f"{commands('The other commands')} {emit}")
    # the first may have joined a run of the timer that began before the event
    good("systemctl start vestnik-once && systemctl start vestnik-once")
    facts["sent_once"] = query(SENT) - sent


def tend() -> None:
    """Let the nightly timers' services do their work once."""
    facts["nightly"] = sh(commands("Start", 3) + "systemctl is-active vestnik-prune.timer vestnik-backup.timer")
    facts["tended"] = sh("systemctl start vestnik-prune.service vestnik-backup.service")
    facts["backups"] = sh("stat -c '%a %U %n' /var/lib/vestnik-backup/*")


def back_up_into_a_bucket() -> None:
    """Let the backup go into a bucket."""
    facts["bucket"] = bucket.back_up(holds_a_secret)


def look_after() -> None:
    """Do what the runbook and the page about upgrades say."""
    facts["runbook"] = entry.runbook()
    facts["upgrade_page"] = entry.upgrade()
    facts["states_after_it"] = {unit: one(unit, "ActiveState") for unit in SERVICES}


def holds_a_secret(text: bytes) -> bool:
    """Look for any of the secrets; a file's last word is one."""
    kept = [path.read_text().split()[-1] for path in SECRETS.iterdir()]
    return any(secret.encode() in text for secret in (*PASSWORDS.values(), *kept))


def read_the_journal() -> None:
    """Look where the machine has kept all that was said."""
    good("journalctl --sync && journalctl --no-pager --output=cat > /out/journal")
    journal = Path("/out/journal").read_bytes()
    facts["journal_has"] = [
        word for word in ("worker_started", "bot_started", "api_started") if word.encode() in journal
    ]
    facts["secret_in_journal"] = holds_a_secret(journal)
    facts["rights"] = sh("stat -c '%a %U %n' /etc/vestnik/secrets /etc/vestnik/secrets/*")
    facts["watchdog"] = sh(f"journalctl --no-pager --output=cat --unit {HUNG} | grep -c 'Watchdog timeout'")


STEPS = (
    install,
    prepare,
    start,
    watch,
    break_workers,
    stop_and_start,
    upgrade_and_roll_back,
    count,
    deliver_once,
    tend,
    back_up_into_a_bucket,
    look_after,
    read_the_journal,
)


def main() -> None:
    """Do all of it; a fault ends it and stands among the facts."""
    try:
        for step in STEPS:
            say(f"=== {step.__name__}")
            step()
    except Exception:  # noqa: BLE001 (the test shows it)
        facts["fault"] = traceback.format_exc()
        sh("systemctl --no-pager --full status 'vestnik-*' simulator; journalctl --no-pager | tail -n 150; true")
    Path("/out/facts.json").write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
