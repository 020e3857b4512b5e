"""deploy/install.sh on a system in a folder, where no systemd runs: what it refuses, keeps and removes."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import page
from tests.integration.stage import PROJECT
from tests.systemd.page import blocks

SCRIPT = PROJECT / "deploy" / "install.sh"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can install")


class System:
    """A system in a folder; what takes long to build is there already."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.opt = root / "opt/vestnik"
        (root / "etc").mkdir()
        self.python = root / "python"
        self.answer("3.11.2")

    def answer(self, version: str, prefix: str = "/usr", venv: int = 0) -> None:
        """Put a Python in place that answers what the script asks."""
        old = int(version < "3.11")
        self.python.write_text(
            f'#!/bin/sh\ncase "$*" in *version_info*) exit {old};; *ensurepip*) exit {venv};; '
            f"*base_prefix*) echo {prefix};; *-V*) echo Python {version};; *) mkdir -p $3; exit 9;; esac\n"
        )
        self.python.chmod(0o755)

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        own = ("--root", str(self.root), *(() if "--rollback" in options else ("--python", str(self.python))))
        return subprocess.run([SCRIPT, *own, *options], capture_output=True, text=True, check=False)

    def wanted(self) -> str:
        """Tell which folder the checkout would be built into."""
        (name,) = re.findall(r"would build \S+/(\S+) with", self.run("--dry-run").stdout)
        return str(name)

    def version(self, name: str, link: str | None = None) -> Path:
        """Put a version in place that looks as if it had been built."""
        folder = self.opt / name
        (folder / "bin").mkdir(parents=True)
        (folder / "bin/vestnik").touch(mode=0o755)
        (folder / "share/vestnik").mkdir(parents=True)
        (folder / "share/vestnik/complete").touch()
        subprocess.run(["/bin/cp", "-r", PROJECT / "deploy/systemd", folder / "share/vestnik"], check=True)
        if link:
            (self.opt / link).symlink_to(name)
        return folder

    def names(self) -> dict[str, str]:
        """Tell what the links name."""
        return {path.name: str(path.readlink()) for path in self.opt.iterdir() if path.is_symlink()}

    def everything(self) -> dict[str, bytes]:
        """Read every file below the root."""
        return {str(path): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def system(tmp_path: Path) -> System:
    """Have an empty system."""
    return System(tmp_path)


REFUSED = {
    "option": (["--force"], 2, "unknown option --force; --help lists them"),
    "value": (["--from"], 2, "--from needs a value; --help lists the options"),
    "both": (["--rollback", "--from", "/srv"], 2, "--rollback builds nothing: leave --from and --pip-args out"),
    "source": (["--from", "/nowhere"], 1, "/nowhere is neither a wheel nor a checkout of Vestnik"),
    "before": (["--rollback"], 1, "there is no version before this one in ROOT/opt/vestnik"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_it_does_not_understand_it_refuses(system: System, case: str) -> None:
    """It names what is wrong, ends with the code for that, and has changed nothing."""
    options, code, said = REFUSED[case]
    before = system.everything()
    done = system.run(*options)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == f"install.sh: {said.replace('ROOT', str(system.root))}\n"
    assert system.everything() == before


PYTHONS = {
    "old": (("3.10.9",), "PYTHON is Python 3.10.9; Vestnik needs 3.11 or newer: name one with --python"),
    "bare": (("3.11.2", "/usr", 1), "PYTHON has no venv module; on Debian: apt-get install python3-venv"),
    "hidden": (
        ("3.11.2", "/root/python"),
        "PYTHON lives in /root/python, which the services cannot see: name another with --python",
    ),
}


@pytest.mark.parametrize("case", PYTHONS)
def test_a_python_that_will_not_do_is_refused(system: System, case: str) -> None:
    """A Python that is too old, cannot make environments or is hidden from the services ends the run."""
    answers, said = PYTHONS[case]
    system.answer(*answers)  # type: ignore[arg-type]  # a tuple of them
    done = system.run()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"install.sh: {said.replace('PYTHON', str(system.python))}\n"


def test_a_wheel_of_another_version_is_refused(system: System, tmp_path: Path) -> None:
    """Units and program are of one version."""
    wheel = tmp_path / "vestnik-9.9.9-py3-none-any.whl"
    wheel.touch()
    done = system.run("--from", str(wheel))
    assert done.returncode == 1
    assert "is version 9.9.9, these units belong to 0.1.0: run the script of that version" in done.stderr


@pytest.mark.parametrize("kind", ["folder", "elsewhere", "empty"])
def test_a_link_that_is_not_its_own_is_refused(system: System, kind: str) -> None:
    """`current` must be a link to a version in /opt/vestnik that is there."""
    system.opt.mkdir(parents=True)
    current = system.opt / "current"
    if kind == "folder":
        current.mkdir()
    else:
        current.symlink_to({"elsewhere": "/srv/vestnik/1", "empty": "0.0.9"}[kind])
    done = system.run()
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{current} " in done.stderr
    assert done.stderr.endswith(": move it away\n")


def test_what_cannot_be_built_changes_nothing_else(system: System) -> None:
    """A build that fails ends with 3, the half of it is gone, and the version in use is the old one."""
    system.version("0.0.9-11111111", "current")
    done = system.run()
    assert done.returncode == 3
    assert done.stderr.endswith("cannot be built or does not run (see above); nothing else has changed\n")
    assert system.names() == {"current": "0.0.9-11111111"}
    assert sorted(path.name for path in system.opt.iterdir()) == ["0.0.9-11111111", "current"]
    assert not (system.root / "etc/systemd").exists()


def test_an_operators_files_stay(system: System) -> None:
    """Settings and catalog that are there are never written over; the next run has nothing to change."""
    system.version(system.wanted())
    settings = system.root / "etc/vestnik/vestnik.env"
    (settings.parent / "catalog").mkdir(parents=True)
    settings.write_text("LOG_LEVEL=debug\n")
    assert system.run().returncode == 0
    assert settings.read_text() == "LOG_LEVEL=debug\n"
    assert list((settings.parent / "catalog").iterdir()) == []
    assert system.run().stdout.startswith("nothing to change: ")


def test_every_unit_of_the_checkout_is_installed(system: System) -> None:
    """Whatever units stand in deploy/systemd are in /etc/systemd/system afterwards, as they are there."""
    system.version(system.wanted())
    assert system.run().returncode == 0
    folder = PROJECT / "deploy/systemd"
    units = {path.name: path.read_text() for path in folder.glob("vestnik*") if path.suffix != ".env"}
    placed = {path.name: path.read_text() for path in (system.root / "etc/systemd/system").iterdir()}
    assert "vestnik-worker@.service" in units
    assert placed == units


def test_the_version_before_is_kept_and_older_ones_go(system: System) -> None:
    """After an upgrade there are two versions; what was not built by the script is left alone."""
    system.version("0.0.8-22222222", "previous")
    system.version("0.0.9-11111111", "current")
    (system.opt / "notes").mkdir()
    name = system.wanted()
    system.version(name)
    done = system.run()
    assert done.returncode == 0
    assert system.names() == {"current": name, "previous": "0.0.9-11111111"}
    left = {path.name for path in system.opt.iterdir() if not path.is_symlink()}
    assert left == {name, "0.0.9-11111111", "notes"}


def test_a_unit_that_the_new_version_lacks_is_removed(system: System) -> None:
    """A unit goes with the version that had it; one that was changed by hand stays."""
    old = system.version("0.0.9-11111111", "current")
    system.version(system.wanted())
    place = system.root / "etc/systemd/system"
    place.mkdir(parents=True)
    for name, text in (("vestnik-gone.service", "[Service]\n"), ("vestnik-mine.service", "[Service]\n# mine\n")):
        (place / name).write_text(text)
        (old / "share/vestnik/systemd" / name).write_text("[Service]\n")
    assert system.run().returncode == 0
    assert not (place / "vestnik-gone.service").exists()
    assert (place / "vestnik-mine.service").exists()


def test_a_checkout_is_read_while_others_work_in_it(system: System) -> None:
    """Folders that come and go in the checkout, as a test run or an editor makes them, end nothing."""
    checkout = system.root / "checkout"
    shutil.copytree(PROJECT, checkout, ignore=shutil.ignore_patterns(".*", "tests", "docs", "__pycache__"))
    noise = f"while :; do mkdir {checkout}/.cache && rmdir {checkout}/.cache; done"
    with subprocess.Popen(["/bin/sh", "-c", noise]) as others:
        try:
            results = [system.run("--dry-run", "--from", str(checkout)) for _ in range(5)]
        finally:
            others.kill()
    assert {(done.returncode, done.stderr) for done in results} == {(0, "")}


def test_a_rollback_can_be_rolled_back(system: System) -> None:
    """The links change places, each time."""
    system.version("0.0.8-22222222", "previous")
    system.version("0.0.9-11111111", "current")
    assert system.run("--rollback").returncode == 0
    assert system.names() == {"current": "0.0.8-22222222", "previous": "0.0.9-11111111"}
    assert system.run("--rollback").returncode == 0
    assert system.names() == {"current": "0.0.9-11111111", "previous": "0.0.8-22222222"}


def test_one_run_at_a_time(system: System) -> None:
    """A second run while one is at work is refused."""
    system.version("0.0.9-11111111", "current")
    with subprocess.Popen(
        ["/usr/bin/flock", system.opt, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(b"held\n")
        other.stdin.flush()
        assert other.stdout.readline() == b"held\n"
        done = system.run()
        other.stdin.close()
    assert (done.returncode, done.stderr) == (1, "install.sh: another run of this script is at work\n")


def test_the_page_names_the_options(system: System) -> None:
    """Every option that the page names exists, and every one that exists is named."""
    printed = system.run("--help").stdout
    known = set(re.findall(r"--[a-z-]+", printed)) - {"--no-index", "--find-links"}
    table = re.findall(r"^\| `(--[a-z-]+)[ `]", page.read("install.md"), re.MULTILINE)
    assert set(table) == known
    used = [
        word for found in blocks().values() for block in found for word in re.findall(r"install\.sh (--\S+)", block)
    ]
    assert set(used) <= known


def test_the_page_tells_the_exit_codes(system: System) -> None:
    """Page and --help name the same codes."""
    printed, text = system.run("--help").stdout, page.read("install.md")
    in_help = re.findall(r"\b([0-5]) (?:done|refused|not understood|the new|its|a service)", " ".join(printed.split()))
    on_page = re.findall(r"\b([0-5]) (?:done|refused|an option|the new|its|a service)", " ".join(text.split()))
    assert in_help == on_page == ["0", "1", "2", "3", "4", "5"]


def test_no_block_of_the_page_is_left_out() -> None:
    """The booted machine runs each block of commands on the page; a block more has to be run there too."""
    counts = {heading: len(found) for heading, found in blocks().items() if found}
    assert counts == {
        "Install": 1,
        "Database": 1,
        "Secrets": 1,
        "Start": 4,
        "The other commands": 1,
        "What to expect": 1,
        "Upgrade": 1,
        "Rollback": 1,
    }


def test_shellcheck_finds_no_fault() -> None:
    """Shellcheck has nothing to say of the scripts in deploy."""
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is missing; on Debian: apt-get install shellcheck")
    done = subprocess.run([program, *(PROJECT / "deploy").glob("*.sh")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
