"""`dead` and `unknown` as an operator types them: what they do, what they print, how they end."""

import getpass
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from outbox.database.connection import Connection
from outbox.delivery.outcome import Reason
from tests.integration.stage import PATIENCE_S, PROJECT, Stage
from tests.integration.test_dead_letter import TYPE, die, queue, signatures, states
from tests.integration.test_fan_out import link

MAKE_UNKNOWN = "update outbox.delivery set state = 'unknown', reason = 'lost_answer' where recipient = any($1)"


@pytest.fixture
async def three(conn: Connection) -> list[int]:
    """Let three deliveries die, the last for another reason."""
    await link(conn, ["anna", "boris", "clara"])
    return [*await die(conn, "anna", "boris"), *await die(conn, "clara", reason=Reason.BAD_REQUEST)]


@pytest.fixture
async def many(conn: Connection) -> int:
    """Let more deliveries die than may be replayed without being asked about."""
    people = [f"u{number}" for number in range(101)]
    await link(conn, people)
    await queue(conn, *people)
    await conn.execute(
        "update outbox.delivery set state = 'dead', reason = 'internal', settled_at = now() - interval '1 minute'"
    )
    return len(people)


async def test_dead_letters_are_listed_and_shown(stage: Stage, three: list[int]) -> None:
    """`list` lists what fits and how much there is beyond its limit; `show` tells all about one of them."""
    listed = stage.run("dead", "list", "--reason", "bad_message", "--limit", "1", "--json")
    assert (listed.code, listed.facts["beyond_limit"]) == (0, 1)
    (first,) = listed.facts["deliveries"]
    assert (first["delivery_id"], first["type"], first["recipient"]) == (three[0], TYPE, "anna")
    assert (first["channel"], first["reason"], first["attempts"]) == ("telegram", "bad_message", 3)
    assert datetime.fromisoformat(first["settled_at"]) < datetime.now(UTC)
    table = stage.run("dead", "list", "--limit", "2").out
    assert [word in table for word in ("anna", "boris", "clara", "bad_message", "1 more")] == [
        True,
        True,
        False,
        True,
        True,
    ]
    shown = stage.run("dead", "show", str(three[2]), "--json")
    assert (shown.code, shown.facts["delivery_id"], shown.facts["reason"]) == (0, three[2], "bad_request")
    assert [(one["outcome"], one["reason"]) for one in shown.facts["tried"]] == [("reject", "bad_request")]
    assert (shown.facts["payload"], shown.facts["acted"], shown.facts["recipients"]) == ({}, [], 1)
    assert "bad_request" in stage.run("dead", "show", str(three[2])).out


async def test_nothing_found_is_no_fault(stage: Stage) -> None:
    """Where nothing fits, `list` and a replay by filter say so and end with 0."""
    assert [
        (done.code, done.out) for done in (stage.run("dead", "list"), stage.run("unknown", "list", "--newer", "1h"))
    ] == [
        (0, "no dead letters\n"),
        (0, "no unknown outcomes\n"),
    ]
    nothing = stage.run("dead", "replay", "--all")
    assert (nothing.code, nothing.out) == (0, "0 replayed\n")


async def test_a_payload_that_python_cannot_read_is_shown_as_text(stage: Stage, three: list[int]) -> None:
    """`show` prints any payload that PostgreSQL has taken."""
    digits = "9" * 5000
    await stage.conn.execute(f"""update outbox.event set payload = '{{"a": {digits}}}'""")  # noqa: S608 (digits)
    shown = stage.run("dead", "show", str(three[0]), "--json")
    assert shown.facts["payload"] == f'{{"a": {digits}}}'
    assert digits in stage.run("dead", "show", str(three[0])).out


async def test_a_dry_run_changes_nothing(stage: Stage, three: list[int]) -> None:
    """--dry-run tells by type and reason what would be done, and does nothing."""
    await stage.conn.execute("update outbox.delivery set expires_at = now() where id = $1", three[0])
    before = await states(stage.conn)
    foreseen = stage.run("dead", "replay", "--all", "--dry-run", "--json")
    assert (foreseen.code, foreseen.facts) == (
        0,
        {
            "action": "replay",
            "dry_run": True,
            "count": 2,
            "too_late": 1,
            "missed": 0,
            "by": [
                {"type": TYPE, "reason": "bad_message", "count": 1},
                {"type": TYPE, "reason": "bad_request", "count": 1},
            ],
        },
    )
    told = stage.run("dead", "discard", "--older", "0s", "--dry-run").out
    assert ("bad_message" in told, told.splitlines()[-1]) == (True, "3 would be discarded")
    assert await states(stage.conn) == before
    assert await signatures(stage.conn) == []


async def test_a_replay_and_a_discard_are_signed(stage: Stage, three: list[int]) -> None:
    """Ids as arguments and as options mean the same; --operator signs, else the OS user does."""
    anna, boris, clara = three
    replayed = stage.run("dead", "replay", str(anna), "--id", str(boris), "--operator", "olga")
    assert (replayed.code, replayed.out.splitlines()[-1]) == (0, "2 replayed")
    assert stage.run("dead", "discard", "--recipient", "clara", "--json").facts["count"] == 1
    assert {id_: state for id_, (state, _, _) in (await states(stage.conn)).items()} == {
        anna: "pending",
        boris: "pending",
        clara: "skipped",
    }
    assert await signatures(stage.conn) == [
        (anna, "replay", "olga"),
        (boris, "replay", "olga"),
        (clara, "discard", getpass.getuser()),
    ]
    assert stage.run("prove").code == 0


