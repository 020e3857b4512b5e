"""Erasing a person: nothing of them is left in any table, and everything still adds up."""

import re
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from outbox import binding
from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Decision
from outbox.delivery.outcome import Delivered, Reason, Reject
from outbox.delivery.state import State
from outbox.event_log import event
from outbox.lane import lane_claim
from outbox.link import telegram_update
from outbox.person import preference, recipient
from outbox.person.preference import Quiet
from outbox.person.recipient import Profile
from outbox.proof import completeness
from outbox.recording import record
from outbox.recording.record import Finish
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing

ID, NAME, CHAT = "person-4711", "Ottilie Wunderlich", 778_899_001_122
OLD_CHAT = 778_899_001_133
ROUTES = Routing(
    {
        "t": Route("t", "c", frozenset(Channel)),
        "t.muted": Route("t.muted", "muted", frozenset({Channel.INAPP})),
    }
)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
TABLES = "select format('outbox.%I', tablename) from pg_tables where schemaname = 'outbox'"


async def search(conn: Connection, *words: str) -> set[str]:
    """Name the tables of the schema in which a row holds one of these words in any column."""
    found = set()
    for (table,) in await conn.fetch(TABLES):
        query = f"select exists (select from {table} t, unnest($1::text[]) word where strpos(t::text, word) > 0)"  # noqa: S608 (names from the catalog)
        if await conn.fetchval(query, list(words)):
            found.add(table)
    return found


async def contents(conn: Connection) -> dict[str, list[str]]:
    """Read all rows of all tables of the schema."""
    tables = [row[0] for row in await conn.fetch(TABLES)]
    query = "select t::text from {} t order by 1"
    return {table: [row[0] for row in await conn.fetch(query.format(table))] for table in tables}


async def choose(conn: Connection) -> None:
    """Let the person choose all there is to choose, and write to the bot."""
    await preference.switch(conn, ID, "muted", Channel.INAPP, enabled=False)
    await preference.set_quiet(conn, ID, Quiet.SILENT)
    await preference.set_zone(conn, ID, "Europe/Vienna")
    await binding.request(conn, ID)
    for number, chat_id in enumerate((OLD_CHAT, CHAT, 5)):
        assert await telegram_update.first(conn, 1, number, chat_id)


async def live(conn: Connection) -> None:
    """Let the person be known, linked twice, muted, written to and read in every way there is."""
    others = [Profile("bob", "Bob", chat_id=5)]
    await recipient.save(conn, [Profile(ID, NAME, "en", "Europe/Vienna", OLD_CHAT), *others])
    await recipient.save(conn, [Profile(ID, NAME, "en", "Europe/Vienna", CHAT)])
    await choose(conn)
    await event.emit(conn, "t", [ID], {"to": NAME, "chat": CHAT})
    await event.emit(conn, "t", [ID], {"to": NAME})
    await event.emit(conn, "t", [ID, "bob"], {"sum": 7})
    await event.emit(conn, "t.muted", [ID], {"to": NAME})
    await event.emit(conn, "t", [ID], {"to": NAME}, deliver_at=datetime.now(UTC) + timedelta(days=1))
    await event.emit(conn, "t.unknown", [ID], {"to": NAME})
    await fan_out.step(conn, ROUTES)
    for outcome, decision in (
        (Delivered(99), Decision(State.SENT, 1)),
        (Reject(Reason.BAD_REQUEST), Decision(State.DEAD, 1, Reason.BAD_REQUEST)),
    ):
        claimed = [one for one in await lane_claim.claim(conn, Channel.TELEGRAM, 10) if one.recipient == ID]
        await record.record(conn, [Finish(one, outcome, decision) for one in claimed])
    await conn.execute("update outbox.notification set read_at = now() where event_id = 1")
    edited = "insert into outbox.live_message select id, 'k', $2, 99 from outbox.lane where recipient = $1"
    await conn.execute(edited, ID, CHAT)
    await event.emit(conn, "t", [ID], {"not": "relayed", "to": NAME})


