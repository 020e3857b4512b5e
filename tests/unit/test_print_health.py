"""`vestnik print-health` on several files, as a monitoring script runs it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from health import Check, CheckName, Health, Status, write
from workers.main import app

ALL_WELL = Check(Status.OK, "answers")


def call(*words: str) -> tuple[int, list[str]]:
    """Run the command; give its exit code and its lines."""
    done = CliRunner().invoke(app, ["print-health", *words])
    return done.exit_code, done.stdout.splitlines()


def put(
    folder: Path, name: str, found: Check = ALL_WELL, age: timedelta = timedelta(0), of: CheckName = CheckName.REDIS
) -> str:
    """Write a process's health file as it was that long ago."""
    beaten = datetime.now(UTC) - age
    health = Health("worker", name, clock=lambda: beaten)
    for check in CheckName:
        health.record(check, ALL_WELL)
    health.record(of, found)
    write(folder / f"{name}.json", health)
    return str(folder / f"{name}.json")


@pytest.fixture
def three(tmp_path: Path) -> list[str]:
    """Write the files of a worker that is well, of one that is degraded and of one that hangs."""
    degraded = Check(Status.DEGRADED, "out of reach")
    return [put(tmp_path, "w1"), put(tmp_path, "w2", degraded), put(tmp_path, "w3", age=timedelta(seconds=60))]


def test_the_worst_of_a_folder_comes_first_and_wins(tmp_path: Path, three: Sequence[str]) -> None:
    """A folder stands for all health files in it: a line for each, the worst first, whose exit code it is."""
    code, lines = call(str(tmp_path))
    assert code == 2
    assert [line.split(" ")[:2] for line in lines] == [
        [f"{three[2]}:", "stale:"],
        [f"{three[1]}:", "degraded:"],
        [f"{three[0]}:", "ok:"],
    ]
    assert lines[1].endswith("degraded: redis (out of reach)")


@pytest.mark.parametrize(("chosen", "code"), [([0], 0), ([0, 1], 1), ([1, 2], 2), ([2, 0], 2)])
def test_files_are_judged_as_the_worst_of_them(three: Sequence[str], chosen: Sequence[int], code: int) -> None:
    """Exit code 0 where all are healthy, 1 where one is degraded, 2 where one is unhealthy."""
    assert call(*(three[number] for number in chosen))[0] == code


def test_quiet_says_nothing_of_what_is_well(tmp_path: Path, three: Sequence[str]) -> None:
    """With --quiet cron has something to mail only where something is wrong."""
    assert call("--quiet", three[0]) == (0, [])
    assert [line.split(":")[0] for line in call("--quiet", str(tmp_path))[1]] == [three[2], three[1]]


def test_an_older_sign_of_life_can_be_allowed(three: Sequence[str]) -> None:
    """--max-age says how old it may be."""
    assert call("--max-age", "5m", three[2])[0] == 0
    assert call("--max-age", "30s", three[2])[0] == 2


def test_checks_are_told_line_by_line(three: Sequence[str]) -> None:
    """--checks adds a line for each check of a file."""
    code, lines = call("--checks", three[1])
    assert (code, len(lines)) == (1, 5)
    assert lines[1:3] == ["  postgres: ok: answers", "  redis: degraded: out of reach"]


def test_programs_get_the_verdict_on_each_file(three: Sequence[str]) -> None:
    """--json gives each file's facts with the verdict: a stale file says of itself that all is well."""
    code, lines = call("--json", *three)
    found = json.loads("".join(lines))
    assert code == 2
    assert [(one["file"], one["status"], one["verdict"]) for one in found] == [
        (three[2], "ok", "unhealthy"),
        (three[1], "degraded", "degraded"),
        (three[0], "ok", "ok"),
    ]


@pytest.mark.parametrize("there", ["", "none.json"])
def test_where_no_file_is_nothing_lives(tmp_path: Path, there: str) -> None:
    """An empty folder and a missing file are unhealthy and named."""
    code, lines = call(str(tmp_path / there))
    assert code == 2
    assert len(lines) == 1
    assert str(tmp_path) in lines[0]


@pytest.mark.parametrize("wrong", ["5", "m", "-5m", "2026-01-01", "99999999999999d"])
def test_a_wrong_age_is_named(three: Sequence[str], wrong: str) -> None:
    """--max-age is a length of time with its unit."""
    done = CliRunner().invoke(app, ["print-health", f"--max-age={wrong}", three[0]])
    said = f"--max-age {wrong} is malformed: it must be an age such as 90m, 24h, 30d or 2w, at most 36500d"
    assert str(done.exception) == said
