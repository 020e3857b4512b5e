"""The commands as an operator types them: what they do, what they print, how they end."""

import json
from typing import Any

import pytest

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Decision
from outbox.delivery.outcome import Delivered
from outbox.delivery.state import State
from outbox.lane import lane_claim
from outbox.recording import record
from outbox.recording.record import Finish
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing
from tests.integration.stage import MARKETPLACE, PROJECT, TYPE, Stage, payload
from tests.integration.test_migration import NAMES
from workers.embedded.engine import free_port

SQL = PROJECT / "outbox" / "migrations"
ROUTES = Routing({TYPE: Route(TYPE, "money", frozenset({Channel.TELEGRAM, Channel.INAPP}))})


def lines_of(*lines: object) -> str:
    """Write a file's contents: JSON for what is no text yet."""
    return "".join(f"{line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)}\n" for line in lines)


async def count(conn: Connection, table: str) -> int:
    """Count the rows of a table of ours."""
    found: int = await conn.fetchval(f"select count(*) from outbox.{table}")  # noqa: S608 (a name of the schema)
    return found


async def test_migrate_brings_an_empty_database_up_to_date_once(stage: Stage, empty_database_url: str) -> None:
    """`migrate` applies every file in order and says so; the second time there is nothing to apply."""
    here = {"DATABASE_URL": empty_database_url}
    assert stage.run("migrate", "--check", **here).code == 1, "all are pending"
    first = stage.run("migrate", **here)
    assert (first.code, first.out) == (0, "".join(f"applied {name}\n" for name in NAMES))
    assert [(line["event"], line["migration"]) for line in first.lines] == [("migration_applied", n) for n in NAMES]
    again = stage.run("migrate", "--json", **here)
    assert (again.code, again.facts, again.err) == (0, {"applied": []}, "")
    assert stage.run("migrate", "--check", **here).code == 0


async def test_migrate_tells_what_has_changed(stage: Stage, direct_url: str) -> None:
    """A file that has changed since it was applied is shown by --status, ends --check with 1 and stops `migrate`."""
    await stage.conn.execute("update outbox.migration set checksum = 'other' where number = 2")
    status = stage.run("migrate", "--status", "--json")
    assert status.code == 0
    assert [(found["name"], found["standing"]) for found in status.facts] == [
        ("0001_event", "applied"),
        ("0002_delivery", "changed"),
        ("0003_inbox", "applied"),
        ("0004_fault", "applied"),
        ("0005_fault_checked", "applied"),
        ("0006_fault_index", "applied"),
        ("0007_person", "applied"),
        ("0008_person_checked", "applied"),
        ("0009_api", "applied"),
        ("0010_notification_unread", "applied"),
        ("0011_event_bounded", "applied"),
        ("0012_event_bounded_checked", "applied"),
        ("0013_gauge", "applied"),
        ("0014_traceparent", "applied"),
        ("0015_relay", "applied"),
        ("0016_run", "applied"),
    ]
    assert stage.run("migrate", "--check").code == 1
    stopped = stage.run("migrate", DATABASE_URL=direct_url)
    assert (stopped.code, stopped.complaint) == (1, "applied migrations have changed since: 0002_delivery")


async def test_migrate_prints_the_files(stage: Stage) -> None:
    """--sql prints every file whole and in order, and needs no database."""
    printed = stage.run("migrate", "--sql", DATABASE_URL=None)
    assert printed.code == 0
    places = [printed.out.find((SQL / f"{name}.sql").read_text().strip()) for name in NAMES]
    assert places == sorted(places)
    assert min(places) >= 0


async def test_emit_writes_one_event(stage: Stage) -> None:
    """`emit` prints the event's id; the same dedupe key again prints the same id and writes nothing."""
    words = ["emit", "t", "--to", "anna", "--to", "boris", "--data", '{"a": 1}', "--dedupe-key", "k"]
    first, again = stage.run(*words, "--request-id", "req-1"), stage.run(*words)
    rows = [
        tuple(r) for r in await stage.conn.fetch("select id, type, recipients, payload, request_id from outbox.event")
    ]
    assert rows == [(int(first.out), "t", ["anna", "boris"], {"a": 1}, "req-1")]
    assert (first.code, again.code, again.out) == (0, 0, first.out)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["t", "--to", "a", "--data", "{"], "--data is no JSON"),
        (["t", "--to", "a", "--data", "[]"], "--data is no JSON object"),
        ([" ", "--to", "a"], "type is null or empty"),
        (["t", "--to", ""], "a recipient is empty"),
        (["t", "--to", "a", "--data", '{"a": "\\u0000"}'], "cannot be stored"),
    ],
    ids=["no JSON", "no object", "no type", "empty recipient", "a null character"],
)
async def test_emit_refuses_in_one_line(stage: Stage, words: list[str], complaint: str) -> None:
    """An event that cannot be is refused with exit code 1 and one line that says why; nothing is written."""
    refused = stage.run("emit", *words)
    assert refused.code == 1
    assert complaint in refused.complaint
    assert await count(stage.conn, "event") == 0