async def test_nothing_of_the_person_is_left(conn: Connection) -> None:
    """After forget no table of the schema holds the person's id, name or chat in any column, and the proof holds."""
    await live(conn)
    words = (ID, NAME, str(CHAT), str(OLD_CHAT))
    assert await search(conn, *words) == {
        "outbox.event",
        "outbox.recipient",
        "outbox.preference",
        "outbox.telegram_link",
        "outbox.link_audit",
        "outbox.binding_request",
        "outbox.telegram_update",
        "outbox.live_message",
        "outbox.lane",
        "outbox.delivery",
        "outbox.inbox",
        "outbox.notification",
    }, "the person was not everywhere"
    before = await completeness.prove(conn, LONG_AGO)
    await conn.execute("select outbox.forget($1)", ID)

    assert await search(conn, *words) == set()
    after = await completeness.prove(conn, LONG_AGO)
    assert after.holds
    assert after.gaps == []
    assert (after.events, after.expected, after.waiting) == (before.events, before.expected, before.waiting)


async def test_the_proof_holds_when_the_rest_is_relayed(conn: Connection) -> None:
    """Events of a forgotten person that were still waiting or scheduled are relayed to nobody and add up."""
    await live(conn)
    await conn.execute("select outbox.forget($1)", ID)
    await conn.execute("update outbox.waiting set due_at = now() where reason = 'scheduled'")
    await fan_out.step(conn, ROUTES)

    found = await completeness.prove(conn, LONG_AGO)
    assert found.holds
    assert (found.waiting, found.unrouted) == (1, 1)
    assert await search(conn, ID, NAME, str(CHAT)) == set()
    assert (
        await conn.fetchval("select count(*) from outbox.delivery where state = 'pending' and recipient <> 'bob'") == 0
    )


async def test_what_was_waiting_is_not_sent(conn: Connection) -> None:
    """A forgotten person's waiting deliveries are skipped as forgotten, and their lane is never due again."""
    await live(conn)
    await conn.execute("select outbox.forget($1)", ID)

    waiting = await conn.fetch(
        "select state, reason from outbox.delivery where channel = 'telegram' and reason = 'forgotten'"
    )
    assert [tuple(row) for row in waiting] == [("skipped", "forgotten")]
    assert {one.recipient for one in await lane_claim.claim(conn, Channel.TELEGRAM, 10)} <= {"bob"}


async def test_an_attempt_under_way_records_nothing(conn: Connection) -> None:
    """What comes of an attempt that was under way when the person was forgotten is not written."""
    await recipient.save(conn, [Profile(ID, NAME, chat_id=CHAT)])
    await event.emit(conn, "t", [ID], {"to": NAME})
    await fan_out.step(conn, ROUTES)
    claimed = await lane_claim.claim(conn, Channel.TELEGRAM, 10)
    await conn.execute("select outbox.forget($1)", ID)
    recorded = await record.record(conn, [Finish(one, Delivered(99), Decision(State.SENT, 1)) for one in claimed])

    assert recorded.won == frozenset()
    row = await conn.fetchrow("select state, reason, message_id from outbox.delivery where channel = 'telegram'")
    assert row is not None
    assert tuple(row) == ("skipped", "forgotten", None)


async def test_the_others_keep_everything(conn: Connection) -> None:
    """Who shared an event with a forgotten person keeps notification, delivery, link and the event's payload."""
    await live(conn)
    theirs = "select count(*) from outbox.{} where recipient = 'bob'"
    tables = ("notification", "delivery", "telegram_link", "link_audit", "recipient", "inbox", "lane")
    before = {table: await conn.fetchval(theirs.format(table)) for table in tables}
    await conn.execute("select outbox.forget($1)", ID)

    assert {table: await conn.fetchval(theirs.format(table)) for table in tables} == before
    assert await conn.fetchval("select payload from outbox.event where 'bob' = any (recipients)") == {"sum": 7}


async def test_the_same_id_can_come_back(conn: Connection) -> None:
    """A person who comes back under the same id starts with an empty inbox, and can be forgotten once more."""
    await live(conn)
    await conn.execute("select outbox.forget($1)", ID)
    await recipient.save(conn, [Profile(ID, NAME, chat_id=CHAT)])
    await event.emit(conn, "t", [ID], {"to": NAME})
    # the first batch holds what was emitted before
    await fan_out.step(conn, ROUTES)

    assert await conn.fetchval("select unread from outbox.inbox where recipient = $1", ID) == 1
    await conn.execute("select outbox.forget($1)", ID)
    assert await search(conn, ID, NAME, str(CHAT)) == set()
    assert (await completeness.prove(conn, LONG_AGO)).holds


