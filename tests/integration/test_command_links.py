"""`vestnik links`: what an operator sees and does."""

import json
from datetime import datetime

import pytest

from outbox import binding
from outbox.link import chat_link
from outbox.link.chat_link import ChatRefusal, How, Wanted
from outbox.link.chat_state import LinkState
from tests.integration.stage import Stage

ANNA, BORIS = 778_899_001_122, -100_778_899_001_133


async def linked(stage: Stage) -> None:
    """Let two people be linked, one of whom has blocked the bot."""
    await chat_link.connect_all(stage.conn, [Wanted("anna", ANNA), Wanted("boris", BORIS, 5)], How.START)
    await chat_link.refuse(stage.conn, [ChatRefusal("boris", "blocked", LinkState.BLOCKED)])


async def held(stage: Stage) -> dict[str, int]:
    """Read who has which chat."""
    return {one.recipient: one.chat_id for one in await chat_link.list_links(stage.conn)}


async def test_list_shows_links_without_chats(stage: Stage) -> None:
    """Recipient, state and since are listed, oldest first; of chat ids only as much as tells two apart."""
    await linked(stage)
    shown = stage.run("links", "list")
    assert (shown.code, shown.err) == (0, "")
    assert [word in shown.out for word in ("anna", "boris", "blocked", "…22", "…33")] == [True] * 5
    facts = stage.run("links", "list", "--json").facts
    assert [(one["recipient"], one["chat"], one["thread_id"], one["state"]) for one in facts] == [
        ("anna", "…22", None, "active"),
        ("boris", "…33", 5, "blocked"),
    ]
    assert all(datetime.fromisoformat(one["since"]) >= datetime.fromisoformat(one["linked_at"]) for one in facts)
    for out in (shown.out, json.dumps(facts)):
        assert str(ANNA) not in out
        assert str(BORIS) not in out


async def test_list_shows_chats_on_demand(stage: Stage) -> None:
    """With --chats whole chat ids are shown, also in JSON."""
    await linked(stage)
    assert str(BORIS) in stage.run("links", "list", "--chats").out
    assert [one["chat_id"] for one in stage.run("links", "list", "--chats", "--json").facts] == [ANNA, BORIS]


async def test_list_takes_a_state_and_pages(stage: Stage) -> None:
    """--state leaves the others out, --limit says how to see the rest, and a state that is none is refused."""
    await linked(stage)
    assert [one["recipient"] for one in stage.run("links", "list", "--state", "blocked", "--json").facts] == ["boris"]
    first = stage.run("links", "list", "--limit", "1").out.splitlines()
    assert first[-1].startswith("perhaps more: --after ")
    rest = stage.run("links", "list", "--json", *first[-1].split(": ")[1].split()).facts
    assert [one["recipient"] for one in rest] == ["boris"]
    assert stage.run("links", "list", "--state", "gone").code == 2


async def test_show_tells_link_and_audit(stage: Stage) -> None:
    """One recipient's link, and who changed it when and how; nothing of somebody who never had one."""
    await linked(stage)
    facts = stage.run("links", "show", "boris", "--json").facts
    assert (facts["link"]["chat"], facts["link"]["state"]) == ("…33", "blocked")
    assert [(a["change"], a["how"]) for a in facts["audit"]] == [("linked", "start"), ("blocked", "send")]
    shown = stage.run("links", "show", "boris")
    assert [word in shown.out for word in ("…33", "linked", "start", "blocked", "send")] == [True] * 5
    assert str(BORIS) not in shown.out
    assert str(BORIS) in stage.run("links", "show", "boris", "--chats").out
    assert stage.run("links", "show", "clara").out == "no chat is linked\n"
    assert stage.run("links", "show", "clara", "--json").facts == {"link": None, "audit": []}


async def test_unlink_ends_a_link(stage: Stage) -> None:
    """The link is over, the audit names the operator; where no chat is linked that is told in one line."""
    await linked(stage)
    assert stage.run("links", "unlink", "anna", "--operator", "olga").out == "unlinked\n"
    assert await held(stage) == {"boris": BORIS}
    (last,) = [one for one in await chat_link.audit(stage.conn, "anna") if one.change == "unlinked"]
    assert (last.how, last.operator) == ("command", "olga")
    again = stage.run("links", "unlink", "anna", "--json")
    assert (again.code, again.complaint) == (1, "no chat is linked to this recipient")
    assert stage.run("links", "unlink", "boris", "--operator", " ").code == 1
    assert stage.run("links", "unlink", "boris", "--json").facts == {"unlinked": True}