GOOD = {"type": "t", "recipients": ["anna"], "payload": {"a": 1}, "dedupe_key": "k1"}
LATER = {**GOOD, "dedupe_key": "k2", "deliver_at": "2030-01-01T00:00:00+00:00", "expires_at": "2030-01-02T00:00:00Z"}
BAD: list[tuple[object, str]] = [
    ("{", "no JSON: "),
    ("[1]", "line: "),
    ("7", "line: "),
    ({"recipients": ["anna"]}, "type: Field required"),
    ({"type": "t"}, "recipients: Field required"),
    ({"type": 7, "recipients": ["anna"]}, "type: Input should be a valid string"),
    ({"type": "t", "recipients": "anna"}, "recipients: Input should be a valid list"),
    ({"type": "t", "recipients": ["anna", None]}, "recipients.1: Input should be a valid string"),
    ({"type": "t", "recipients": ["anna"], "payload": []}, "payload: Input should be a valid dictionary"),
    ({"type": "t", "recipients": ["anna"], "deliver_at": "2030-01-01T00:00:00"}, "deliver_at: "),
    ({"type": "t", "recipients": ["anna"], "extra": 1}, "a field that no event has"),
    ({"type": "", "recipients": ["anna"]}, "outbox.emit: type is null or empty"),
    ({"type": "t", "recipients": []}, "outbox.emit: no recipients"),
    ({"type": "t", "recipients": [""]}, "outbox.emit: a recipient is empty"),
    ({"type": "t", "recipients": ["anna"], "payload": {"a": "x" * 65536}}, "outbox.emit: payload has 65545 bytes"),
    ('{"type": "t", "recipients": ["anna"], "payload": {"a": "\\u0000"}}', "the event cannot be stored: "),
    ('{"type": "t", "recipients": ["an\\u0000na"]}', "the event cannot be stored: "),
    ('{"type": "t", "recipients": ["\\ud800"]}', ""),
    ('{"type": "t", "recipients": ["anna"], "payload": {"a": NaN}}', ""),
    (f'{{"type": "t", "recipients": ["anna"], "payload": {{"a": {"9" * 5000}}}}}', ""),
    ("[" * 100_000, ""),
]
NOT_UTF_8 = b'{"type": "t", "recipients": ["\xff"]}\n'


async def test_load_takes_the_good_lines_and_tells_of_the_bad(stage: Stage) -> None:
    """Each bad line is reported by number and reason and kept in FILE.rejected.jsonl; the others are loaded; exit 3."""
    file = stage.folder / "events.jsonl"
    bad = lines_of(*(line for line, _ in BAD))
    file.write_bytes(lines_of(GOOD).encode() + bad.encode() + NOT_UTF_8 + lines_of(LATER, GOOD).encode())
    loaded = stage.run("load", str(file))
    assert loaded.code == 3, loaded
    rejected = [json.loads(line) for line in (stage.folder / "events.rejected.jsonl").read_bytes().splitlines()]
    reasons = [*(reason for _, reason in BAD), "not UTF-8"]
    assert [line["line"] for line in rejected] == list(range(2, 2 + len(reasons)))
    assert [line["reason"][: len(reason)] for line, reason in zip(rejected, reasons, strict=True)] == reasons
    assert [line["text"] for line in rejected[:-1]] == bad.splitlines()
    assert set(loaded.err.splitlines()) >= {f"line {line['line']}: {line['reason']}" for line in rejected}
    assert loaded.out == f"{3 + len(rejected)} lines, 2 events, 1 repeated, {len(rejected)} rejected\n"
    keys = await stage.conn.fetch("select dedupe_key, deliver_at is not null, expires_at is not null from outbox.event")
    assert sorted(map(tuple, keys)) == [("k1", False, False), ("k2", True, True)]


