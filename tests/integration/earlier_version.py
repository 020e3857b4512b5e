"""A version of Vestnik out of the project's own history, to run beside the one that is checked out."""

import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

from outbox.schema.migration import migrations
from tests.integration.stage import PROJECT

REVISION = os.environ.get("VESTNIK_TEST_OLD")
"""Which one, when it is not to be the one before the newest migration: a tag or a commit."""


def before_newest_migration() -> str:
    """Name the newest commit that lacks the newest migration: the one checked out, where that is not committed yet."""
    newest = max((PROJECT / "outbox" / "migrations").glob("*.sql"))
    added = _git("log", "-1", "--first-parent", "--diff-filter=A", "--format=%H", "--", str(newest))
    return f"{added.decode().strip()}^" if added else "HEAD"


def parted() -> bool:
    """Return whether the newest migration takes away what that version uses, so that the two never run together."""
    return not REVISION and migrations()[-1].breaking


def unpack(revision: str, folder: Path) -> Mapping[str, str]:
    """Unpack a version; give the environment in which its code is run, whatever is installed.

    Raises:
        LookupError: there is no git, or no such revision in this copy of the project.

    """
    packed = _git("archive", "--format=zip", revision)
    if not packed:
        raise LookupError(f"no {revision} in the history here: this is a shallow clone, or none")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(folder)
    theirs = {path.stem for path in folder.rglob("migrations/*.sql")}
    if not theirs < {one.name for one in migrations()}:
        raise AssertionError(f"{revision} lacks no migration of this version: the two would be one")
    # the folder that a command is run in would come before the path
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


def _git(*arguments: str) -> bytes:
    """Give what git says of the project; nothing where it knows nothing, or is missing."""
    command = shutil.which("git")
    if command is None:
        return b""
    return subprocess.run([command, *arguments], cwd=PROJECT, capture_output=True, check=False).stdout
