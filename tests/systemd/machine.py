"""A machine with a systemd of its own: an empty root over this machine's /usr, without a network, gone when it ends."""

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

FILES = Path(__file__).parent / "machine"
LIMIT_S = 900.0
"""A machine ten times slower still gets there."""
TIDY_S = 10.0
UNIFIED = Path("/sys/fs/cgroup/unified")
HIERARCHIES = {
    "": UNIFIED if UNIFIED.exists() else Path("/sys/fs/cgroup"),
    "name=systemd": Path("/sys/fs/cgroup/systemd"),
}
"""Those in which a systemd keeps its processes; an older kernel's machine has both."""


def why_not(postgres: Path | None) -> str | None:
    """Say why this machine cannot boot another one; none: it can."""
    if os.geteuid() != 0:
        return "only root can boot a machine"
    missing = [name for name in ("systemd-nspawn", "redis-server", "rclone") if shutil.which(name) is None]
    if missing:
        return f"missing: {', '.join(missing)}; on Debian: apt-get install systemd-container redis-server rclone"
    if postgres is None:
        return "no PostgreSQL under /usr/lib/postgresql; on Debian: apt-get install postgresql-15"
    script = "import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, 11))"
    if subprocess.run(["/usr/bin/python3", "-c", script], capture_output=True, check=False).returncode != 0:
        return "no Python 3.11 with venv as /usr/bin/python3; on Debian 12: apt-get install python3-venv"
    return None


def boot(folder: Path, shared: Mapping[str, Path], postgres: Path) -> None:
    """Boot it and wait until it has ended by itself, or took too long; its console goes to `console.log`."""
    units = _units(folder / "units", postgres)
    out = folder / "out"
    out.mkdir()
    binds = {
        "/run/systemd/system": units,
        "/run/sysusers.d/machine.conf": units / "sysusers.conf",
        "/run/systemd/system-preset/00-none.preset": units / "none.preset",
        # runuser asks PAM
        "/etc/pam.d": Path("/etc/pam.d"),
        "/etc/security": Path("/etc/security"),
        **shared,
    }
    with (folder / "console.log").open("wb") as console, _cgroups() as enter:
        started = subprocess.Popen(
            [
                *("systemd-nspawn", "--quiet", "--directory=/", "--volatile=yes", "--boot", "--private-network"),
                # no manager of machines, and none of services, is needed outside
                *("--register=no", "--keep-unit", f"--machine={folder.name[:20]}-{uuid.uuid4().hex[:8]}"),
                *(f"--bind-ro={outside}:{inside}" for inside, outside in binds.items()),
                f"--bind={out}:/out",
                *("--", "systemd.firstboot=no", "systemd.unit=drive.target"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=enter,  # noqa: PLW1509 (nothing else of this process holds locks of its child)
        )
        try:
            with suppress(subprocess.TimeoutExpired):
                started.wait(LIMIT_S)
        finally:
            _end(started)


def _units(folder: Path, postgres: Path) -> Path:
    shutil.copytree(FILES, folder)
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text().replace("@POSTGRES@", str(postgres)))
    return folder


def _end(started: subprocess.Popen[bytes]) -> None:
    """End the machine with all that runs in it, whatever it does."""
    if started.poll() is not None:
        return
    # its only child is the machine's own init, with which all the rest goes
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
    for pid in children:
        os.kill(int(pid), signal.SIGKILL)
    try:
        started.wait(TIDY_S)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()


@contextmanager
def _cgroups() -> Iterator[Callable[[], None]]:
    """Make places of its own for the machine's processes, so that two machines are not in each other's way."""
    lines = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
    name = f"vestnik-{uuid.uuid4().hex[:8]}"
    places = [
        base / lines[hierarchy].lstrip("/") / name
        for hierarchy, base in HIERARCHIES.items()
        if hierarchy in lines and (base / "cgroup.procs").exists()
    ]
    for place in places:
        place.mkdir()
    try:
        yield lambda: _enter(places)
    finally:
        for place in places:
            _remove(place)


def _enter(places: Iterable[Path]) -> None:
    for place in places:
        (place / "cgroup.procs").write_text("0")


def _remove(place: Path) -> None:
    for inner in sorted((path for path in place.rglob("*") if path.is_dir()), reverse=True):
        inner.rmdir()
    place.rmdir()