GOOD = [{"recipient": "clara", "chat_id": 31, "thread_id": 4, "note": "not ours"}, {"recipient": "anna", "chat_id": 11}]
BAD: list[tuple[object, str]] = [
    ({"recipient": "dora"}, "chat_id: Field required"),
    ({"recipient": "", "chat_id": 1}, "recipient: "),
    ({"recipient": "do\0ra", "chat_id": 1}, "recipient: "),
    ({"recipient": "dora", "chat_id": "1"}, "chat_id: "),
    ({"recipient": "dora", "chat_id": 2**63}, "chat_id: "),
    ({"recipient": "dora", "chat_id": 1, "thread_id": 0}, "thread_id: "),
    ([], "line: "),
]


async def test_import_takes_the_good_lines_and_tells_of_the_bad(stage: Stage) -> None:
    """Good lines are linked and audited; bad ones are told by number and kept in FILE.rejected.jsonl; exit 3."""
    await linked(stage)
    file = stage.folder / "links.jsonl"
    lines = [json.dumps(line) for line in (GOOD[0], *(bad for bad, _ in BAD), GOOD[1])]
    file.write_bytes("\n".join([*lines, "{", ""]).encode() + b'{"recipient": "\xff"}\n')
    done = stage.run("links", "import", str(file), "--operator", "olga")
    assert (done.code, done.out) == (3, "2 links, 9 rejected\n")
    rejected = [json.loads(line) for line in (stage.folder / "links.rejected.jsonl").read_text().splitlines()]
    assert [one["line"] for one in rejected] == [2, 3, 4, 5, 6, 7, 8, 10, 11]
    reasons = [*(reason for _, reason in BAD), "no JSON: ", "not UTF-8"]
    assert [one["reason"][: len(reason)] for one, reason in zip(rejected, reasons, strict=True)] == reasons
    assert {f"line {one['line']}: {one['reason']}" for one in rejected} <= set(done.err.splitlines())
    assert await held(stage) == {"anna": 11, "boris": BORIS, "clara": 31}
    (audited,) = await chat_link.audit(stage.conn, "clara")
    assert (audited.change, audited.how, audited.operator) == ("linked", "import", "olga")


async def test_import_again_changes_nothing(stage: Stage) -> None:
    """A file that is imported a second time leaves every link as it is, a blocked one too."""
    await linked(stage)
    file = stage.folder / "links.jsonl"
    file.write_text(json.dumps({"recipient": "boris", "chat_id": BORIS}))
    before = await chat_link.of_recipient(stage.conn, "boris")
    assert stage.run("links", "import", str(file), "--json").facts == {"links": 1, "rejected": []}
    assert await chat_link.of_recipient(stage.conn, "boris") == before
    assert not (stage.folder / "links.rejected.jsonl").exists()


async def test_bind_makes_an_address(stage: Stage) -> None:
    """The address names the bot that Telegram knows and carries a token that links this recipient."""
    given = stage.run("links", "bind", "anna", TELEGRAM_LINK_BASE="https://t.example/")
    assert given.code == 0
    base, _, token = given.out.strip().partition("?start=")
    assert base.startswith("https://t.example/vestnik_")
    assert base.endswith("_bot")
    assert await binding.consume(stage.conn, token) == "anna"
    facts = stage.run("links", "bind", "anna", "--json").facts
    assert facts["address"].startswith("https://t.me/vestnik_")
    assert facts["expires_in_seconds"] == 600


@pytest.mark.parametrize("token", [None, "1:wrong"])
async def test_bind_needs_a_bot(stage: Stage, token: str | None) -> None:
    """Without a bot that Telegram knows the command ends in one line, and an earlier token still works."""
    known = await binding.request(stage.conn, "anna")
    refused = stage.run("links", "bind", "anna", TELEGRAM_BOT_TOKEN=token)
    assert (refused.code, refused.out) == (1, "")
    assert refused.complaint
    assert await binding.consume(stage.conn, known) == "anna"
