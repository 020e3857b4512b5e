"""A bucket for backups, behind an S3 that verifies signatures."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.backups import KINDS, Backups
from tests.integration.test_restore import BUCKET, type_in
from tests.s3.bucket import NAME, Bucket, new_bucket
from tests.s3.server import missing, server

# pg_dump knows no pooler
pytestmark = pytest.mark.direct

TO = ("--to", f"s3://{NAME}/nightly", "--keep", "1")
BY_HAND, FETCH, *_ = BUCKET
VARIABLE = re.compile(r"^export (\w+)=(.*)$", re.MULTILINE)
DAMAGED = """#!/bin/sh
case "$*" in
  *" cat "*.dump) "{real}" "$@" | sed '$s/.$/!/' ;;
  *) exec "{real}" "$@" ;;
esac
"""
"""An rclone that gives a dump back with another last byte."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve S3; the tests are skipped where a program is missing."""
    lacks = missing() if shutil.which("rclone") else "rclone is missing; on Debian: apt-get install rclone"
    if lacks is not None:
        pytest.skip(lacks)
    with server(tmp_path_factory.mktemp("s3") / "log") as made:
        yield made


@pytest.fixture
def bucket(address: str, backups: Backups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Make an empty bucket, and give its key to those who back up."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "RCLONE_"))]:
        monkeypatch.delenv(name)
    made = new_bucket(address)
    backups.environment.update(made.environment, TMPDIR=str(tmp_path))
    return made


def names(bucket: Bucket) -> list[str]:
    """Name what a bucket holds, as somebody sees it who has the key."""
    listing = ["rclone", "lsf", "--recursive", "--files-only", "--s3-env-auth", f":s3:{NAME}"]
    environment = os.environ | bucket.environment
    return subprocess.run(listing, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def left_over(folder: Path) -> list[str]:
    """Name what a run has left where it worked."""
    return [path.name for path in folder.glob(".vestnik-backup.*")]


def test_the_newest_stays(backups: Backups, bucket: Bucket) -> None:
    """Whether its objects are sent whole or in parts, a backup is written, and the one before is removed."""
    assert backups.run(*TO).code == 0
    whole = names(bucket)
    assert backups.run(*TO, RCLONE_S3_UPLOAD_CUTOFF="1B").code == 0
    in_parts = names(bucket)
    assert not set(whole) & set(in_parts)
    for written in (whole, in_parts):
        assert sorted(name.rpartition("Z.")[2] for name in written) == sorted(KINDS)
        assert {name.rpartition("/")[0] for name in written} == {"nightly"}


def test_what_comes_back_damaged_is_taken_away(backups: Backups, bucket: Bucket, tmp_path: Path) -> None:
    """An object that does not come back as it was written is no backup, and the one before stays."""
    assert backups.run(*TO).code == 0
    stored = names(bucket)
    damaging = tmp_path / "damaging" / "rclone"
    damaging.parent.mkdir()
    damaging.write_text(DAMAGED.replace("{real}", str(shutil.which("rclone"))))
    damaging.chmod(0o755)
    failed = backups.run(*TO, PATH=f"{damaging.parent}:{os.environ['PATH']}")
    assert (failed.code, failed.err.rpartition("Z.")[2]) == (1, "dump is not what was written\n")
    assert names(bucket) == stored
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"AWS_SECRET_ACCESS_KEY": "hush"},
        {"AWS_ACCESS_KEY_ID": "AKIANOBODYSKEY"},
        {"RCLONE_S3_ENDPOINT": "http://127.0.0.1:1", "RCLONE_RETRIES": "1", "RCLONE_LOW_LEVEL_RETRIES": "1"},
    ],
    ids=["secret", "key", "address"],
)
def test_a_bucket_that_lets_nobody_in(backups: Backups, bucket: Bucket, tmp_path: Path, wrong: dict[str, str]) -> None:
    """With a wrong key, and where nobody answers, nothing is written; exit code and complaint say so."""
    refused = backups.run(*TO, **wrong)
    assert refused.code == 2
    (said,) = [line for line in refused.err.splitlines() if line.startswith("backup: ")]
    assert said.endswith("Z.dump cannot be written")
    assert "hush" not in refused.err
    assert names(bucket) == []
    assert left_over(tmp_path) == []


def test_the_page_fills_and_reads_it(backups: Backups, bucket: Bucket, tmp_path: Path) -> None:
    """The page's commands, with its variables, write into a bucket and fetch from it what can be restored."""
    key = tmp_path / "AWS_CREDENTIALS"
    key.write_text(bucket.file)
    page = dict(VARIABLE.findall(BY_HAND))
    here = {
        "DATABASE_URL": backups.environment["DATABASE_URL"],
        "AWS_SHARED_CREDENTIALS_FILE": str(key),
        "RCLONE_S3_ENDPOINT": bucket.endpoint,
    }
    assert here.keys() < page.keys()
    wrote = type_in(BY_HAND, backups.programs, **(page | here))
    assert wrote.code == 0, wrote
    (name,) = [name for name in names(bucket) if name.endswith(".dump")]
    assert f"s3://{NAME}/{name}".startswith(f"{page['BACKUP_TO']}/")
    backup = backups.folder / Path(name).stem
    fetched = type_in(FETCH, backups.programs, **(page | here), BACKUP=str(backup))
    assert fetched.code == 0, fetched
    assert Path(name).name in fetched.out.splitlines()
    assert backups.good() == [backup.name]
    assert {path.stat().st_mode & 0o777 for path in backups.folder.iterdir()} == {0o600}
    subprocess.run(["/usr/bin/sha256sum", "--check", f"{backup}.sha256"], cwd=backups.folder, check=True)