async def test_load_of_a_good_file_leaves_nothing_behind(stage: Stage) -> None:
    """A good file is loaded in its order with exit code 0, and an empty line is no event and no repetition."""
    file = stage.folder / "events.jsonl"
    file.write_text(lines_of(*({**GOOD, "dedupe_key": f"k{number}"} for number in range(20)), "", GOOD))
    loaded = stage.run("load", str(file), "--json")
    assert (loaded.code, loaded.facts) == (0, {"lines": 22, "events": 20, "repeated": 1, "rejected": []})
    keys = [row[0] for row in await stage.conn.fetch("select dedupe_key from outbox.event order by id")]
    assert keys == [f"k{number}" for number in range(20)]
    assert not (stage.folder / "events.rejected.jsonl").exists()


async def test_rejected_lines_can_be_read_again(stage: Stage) -> None:
    """FILE.rejected.jsonl is UTF-8 with one JSON object a line, whatever bytes the bad line had."""
    file = stage.folder / "events.txt"
    file.write_bytes(NOT_UTF_8)
    assert stage.run("load", str(file)).code == 3
    (line,) = (stage.folder / "events.txt.rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert (json.loads(line)["line"], json.loads(line)["reason"]) == (1, "not UTF-8")


async def _deliver(stage: Stage) -> tuple[int, int]:
    """Emit for a person with a chat and record it as delivered; return the ids of the event and of the delivery."""
    await stage.people({"anna": 11})
    event_id = await stage.emit(1, "anna", request_id="req-1")
    await fan_out.step(stage.conn, ROUTES)
    (claimed,) = await lane_claim.claim(stage.conn, Channel.TELEGRAM, 1)
    await record.record(stage.conn, [Finish(claimed, Delivered(1), Decision(State.SENT, 1))])
    return event_id, claimed.delivery_id


async def test_a_delivered_event_is_looked_at_from_all_sides(stage: Stage) -> None:
    """`trace` tells its way in time order, `prove` adds it up, `status` shows no backlog."""
    event_id, _ = await _deliver(stage)
    by_request = stage.run("trace", "req-1", "--json")
    assert by_request.code == 0
    steps = [(step["what"], step["event_id"]) for step in by_request.facts]
    assert steps[0] == ("emitted", event_id)
    known = ("emitted", "relayed", "notified", "queued", "attempted", "settled")
    assert set(steps) == {(what, event_id) for what in known}
    assert [step["at"] for step in by_request.facts] == sorted(step["at"] for step in by_request.facts)
    assert (by_request.facts[-1]["what"], by_request.facts[-1]["state"]) == ("settled", "sent")
    assert stage.run("trace", str(event_id), "--json").facts == by_request.facts
    unknown = stage.run("trace", "req-2")
    assert (unknown.code, unknown.err) == (1, "nothing is known of req-2\n")
    proof = stage.run("prove", "--json")
    assert (proof.code, proof.facts["holds"], proof.facts["expected"], proof.facts["accounted"]) == (0, True, 2, 2)
    assert proof.facts["states"] == {"telegram": {"sent": 1}, "inapp": {"sent": 1}}
    status = stage.run("status", "--json")
    assert (status.code, status.facts["deliveries"], status.facts["lanes_due"]) == (0, {}, 0)
    for command in ("status", "prove"):
        assert stage.run(command).code == 0


async def test_trace_finds_a_delivery_by_its_own_id(stage: Stage) -> None:
    """A delivery id that is no event's id leads to its event."""
    await stage.conn.execute("alter sequence outbox.delivery_id_seq restart with 5000")
    event_id, delivery_id = await _deliver(stage)
    assert delivery_id == 5000
    assert {step["event_id"] for step in stage.run("trace", "5000", "--json").facts} == {event_id}


async def test_trace_shows_names_as_they_are(stage: Stage) -> None:
    """Recipients and ids with brackets are shown as they are written: nothing that is printed is markup."""
    await stage.emit(1, "[red]anna", request_id="[/b]")
    await fan_out.step(stage.conn, ROUTES)
    traced = stage.run("trace", "[/b]")
    assert traced.code == 0, traced
    assert "[red]anna" in traced.out
    assert "trace of [/b]" in traced.out


async def test_prove_lists_what_is_not_accounted_for(stage: Stage) -> None:
    """A missing notification ends `prove` with 1 and is listed; --since leaves out what was emitted earlier."""
    event_id, _ = await _deliver(stage)
    await stage.conn.execute("delete from outbox.notification")
    broken = stage.run("prove", "--json")
    assert (broken.code, broken.facts["holds"]) == (1, False)
    assert broken.facts["gaps"] == [{"fault": "missing", "event_id": event_id, "channel": "inapp", "recipient": "anna"}]
    assert stage.run("prove").code == 1
    await stage.conn.execute("update outbox.event set created_at = now() - interval '2 hours'")
    assert [stage.run("prove", "--since", age).code for age in ("90m", "3h")] == [0, 1]


@pytest.mark.parametrize("since", ["yesterday", "5y", "9999999999d", "-1h", ""])
async def test_prove_refuses_a_since_that_is_none(stage: Stage, since: str) -> None:
    """A --since that is neither a time nor an age that can be ends with one line that names it."""
    refused = stage.run("prove", "--since", since)
    assert refused.code == 1
    assert "--since" in refused.complaint


PERSON = {"recipient": "anna", "name": "Анна Каренина", "locale": "ru", "timezone": "Europe/Moscow", "chat_id": 11}


async def test_recipients_import_writes_people_and_links(stage: Stage) -> None:
    """People of a file get profile and chat; who is imported again is changed, not doubled; no name is printed."""
    file = stage.folder / "people.jsonl"
    file.write_text(lines_of(PERSON, {"recipient": "boris", "note": "not ours"}, ""))
    done = stage.run("recipients", "import", str(file))
    assert (done.code, done.out) == (0, "2 recipients, 1 with a chat\n")
    assert "Каренина" not in done.err
    file.write_text(lines_of({**PERSON, "locale": "en", "chat_id": 12}))
    assert stage.run("recipients", "import", str(file), "--json").facts == {"recipients": 1, "chats": 1}
    people = await stage.conn.fetch("select recipient, name, locale, timezone from outbox.recipient order by 1")
    assert [tuple(row) for row in people] == [
        ("anna", "Анна Каренина", "en", "Europe/Moscow"),
        ("boris", None, None, None),
    ]
    links = await stage.conn.fetch("select recipient, chat_id from outbox.telegram_link where unlinked_at is null")
    assert [tuple(row) for row in links] == [("anna", 12)]


BAD_PEOPLE: dict[str, tuple[object, str]] = {
    "no JSON": ("{", "line 2: no JSON: "),
    "no recipient": ({"name": "Анна Каренина"}, "line 2: recipient: "),
    "empty recipient": ({**PERSON, "recipient": ""}, "line 2: recipient: "),
    "bad locale": ({**PERSON, "locale": "Анна Каренина"}, "line 2: locale: "),
    "bad time zone": ({**PERSON, "timezone": "Анна Каренина"}, "line 2: timezone: "),
    "chat id as text": ({**PERSON, "chat_id": "11"}, "line 2: chat_id: "),
    "chat id too large": ({**PERSON, "chat_id": 2**63}, "line 2: chat_id: "),
    "a null character": ({**PERSON, "recipient": "an\0na"}, "recipient"),
}


@pytest.mark.parametrize(("line", "complaint"), BAD_PEOPLE.values(), ids=BAD_PEOPLE)
async def test_recipients_import_names_a_bad_line_by_its_number(stage: Stage, line: object, complaint: str) -> None:
    """A bad line ends the import before anything is written, with its number and field and never its contents."""
    file = stage.folder / "people.jsonl"
    file.write_text(lines_of({"recipient": "boris"}, line))
    refused = stage.run("recipients", "import", str(file))
    assert refused.code == 1
    assert complaint in refused.complaint
    assert "Каренина" not in refused.err
    assert await count(stage.conn, "recipient") == 0


async def test_recipients_import_reads_lines_as_bytes_end_them(stage: Stage) -> None:
    """A name with a line separator of Unicode is one line; bytes that are no UTF-8 end in one line, not a traceback."""
    file = stage.folder / "people.jsonl"
    file.write_text(lines_of({**PERSON, "name": "Анна\u2028Каренина"}))
    assert stage.run("recipients", "import", str(file)).code == 0
    file.write_bytes(b'{"recipient": "\xff"}\n')
    refused = stage.run("recipients", "import", str(file))
    assert (refused.code, "line 1" in refused.complaint) == (1, True)


async def test_forget_erases_a_person(stage: Stage) -> None:
    """After `forget` neither name, chat nor notification is there, and the proof still holds."""
    await _deliver(stage)
    assert stage.run("forget", "anna").out == "forgotten\n"
    assert [await count(stage.conn, t) for t in ("recipient", "telegram_link", "notification")] == [0, 0, 0]
    assert stage.run("prove").code == 0


async def test_cursor_shows_and_rebases(stage: Stage) -> None:
    """`cursor show` tells where the relay stands and in which cluster; `cursor rebase` counts what was not relayed."""
    await stage.emit(1, "anna")
    shown = stage.run("cursor", "show", "--json")
    assert shown.code == 0
    assert shown.facts["consumer"] == "relay"
    assert shown.facts["system_identifier"] == shown.facts["cluster_system_identifier"]
    assert "relay" in stage.run("cursor", "show").out
    assert stage.run("cursor", "rebase", "--json").facts == {"rebased": 1}
    await fan_out.step(stage.conn, ROUTES)
    assert await count(stage.conn, "batch") == 1


async def test_catalog_check_renders_every_type(stage: Stage) -> None:
    """The sample's catalog is without fault; a text that needs a field the sample lacks ends with 1 and is named."""
    good = stage.run("catalog", "check", "--json")
    assert (good.code, good.facts) == (0, {"types": 13, "languages": ["en", "ru"], "problems": []})
    folder = stage.folder / "catalog"
    folder.mkdir()
    for file in (MARKETPLACE / "catalog").iterdir():
        text = file.read_text()
        (folder / file.name).write_text(text.replace("Ваш отклик принят", "{{ nothing }} принят"))
    bad = stage.run("catalog", "check", "--dir", str(folder))
    assert bad.code == 1
    assert "application.accepted" in bad.out
    assert "nothing" in bad.out
    (folder / "ru.toml").write_text("generic = ")
    broken = stage.run("catalog", "check", "--dir", str(folder))
    assert (broken.code, broken.complaint.startswith("ru.toml")) == (1, True)


async def test_every_command_that_prints_facts_can_print_json(stage: Stage, direct_url: str) -> None:
    """With --json stdout holds JSON and nothing else."""
    event_id, _ = await _deliver(stage)
    (stage.folder / "events.jsonl").write_text(lines_of({"type": "t", "recipients": ["anna"], "payload": payload(1)}))
    (stage.folder / "people.jsonl").write_text(lines_of(PERSON))
    commands: list[tuple[str, type[Any]]] = [
        ("migrate", dict),
        ("migrate --status", list),
        ("emit t --to anna", dict),
        (f"load {stage.folder / 'events.jsonl'}", dict),
        (f"recipients import {stage.folder / 'people.jsonl'}", dict),
        ("status", dict),
        (f"trace {event_id}", list),
        ("trace nobody-knows", list),
        ("prove", dict),
        ("cursor show", dict),
        ("forget anna", dict),
    ]
    for command, kind in commands:
        url = direct_url if command == "migrate" else stage.environment["DATABASE_URL"]
        printed = stage.run(*command.split(), "--json", DATABASE_URL=url)
        assert printed.out, (command, printed)
        assert isinstance(printed.facts, kind), command


@pytest.mark.parametrize("command", ["status", "migrate", "cursor show"])
async def test_a_postgres_out_of_reach_is_told_in_one_line(stage: Stage, command: str) -> None:
    """Without PostgreSQL a command exits 2 with one line that shows no address and no password."""
    refused = stage.run(*command.split(), DATABASE_URL=f"postgresql://u:hunter2@127.0.0.1:{free_port()}/db")
    assert refused.code == 2
    assert "DATABASE_URL" in refused.complaint
    assert "hunter2" not in refused.err


async def test_a_database_without_the_schema_is_told_in_one_line(stage: Stage, empty_database_url: str) -> None:
    """A command that needs the schema names the command that makes it."""
    refused = stage.run("status", DATABASE_URL=empty_database_url)
    assert (refused.code, "run `vestnik migrate`" in refused.complaint) == (1, True)


async def test_a_folder_that_cannot_be_written_is_told_as_that(stage: Stage) -> None:
    """When FILE.rejected.jsonl cannot be written, the message is about the file and not about PostgreSQL."""
    (stage.folder / "events.jsonl").write_text("{\n")
    (stage.folder / "events.rejected.jsonl").mkdir()
    refused = stage.run("load", str(stage.folder / "events.jsonl"))
    assert refused.code == 1
    assert "events.rejected.jsonl" in refused.err
    assert "PostgreSQL" not in refused.err