async def test_who_is_unknown_changes_nothing(conn: Connection) -> None:
    """Forgetting somebody who was never there changes no row, but makes their tokens worthless."""
    await live(conn)
    before = await contents(conn)
    await conn.execute("select outbox.forget('nobody')")
    after = await contents(conn)
    assert [table for table in before if after[table] != before[table]] == ["outbox.forgotten"]
    assert "nobody" not in after["outbox.forgotten"][0]


SHARED = {
    "who": ID,
    "text": f"<b>{ID}</b> has paid; see /users/{ID}/jobs, {ID}.",
    "list": [ID, {ID: [f"\n{ID}\t"]}, 4711, None, True],
    "another": f"{ID}0, {ID}x, x{ID}",
}


async def test_what_others_see_bears_an_alias(conn: Connection) -> None:
    """In the payload of a shared event the person's id is an alias, in texts and as a key too; all else stays."""
    await event.emit(conn, "t", [ID, "bob"], SHARED)
    await conn.execute("select outbox.forget($1)", ID)
    payload = await conn.fetchval("select payload from outbox.event")
    alias = payload["who"]
    assert re.fullmatch(r"forgotten-[0-9a-f-]{36}", alias)
    assert payload == {
        "who": alias,
        "text": f"<b>{alias}</b> has paid; see /users/{alias}/jobs, {alias}.",
        "list": [alias, {alias: [f"\n{alias}\t"]}, 4711, None, True],
        "another": f"{ID}0, {ID}x, x{ID}",
    }


async def test_a_person_who_is_mentioned_to_others(conn: Connection) -> None:
    """Events that were never theirs do not name them either: in payload, dedupe key or request id."""
    await event.emit(conn, "t", ["bob"], {"text": f"from {ID}"}, dedupe_key=f"mail/{ID}/1", request_id=f"req.{ID}")
    await event.emit(conn, "t", ["bob"], {"text": "from nobody"}, dedupe_key="mail/2", request_id="req.2")
    await conn.execute("select outbox.forget($1)", ID)
    assert await search(conn, ID) == set()
    rows = await conn.fetch("select recipients, payload, dedupe_key, request_id from outbox.event order by id")
    assert rows[0]["payload"]["text"].startswith("from forgotten-")
    assert rows[0]["recipients"] == ["bob"]
    assert tuple(rows[1]) == (["bob"], {"text": "from nobody"}, "mail/2", "req.2")


@pytest.mark.parametrize("plain", ["4711", "123456", "anna", "london"])
async def test_an_id_that_could_be_any_word(conn: Connection, plain: str) -> None:
    """Of a number or a name only whole words in the person's own events are changed: no sum, no city of others."""
    said = {"sum": int(plain) if plain.isdecimal() else 7, "text": f"{plain} and {plain}"}
    await event.emit(conn, "t", [plain, "bob"], {**said, "who": plain})
    await event.emit(conn, "t", ["bob"], {**said, "city": plain})
    await conn.execute("select outbox.forget($1)", plain)
    own, others = [row["payload"] for row in await conn.fetch("select payload from outbox.event order by id")]
    assert {**own, "who": plain} == {**said, "who": plain} != own
    assert others == {**said, "city": plain}


@pytest.mark.parametrize(
    "odd", ["a.b*c+7(x)", "anna+1@mail.example", "o'x-7\"y", r"back\slash-7", "юзер-4711", "[x]{7}^$|?"]
)
async def test_an_id_with_signs_in_it(conn: Connection, odd: str) -> None:
    """An id is found as it is written, whatever it is made of."""
    await event.emit(
        conn, "t", [odd, "bob"], {"who": odd, "text": f"to {odd}!", "other": "aXbbcc77x anna11mailXexample"}
    )
    await conn.execute("select outbox.forget($1)", odd)
    payload = await conn.fetchval("select payload from outbox.event")
    assert payload["text"] == f"to {payload['who']}!"
    assert payload["other"] == "aXbbcc77x anna11mailXexample"
    assert odd not in str(payload)


@pytest.mark.parametrize("wrong", [None, ""])
async def test_nobody_is_refused(conn: Connection, wrong: str | None) -> None:
    """A null or empty recipient is refused with SQLSTATE 22023."""
    with pytest.raises(asyncpg.InvalidParameterValueError, match=r"outbox.forget: recipient is null or empty"):
        await conn.execute("select outbox.forget($1)", wrong)
