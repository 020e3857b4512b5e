"""Wheels to install without a network: the project's own, and those of what this environment runs."""

import fcntl
import re
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path

from packaging.requirements import Requirement

LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "tests")
DEBIANS = {"python_full_version": "3.11.2"}
"""Debian 12's Python needs a package more than the later ones."""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed, and give what it printed."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def copy_project(project: Path, to: Path) -> Path:
    """Copy what a checkout has, without what work in it has left."""
    return Path(shutil.copytree(project, to, ignore=LEFT_OUT))


def build_wheel(project: Path, into: Path) -> Path:
    """Build the wheel from a copy, so that nothing is left in the project's folder."""
    copy = copy_project(project, into / "project")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", *_isolation())
    run(*pip, "--wheel-dir", into, copy, cwd=into)
    shutil.rmtree(copy)
    (made,) = into.glob("vestnik-*.whl")
    return made


def build_once(project: Path, into: Path) -> Path:
    """Build the wheel, or give the one that another process of the same tests has built there."""
    into.mkdir(exist_ok=True)
    with (into / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = list(into.glob("vestnik-*.whl"))
        return built[0] if built else build_wheel(project, into)


def make_environment(folder: Path) -> Path:
    """Make an empty virtual environment; give the folder of its programs."""
    venv.create(folder, with_pip=False)
    return folder / "bin"


def borrow_dependencies(programs: Path) -> None:
    """Let an environment find what is installed in this one, but not the project itself."""
    (packages,) = programs.parent.glob("lib/python3*/site-packages")
    # .pth files in a borrowed folder are not read, so its editable install of the project stays unknown
    (packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in site.getsitepackages()))


def install(programs: Path, *what: str | Path) -> None:
    """Install into an environment, without asking a registry."""
    run(*_pip(programs), "install", "--quiet", "--no-index", *what, cwd=programs)


def uninstall(programs: Path, name: str) -> None:
    """Take a distribution out of an environment again."""
    run(*_pip(programs), "uninstall", "--quiet", "--yes", name, cwd=programs)


def _pip(programs: Path) -> tuple[str | Path, ...]:
    return (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", programs / "python")


def _isolation() -> list[str]:
    """Ask no registry where this environment can build by itself."""
    try:
        able = int(version("setuptools").split(".")[0]) >= 77
    except PackageNotFoundError:
        able = False
    return ["--no-build-isolation"] if able else []


def pack_dependencies(into: Path, *extras: str) -> None:
    """Make a wheel again of each package that the project and its extras need to run, out of what is installed here.

    Raises:
        PackageNotFoundError: one of them is not installed here.

    """
    seen: dict[tuple[str, str], Distribution] = {}
    wanted = [("vestnik", extra) for extra in ("", *extras)]
    while wanted:
        name, extra = wanted.pop()
        if (name, extra) in seen:
            continue
        seen[name, extra] = found = distribution(name)
        for line in found.requires or []:
            asked = Requirement(line)
            if asked.marker is None or asked.marker.evaluate({**DEBIANS, "extra": extra}):
                wanted += [(asked.name.lower().replace("_", "-"), of) for of in ("", *asked.extras)]
    for name, found in {name: found for (name, _), found in seen.items()}.items():
        if name != "vestnik":
            _pack(found, into)


def _pack(found: Distribution, into: Path) -> None:
    tag = re.findall(r"^Tag: (.*)$", found.read_text("WHEEL") or "", re.MULTILINE)[-1]
    name = re.sub(r"[-.]+", "_", found.metadata["Name"])
    with zipfile.ZipFile(into / f"{name}-{found.version}-{tag}.whl", "w") as wheel:
        for file in found.files or []:
            # bytecode and programs are made by whoever installs it
            if ".." not in file.parts and file.suffix != ".pyc" and file.name not in {"INSTALLER", "REQUESTED"}:
                wheel.write(str(file.locate()), str(file))
