"""Migrations expand: what an older version reads and writes stays as it is, and nobody waits for it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
FILES = sorted((PROJECT / "outbox" / "migrations").glob("*.sql"))
BREAKING = ["0015_relay.sql", "0016_run.sql"]
"""Before the first release: nothing of an earlier version runs while they are applied, or after that."""
SQUAWK = shutil.which("squawk", path=str(Path(sys.executable).parent))

CONTRACTS = {
    "alter table outbox.event drop column payload;": "ban-drop-column",
    "alter table outbox.event rename column payload to body;": "renaming-column",
    "alter table outbox.event rename to events;": "renaming-table",
    "alter table outbox.event alter column id type integer;": "changing-column-type",
    "alter table outbox.event add column needed text not null;": "adding-required-field",
    "alter table outbox.event alter column request_id set not null;": "adding-not-nullable-field",
    "alter table outbox.event alter column request_id drop default;": "ban-drop-default",
    "alter table outbox.event alter column type drop not null;": "ban-drop-not-null",
    "alter table outbox.event drop constraint event_type_named;": "ban-drop-constraint",
    "drop table outbox.pull;": "ban-drop-table",
    "drop function outbox.emit;": "ban-drop-function",
    "drop sequence outbox.relay_asleep;": "ban-drop-sequence",
    "alter function outbox.forget(text) rename to erase;": "renaming-object",
}
"""What breaks an older version, with the rule that refuses it."""

BLOCKS = {
    "create index i on outbox.event (type);": "require-concurrent-index-creation",
    "drop index outbox.lane_lease;": "require-concurrent-index-deletion",
    "alter table outbox.event add constraint c check (id > 0);": "constraint-missing-not-valid",
    "alter table outbox.lane add constraint u unique (id, token);": "disallowed-unique-constraint",
}
"""What keeps others waiting while a table is read, with the rule that refuses it."""


@pytest.mark.skipif(SQUAWK is None, reason="no squawk beside this Python")
def test_the_linter_refuses_what_contracts_or_blocks(tmp_path: Path) -> None:
    """Squawk, with the project's settings, refuses each statement that breaks an older version or blocks a table."""
    wanted = {**CONTRACTS, **BLOCKS}
    file = tmp_path / "0000_bad.sql"
    file.write_text("".join(f"{statement}\n" for statement in wanted))
    command = [str(SQUAWK), "--config", str(PROJECT / ".squawk.toml"), "--reporter", "gcc", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    found = set(re.findall(r"(\d+):\d+: \w+: ([\w-]+)", said.stdout))
    assert said.returncode == 1
    # it counts lines from 0
    assert {(str(line), rule) for line, rule in enumerate(wanted.values())} - found == set()


def test_no_file_makes_the_linter_look_away() -> None:
    """No migration switches a rule off; those that the linter is not shown say in their first line that they break."""
    assert [file.name for file in FILES if "squawk-ignore" in file.read_text()] == []
    assert [file.name for file in FILES if file.read_text().startswith("-- breaking\n")] == BREAKING


@pytest.mark.parametrize("file", [file for file in FILES if "concurrently" in file.read_text()], ids=lambda f: f.name)
def test_a_concurrent_build_begins_anew(file: Path) -> None:
    """Each index that is built concurrently is dropped first: one that broke off is invalid, and counts as existing."""
    sql = file.read_text()
    built = re.findall(r"^create (?:unique )?index concurrently (?:if not exists )?(\w+)", sql, re.MULTILINE)
    dropped = re.findall(r"^drop index concurrently if exists outbox\.(\w+)", sql, re.MULTILINE)
    assert built
    assert set(built) <= set(dropped)


@pytest.mark.parametrize("file", [f for f in FILES[3:] if f.name not in BREAKING], ids=lambda file: file.name)
def test_a_file_locks_few_tables(file: Path) -> None:
    """A file changes at most four tables in use: others wait for each of them while it waits for the next."""
    sql = file.read_text()
    made = set(re.findall(r"^create table outbox\.(\w+)", sql, re.MULTILINE))
    changed = set(re.findall(r"^alter table outbox\.(\w+)(?!\s+validate)\b", sql, re.MULTILINE))
    assert len(changed - made) <= 4
