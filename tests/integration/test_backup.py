"""deploy/backup.sh: what it writes can be read, what it removes was not needed, and no password is seen."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.backups import PROGRAMS, SCRIPT, Backups

# pg_dump knows no pooler
pytestmark = pytest.mark.direct

DAMAGES = {
    "fails": "exit 1",
    "is cut off": 'for a in "$@"; do case $a in --file=*) truncate --size=-200 "${a#--file=}" ;; esac; done',
    "is empty": 'for a in "$@"; do case $a in --file=*) : > "${a#--file=}" ;; esac; done',
}
"""What a pg_dump does after it has run."""


def test_the_newest_are_kept(backups: Backups) -> None:
    """Each run adds one that is whole and readable, and removes what is above --keep, of its own kind only."""
    whole = backups.run("--database")
    assert (whole.code, whole.out) == (0, ""), whole
    written = [backups.run("--keep", "2").err.splitlines()[-1] for _ in range(3)]
    (database, *kept) = backups.good()
    assert database.startswith("vestnik-database-")
    assert [f"backup: wrote {backups.folder}/{name}.dump" for name in kept] == [
        line.partition(",")[0] for line in written[1:]
    ]
    assert {path.stat().st_mode & 0o777 for path in backups.folder.iterdir()} == {0o600}
    subprocess.run(["/usr/bin/sha256sum", "--check", f"{kept[0]}.sha256"], cwd=backups.folder, check=True)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_failure_removes_nothing(backups: Backups, damage: str) -> None:
    """A dump that fails or cannot be read to its end is not kept, and what was there before stays."""
    assert backups.run().code == 0
    before = backups.good()
    backups.program("pg_dump", f'#!/bin/sh\n"{{real}}" "$@" || exit\n{DAMAGES[damage]}\n')
    if damage == "fails":
        backups.program("pg_dump", '#!/bin/sh\n[ "$1" = --version ] && exec "{real}" "$@"\nexit 1\n')
    failed = backups.run("--keep", "1")
    assert failed.code == 1
    assert "dump" in failed.err
    assert backups.good() == before


def test_two_do_not_run_at_once(backups: Backups) -> None:
    """Who comes while another is at it ends with 3 and touches nothing."""
    backups.folder.mkdir()
    with (backups.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert backups.run().code == 3
    assert backups.good() == []


def test_what_was_killed_is_tidied_up(backups: Backups) -> None:
    """What a killed run has left is gone after the next, and was never taken for a backup."""
    (backups.folder / ".vestnik-backup.abc").mkdir(parents=True)
    (backups.folder / ".vestnik-backup.abc" / "vestnik-outbox-20200101T000000.000Z.dump").write_text("half")
    assert backups.run().code == 0
    assert len(backups.good()) == 1


@pytest.mark.parametrize("where", ["variable", "file", "credential"])
def test_no_password_on_a_command_line(backups: Backups, tmp_path: Path, where: str) -> None:
    """The URL comes from where every setting may come from; PostgreSQL's programs get its password apart from it."""
    seen, secret = tmp_path / "seen", tmp_path / "secret"
    note = f"""printf '%s\\n' "$*" >> {seen}; printf '%s\\n' "$PGPASSWORD" >> {secret}"""
    for name in PROGRAMS:
        backups.program(name, f'#!/bin/sh\n{note}\nexec "{{real}}" "$@"\n')
    url = backups.environment["DATABASE_URL"].replace("postgres@", "postgres:p%40s%5Cs%25@")
    given = {"DATABASE_URL": url if where == "variable" else ""}
    if where != "variable":
        (tmp_path / "DATABASE_URL").write_text(f"{url}\n")
        named = str(tmp_path / "DATABASE_URL") if where == "file" else str(tmp_path)
        given["DATABASE_URL_FILE" if where == "file" else "CREDENTIALS_DIRECTORY"] = named
    assert backups.run(**given).code == 0
    assert set(secret.read_text().splitlines()) == {r"p@s\s%"}
    assert [word for word in ("p%40s", "p@s") if word in seen.read_text()] == []


@pytest.mark.parametrize(
    ("words", "environment", "code", "complaint"),
    [
        (["--keep", "0"], {}, 1, "--keep 0 is no number above 0"),
        (["--to"], {}, 1, "--to needs a value"),
        (["--to", "ftp://x"], {}, 1, "--to ftp://x is neither a folder nor s3://BUCKET/PREFIX"),
        (["--everything"], {}, 1, "there is no option --everything"),
        ([], {"BACKUP_TO": ""}, 1, "--to is missing: a folder, or s3://BUCKET/PREFIX"),
        ([], {"DATABASE_URL": ""}, 1, "DATABASE_URL is not set (nor DATABASE_URL_FILE, nor a credential of that name)"),
        ([], {"DATABASE_URL": "mysql://h/d"}, 1, "DATABASE_URL is malformed: it must begin with postgresql://"),
        (
            [],
            {"DATABASE_URL": "postgresql://h/d?user=a&password=hush"},
            1,
            "DATABASE_URL has a password behind the ?: write it before the @",
        ),
        (
            [],
            {"DATABASE_URL": "postgresql://h/d?sslmode=require&pgbouncer=true"},
            1,
            "DATABASE_URL leads to PgBouncer: give the address of PostgreSQL itself",
        ),
        (
            [],
            {"DATABASE_URL": "postgresql://postgres:hush@127.0.0.1:1/d"},
            2,
            "PostgreSQL is out of reach, or refuses DATABASE_URL",
        ),
        ([], {"PG_BIN": "/nowhere"}, 1, "/nowhere/psql is missing; on Debian: apt-get install postgresql-client"),
    ],
    ids=[
        "keep",
        "no value",
        "place",
        "option",
        "nowhere",
        "no url",
        "bad url",
        "hidden password",
        "pooler",
        "away",
        "programs",
    ],
)
def test_wrong_settings_are_named(
    backups: Backups, words: list[str], environment: dict[str, str], code: int, complaint: str
) -> None:
    """The last line says what is wrong, and shows no password."""
    ended = backups.run(*words, **environment)
    assert (ended.code, ended.err.splitlines()[-1]) == (code, f"backup: {complaint}")
    assert "hush" not in ended.err


def test_an_older_client_is_refused(backups: Backups) -> None:
    """A pg_dump that is older than the server is refused by its number, before anything is written."""
    backups.program("pg_dump", '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.24"\n')
    refused = backups.run()
    assert refused.code == 1
    assert "pg_dump 9 cannot dump a PostgreSQL" in refused.err
    assert not backups.folder.exists()


def test_a_database_without_the_schema_is_refused(backups: Backups, empty_database_url: str) -> None:
    """The wrong database is no backup."""
    refused = backups.run(DATABASE_URL=empty_database_url)
    assert (refused.code, refused.err) == (1, "backup: this database has no schema outbox with tables of Vestnik's\n")


def test_the_script_has_no_fault_that_shellcheck_knows() -> None:
    """Shellcheck has nothing to say."""
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is missing; on Debian: apt-get install shellcheck")
    assert subprocess.run([program, str(SCRIPT)], capture_output=True, text=True, check=False).stdout == ""