async def test_what_is_too_late_is_told(stage: Stage, three: list[int]) -> None:
    """A replay counts what would only expire, and --ignore-expiry takes it along."""
    await stage.conn.execute("update outbox.delivery set expires_at = now()")
    told = stage.run("dead", "replay", str(three[0]))
    assert (told.code, told.out.startswith("0 replayed; 1 too late")) == (0, True)
    assert stage.run("dead", "replay", str(three[0]), "--ignore-expiry").out.splitlines()[-1] == "1 replayed"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("dead replay", "replay what? Give ids, a filter, or --all"),
        ("unknown confirm", "confirm what? Give ids, a filter, or --all"),
        ("dead discard --all --type t", "--all takes no filter"),
        ("dead replay 1x", "1x is no id of a delivery"),
        ("dead list --id 9223372036854775808", "9223372036854775808 is no id of a delivery"),
        ("dead show ²", "² is no id of a delivery"),
        ("dead list --reason tired", "--reason tired is no reason: "),
        ("dead list --older 5y", "--older 5y is neither a time"),
        ("unknown list --newer 9999999999d", "--newer 9999999999d lies before all time"),
        ("unknown list --older 0001-01-01", "--older 0001-01-01 lies outside of all time"),
        ("dead replay --all --operator=", "nobody signs for this: give --operator NAME"),
        ("dead replay 4711", "delivery 4711 does not exist; only dead letters are looked for"),
    ],
)
async def test_what_cannot_be_is_refused_in_one_line(stage: Stage, words: str, complaint: str) -> None:
    """What is missing or malformed ends with exit code 1 and one line that names it."""
    refused = stage.run(*words.split())
    assert (refused.code, refused.complaint[: len(complaint)]) == (1, complaint)


async def test_an_id_in_another_state_is_refused_with_that_state(stage: Stage, three: list[int]) -> None:
    """Ids of which one is not dead change nothing at all; the line says where it stands."""
    anna, boris, _ = three
    await stage.conn.execute(MAKE_UNKNOWN, ["anna"])
    for command in (f"dead replay {anna} {boris}", f"dead discard {anna}", f"dead show {anna}"):
        refused = stage.run(*command.split())
        assert (refused.code, f"delivery {anna} is unknown" in refused.complaint) == (1, True)
    refused = stage.run("unknown", "resend", str(boris))
    assert (refused.code, f"delivery {boris} is dead" in refused.complaint) == (1, True)
    assert await signatures(stage.conn) == []


async def test_more_than_a_hundred_need_a_yes(stage: Stage, many: int) -> None:
    """Where nobody can be asked, more than a hundred are refused without --yes; with it, they are replayed."""
    refused = stage.run("dead", "replay", "--all")
    assert (refused.code, "101 deliveries" in refused.complaint, "--yes" in refused.complaint) == (1, True, True)
    assert await signatures(stage.conn) == []
    assert stage.run("dead", "replay", "--all", "--yes", "--json").facts["count"] == many


def ask(stage: Stage, answer: str, *words: str) -> tuple[int, str]:
    """Run a command at a terminal and give an answer; return the exit code and what it has asked."""
    terminal, own = os.openpty()
    command = [sys.executable, "-m", "workers", *words]
    with subprocess.Popen(
        command, env={**os.environ, **stage.environment}, cwd=PROJECT, stdin=own, stdout=-1, stderr=-1, text=True
    ) as run:
        os.write(terminal, f"{answer}\n".encode())
        _, asked = run.communicate(timeout=PATIENCE_S)
    os.close(terminal)
    os.close(own)
    return run.returncode, asked


async def test_at_a_terminal_more_than_a_hundred_are_asked_about(stage: Stage, many: int) -> None:
    """Whoever answers no changes nothing and gets exit code 1; whoever answers yes gets it done."""
    code, asked = ask(stage, "n", "dead", "discard", "--all")
    assert (code, "discard 101 deliveries?" in asked) == (1, True)
    assert await signatures(stage.conn) == []
    assert ask(stage, "y", "dead", "discard", "--all")[0] == 0
    assert len(await signatures(stage.conn)) == many


async def test_unknown_outcomes_are_listed_resent_and_confirmed(stage: Stage, three: list[int]) -> None:
    """`unknown` lists what may have arrived, sends it again or confirms it; `status` and `trace` tell of it."""
    anna, boris, _ = three
    await stage.conn.execute(MAKE_UNKNOWN, ["anna", "boris"])
    listed = stage.run("unknown", "list", "--json").facts["deliveries"]
    assert [(one["delivery_id"], one["reason"]) for one in listed] == [(anna, "lost_answer"), (boris, "lost_answer")]
    assert stage.run("unknown", "resend", str(anna), "--operator", "olga").out.splitlines()[-1] == "1 sent again"
    status = stage.run("status", "--json").facts
    assert status["deliveries"] == {"telegram": {"pending": 1, "dead": 1, "unknown": 1}}
    assert (status["possible_duplicates"], list(status["oldest_dead"]), list(status["oldest_unknown"])) == (
        1,
        ["telegram"],
        ["telegram"],
    )
    assert "possible duplicates" in stage.run("status").out
    assert stage.run("unknown", "confirm", "--all").out.splitlines()[-1] == "1 confirmed"
    traced = stage.run("trace", str(anna), "--json").facts
    assert [step["resent"] for step in traced if step["what"] == "attempted" and step["delivery_id"] == anna] == [True]
    assert {(step["state"], step["operator"]) for step in traced if step["what"] == "ordered"} == {
        ("resend", "olga"),
        ("confirm", getpass.getuser()),
    }
    told = stage.run("trace", str(anna)).out
    assert [words in told for words in ("sent again:", "possible duplicate", "by olga")] == [True, True, True]
