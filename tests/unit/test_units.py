"""deploy/systemd is held to what systemd says of it, and to the settings and times of the code."""

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from workers.configuration.settings import SECRETS, Settings
from workers.process.graceful_stop import STOP_WITHIN_S

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(path.name for pattern in ("*.service", "*.timer", "*.target") for path in FOLDER.glob(pattern))
SERVICES = [name for name in UNITS if name.endswith(".service")]
STAYING = ["vestnik-api.service", "vestnik-bot.service", "vestnik-worker@.service"]
WORST_EXPOSURE = 1.5
PROGRAMS = ("vestnik", "vestnik-backup")
BASE = {"DATABASE_URL", "REDIS_URL", "TELEGRAM_BOT_TOKEN"}
NEEDED = {
    "vestnik-backup.service": {"DATABASE_URL"},
    "vestnik-api.service": {*BASE, "INBOX_JWT_SECRET", "OUTBOX_CONSUMER_SECRET"},
    "vestnik-bot.service": BASE,
    "vestnik-migrate.service": {"DATABASE_URL"},
    "vestnik-once.service": BASE,
    "vestnik-prune.service": {"DATABASE_URL"},
    "vestnik-worker@.service": BASE,
}
"""The secrets of each unit."""


def read(name: str) -> dict[str, list[str]]:
    """Read a unit: every value of each key, in order."""
    found = defaultdict(list)
    for line in (FOLDER / name).read_text().splitlines():
        if re.match(r"[A-Z]\w*=", line):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def call(program: str, *arguments: str) -> str:
    """Call one of systemd's programs and give all that it printed; the test is skipped where it is missing."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is missing; on Debian: apt-get install systemd")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout + done.stderr


def sample(name: str) -> str:
    """Name an instance where the unit is a template."""
    return name.replace("@.", "@1.")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay out a machine on which the units are installed."""
    made = tmp_path_factory.mktemp("root")
    system = made / "usr/lib/systemd/system"
    known = Path("/usr/lib/systemd/system")
    if known.exists():
        shutil.copytree(known, system, symlinks=True)
    system.mkdir(parents=True, exist_ok=True)
    for name in UNITS:
        shutil.copy(FOLDER / name, system)
    folder = made / "opt/vestnik/current/bin"
    folder.mkdir(parents=True)
    for program in PROGRAMS:
        (folder / program).write_text("#!/bin/sh\n")
        (folder / program).chmod(0o755)
    return made


def test_the_units_are_there() -> None:
    """The folder has the units that the documentation names."""
    assert set(UNITS) == {
        *NEEDED,
        "vestnik-backup.timer",
        "vestnik-once.timer",
        "vestnik-prune.timer",
        "vestnik.target",
    }


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_no_fault(root: Path, name: str) -> None:
    """`systemd-analyze verify` has nothing to say."""
    assert call("systemd-analyze", "verify", "--man=no", f"--root={root}", sample(name)) == ""


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardened(name: str) -> None:
    """`systemd-analyze security` rates its exposure at 1.5 or less."""
    said = call("systemd-analyze", "security", "--offline=true", "--no-pager", str(FOLDER / name))
    rated = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert rated
    assert float(rated[1]) <= WORST_EXPOSURE


@pytest.mark.parametrize("name", SERVICES)
def test_every_secret_is_a_credential(name: str) -> None:
    """A unit loads the secrets that its command needs, each from a file that only root can read, and no others."""
    loaded = dict(value.split(":") for value in read(name)["LoadCredential"])
    assert set(loaded) == NEEDED[name]
    assert {path.rpartition("/")[0] for path in loaded.values()} == {"/etc/vestnik/secrets"}


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_the_environment_or_the_command(name: str) -> None:
    """Environment, PassEnvironment and ExecStart name no secret, nor a file of one."""
    unit = read(name)
    assert "SetCredential" not in unit
    shown = " ".join([*unit["Environment"], *unit["PassEnvironment"], *unit["ExecStart"]])
    assert [secret for secret in SECRETS if secret in shown] == []
    settings = {value.partition("=")[0].lower() for value in unit["Environment"]}
    assert settings <= set(Settings.model_fields)


def test_the_example_of_the_environment_has_settings_only() -> None:
    """Each line of vestnik.env, also one that is commented out, is a setting with a value that it may have."""
    lines = re.findall(r"^#?([A-Z][A-Z_]*)=(.*)$", (FOLDER / "vestnik.env").read_text(), re.MULTILINE)
    given = {name.lower(): value for name, value in lines}
    assert given
    assert set(given) - set(Settings.model_fields) == set()
    assert [name for name in SECRETS if name.lower() in given] == []
    Settings(**{name: value for name, value in given.items() if value})


def test_the_example_leaves_to_the_units_what_is_theirs() -> None:
    """A file that all units share cannot hold an address or a name that only one may have."""
    given = re.findall(r"^#?([A-Z][A-Z_]*)=", (FOLDER / "vestnik.env").read_text(), re.MULTILINE)
    assert set(given) & {"HEALTH_FILE", "INSTANCE", "METRICS_BIND", "HTTP_BIND"} == set()


@pytest.mark.parametrize("name", [*STAYING, "vestnik-once.service"])
def test_what_is_in_flight_may_land(name: str) -> None:
    """The manager waits longer for the end than the process needs."""
    assert float(read(name)["TimeoutStopSec"][0].removesuffix("s")) > STOP_WITHIN_S


@pytest.mark.parametrize("name", STAYING)
def test_a_service_that_stays_is_watched(name: str) -> None:
    """It tells systemd when it is ready, is restarted when it fails or hangs, and not for ever."""
    unit = read(name)
    assert unit["Type"] == ["notify"]
    assert unit["WatchdogSec"] == ["30s"]
    assert unit["Restart"] == ["on-failure"]
    assert unit["StartLimitBurst"] == ["10"]
    assert unit["StartLimitIntervalSec"] == ["10min"]
    assert unit["RestartSec"] == ["5s"]


@pytest.mark.parametrize("name", STAYING)
def test_a_start_waits_as_long_as_it_takes(name: str) -> None:
    """An outage of PostgreSQL or Redis at the start costs time only: it uses up no starts."""
    assert read(name)["TimeoutStartSec"] == ["infinity"]


@pytest.mark.parametrize("name", [*STAYING, "vestnik-once.service"])
def test_migrations_come_first(name: str) -> None:
    """Every service that works comes after the migrations, and starts them."""
    assert all("vestnik-migrate.service" in read(name)[key][0].split() for key in ("After", "Wants"))


def test_user_and_folders(tmp_path: Path) -> None:
    """sysusers.d makes a user without a login, and tmpfiles.d the folders, that of the secrets for root alone."""
    if os.geteuid() != 0:
        pytest.skip("only root may give a folder to somebody")
    (tmp_path / "etc").mkdir()
    call("systemd-sysusers", f"--root={tmp_path}", str(FOLDER / "sysusers.d/vestnik.conf"))
    (user,) = [line for line in (tmp_path / "etc/passwd").read_text().splitlines() if line.startswith("vestnik:")]
    assert user.endswith(":/nonexistent:/usr/sbin/nologin")
    call("systemd-tmpfiles", "--create", f"--root={tmp_path}", str(FOLDER / "tmpfiles.d/vestnik.conf"))
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("run/vestnik", "etc/vestnik/secrets")}
    assert modes == {"run/vestnik": 0o755, "etc/vestnik/secrets": 0o700}
