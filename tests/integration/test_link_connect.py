"""Linking: one link for each recipient and each chat, and whoever is displaced is told."""

from collections.abc import Sequence

import pytest

from outbox import binding
from outbox.catalog.load import Catalog, load
from outbox.database.connection import Connection
from outbox.link import chat_link, link_audit
from outbox.link.chat_link import ChatRefusal, How, Linked, Wanted
from outbox.link.chat_state import LinkState
from outbox.person import recipient
from outbox.person.recipient import Profile
from tests.integration.runs import standing, states
from tests.integration.stage import MARKETPLACE
from tests.integration.test_lane import claim, claim_one, queue
from tests.integration.test_own_event import titles

CHAT, OTHER = 778_899_001_122, 778_899_001_133
DISPLACED_RU = "Ваш чат Telegram подключён к другой учётной записи"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """Load a catalog."""
    return load(MARKETPLACE / "catalog")


async def links(conn: Connection) -> list[tuple[str, int, str]]:
    """List recipient, chat and state of all links that hold."""
    return [(one.recipient, one.chat_id, one.state) for one in await chat_link.list_links(conn)]


async def audited(conn: Connection, who: str = "anna") -> list[tuple[str, str, str | None]]:
    """List what the audit says of somebody: change, way, operator."""
    return [(one.change, one.how, one.operator) for one in await chat_link.audit(conn, who)]


async def test_a_recipient_gets_a_chat(conn: Connection) -> None:
    """Who had none is linked, is found by either, and the audit says how."""
    assert await chat_link.connect(conn, "anna", CHAT, How.START, thread_id=5) == Linked("anna", False, None, None)
    found = await chat_link.of_recipient(conn, "anna")
    assert found is not None
    assert (found.recipient, found.chat_id, found.thread_id, found.state) == ("anna", CHAT, 5, LinkState.ACTIVE)
    assert await chat_link.of_chat(conn, CHAT) == found
    assert await audited(conn) == [("linked", "start", None)]


async def test_nobody_is_found_where_there_is_no_link(conn: Connection) -> None:
    """A chat and a recipient without a link have none, also when they had one."""
    await chat_link.connect(conn, "anna", CHAT, How.START)
    await chat_link.connect(conn, "anna", OTHER, How.START)
    assert await chat_link.of_chat(conn, CHAT) is None
    assert await chat_link.of_recipient(conn, "boris") is None


async def test_the_same_again_is_renewed(conn: Connection) -> None:
    """Who links the same chat again keeps the one link, and nothing is audited that has not changed."""
    await chat_link.connect(conn, "anna", CHAT, How.START, thread_id=5)
    before = await chat_link.of_recipient(conn, "anna")
    assert await chat_link.connect(conn, "anna", CHAT, How.START) == Linked("anna", True, None, None)
    after = await chat_link.of_recipient(conn, "anna")
    assert before is not None
    assert after is not None
    assert (after.id, after.thread_id, after.linked_at) == (before.id, 5, before.linked_at)
    assert await audited(conn) == [("linked", "start", None)]


@pytest.mark.parametrize("state", [LinkState.BLOCKED, LinkState.UNREACHABLE, LinkState.SUSPENDED])
async def test_linking_again_opens_a_closed_chat(conn: Connection, state: LinkState) -> None:
    """A person who comes with a token writes from a chat that can be written to, whatever was held against it."""
    await chat_link.connect(conn, "anna", CHAT, How.START)
    await chat_link.refuse(conn, [ChatRefusal("anna", "blocked", state)])
    assert (await chat_link.connect(conn, "anna", CHAT, How.BUTTON)).renewed
    assert await links(conn) == [("anna", CHAT, "active")]
    assert await conn.fetchval("select fault is null and fault_since is null from outbox.telegram_link")
    assert await audited(conn) == [("linked", "start", None), (state, "send", None), ("active", "button", None)]


async def test_a_recipient_changes_chats(conn: Connection, catalog: Catalog) -> None:
    """The chat they had before is named, so that it can be told; their inbox says nothing, for they did it."""
    await chat_link.connect(conn, "anna", CHAT, How.START)
    assert await chat_link.connect(conn, "anna", OTHER, How.START) == Linked("anna", False, CHAT, None)
    assert await links(conn) == [("anna", OTHER, "active")]
    assert await audited(conn) == [("linked", "start", None), ("displaced", "start", None), ("linked", "start", None)]
    assert await titles(conn, catalog, "anna") == []


async def test_a_chat_changes_hands(conn: Connection, catalog: Catalog) -> None:
    """Who had the chat before is named, and reads in the inbox that it is another's now."""
    await chat_link.connect(conn, "boris", CHAT, How.START)
    linked = await chat_link.connect(conn, "anna", CHAT, How.COMMAND, operator="olga")
    assert linked == Linked("anna", False, None, "boris")
    assert await links(conn) == [("anna", CHAT, "active")]
    assert await audited(conn) == [("linked", "command", "olga")]
    assert await audited(conn, "boris") == [("linked", "start", None), ("displaced", "command", "olga")]
    assert await titles(conn, catalog, "boris") == [DISPLACED_RU]
    assert await titles(conn, catalog, "anna") == []


async def test_both_are_displaced_at_once(conn: Connection) -> None:
    """A recipient with a chat takes the chat of another: one link is left."""
    await chat_link.connect(conn, "anna", OTHER, How.START)
    await chat_link.connect(conn, "boris", CHAT, How.START)
    assert await chat_link.connect(conn, "anna", CHAT, How.START) == Linked("anna", False, OTHER, "boris")
    assert await links(conn) == [("anna", CHAT, "active")]


async def test_a_chat_that_is_lost_twice_is_told_twice(conn: Connection, catalog: Catalog) -> None:
    """Each time a person loses their chat they learn it."""
    for who in ("boris", "anna", "boris", "anna"):
        await chat_link.connect(conn, who, CHAT, How.START)
    assert await titles(conn, catalog, "boris") == [DISPLACED_RU] * 2
    assert await titles(conn, catalog, "anna") == [DISPLACED_RU]


async def test_what_waits_for_a_lost_chat_is_skipped(conn: Connection) -> None:
    """What waits for who has no chat any more does not die one by one: it is skipped, and the lane is idle."""
    await queue(conn, ["boris"], each=3)
    claimed = await claim_one(conn)
    found = await chat_link.of_recipient(conn, "boris")
    assert found is not None
    await chat_link.connect(conn, "anna", found.chat_id, How.START)
    assert await states(conn) == [("sending", None), ("skipped", "no_link"), ("skipped", "no_link")]
    # the attempt under way ends as it ends
    assert (await standing(conn), claimed.recipient) == ("leased", "boris")


async def test_what_waits_goes_to_the_new_chat(conn: Connection) -> None:
    """Who changes chats gets in the new one what waits."""
    await queue(conn, ["anna"], each=2)
    await chat_link.connect(conn, "anna", CHAT, How.START)
    assert await states(conn) == [("pending", None), ("pending", None)]
    assert (await claim_one(conn)).chat_id == CHAT


async def test_unlinking_ends_the_link(conn: Connection) -> None:
    """The link is over, what waits is skipped, the audit says who did it; a second time nothing is there to end."""
    await queue(conn, ["anna"], each=2)
    found = await chat_link.of_recipient(conn, "anna")
    assert found is not None
    assert await chat_link.disconnect(conn, found, How.COMMAND, operator="olga")
    assert not await chat_link.disconnect(conn, found, How.STOP)
    assert await links(conn) == []
    assert await audited(conn) == [("linked", "import", None), ("unlinked", "command", "olga")]
    assert await states(conn) == [("skipped", "no_link")] * 2
    assert (await standing(conn), await claim(conn)) == ("idle", [])


async def test_a_token_and_its_link_are_one_transaction(conn: Connection) -> None:
    """Where the link is not committed the token is not used up, and neither audit nor event is left."""
    await chat_link.connect(conn, "boris", CHAT, How.START)
    token = await binding.request(conn, "anna")
    transaction = conn.transaction()
    await transaction.start()
    assert await binding.consume(conn, token) == "anna"
    await chat_link.connect(conn, "anna", CHAT, How.START)
    await transaction.rollback()
    assert await links(conn) == [("boris", CHAT, "active")]
    assert (await audited(conn), await conn.fetchval("select count(*) from outbox.event")) == ([], 0)
    assert await binding.consume(conn, token) == "anna"


async def test_an_import_leaves_what_is_there(conn: Connection) -> None:
    """The same chat imported again stays as it is, also a closed one; a new topic is taken over."""
    await recipient.save(conn, [Profile("anna", chat_id=CHAT)])
    await chat_link.refuse(conn, [ChatRefusal("anna", "blocked", LinkState.BLOCKED)])
    before = await chat_link.of_recipient(conn, "anna")
    await recipient.save(conn, [Profile("anna", chat_id=CHAT)])
    assert await chat_link.of_recipient(conn, "anna") == before
    await recipient.save(conn, [Profile("anna", chat_id=CHAT, thread_id=5)])
    await recipient.save(conn, [Profile("anna", chat_id=CHAT)])
    found = await chat_link.of_recipient(conn, "anna")
    assert found is not None
    assert (found.thread_id, found.state) == (5, LinkState.BLOCKED)
    assert await audited(conn) == [("linked", "import", None), ("blocked", "send", None)]


SWAPS: dict[str, tuple[Sequence[tuple[str, int]], set[tuple[str, int]]]] = {
    "two who exchange chats": ([("anna", 2), ("boris", 1)], {("anna", 2), ("boris", 1)}),
    "a chat twice": ([("clara", 1), ("dora", 1)], {("boris", 2), ("dora", 1)}),
    "a recipient twice": ([("anna", 3), ("anna", 4)], {("anna", 4), ("boris", 2)}),
    "a later line about an earlier one's chat": ([("anna", 9), ("clara", 3), ("anna", 3)], {("anna", 3), ("boris", 2)}),
    "nothing": ([], {("anna", 1), ("boris", 2)}),
}


@pytest.mark.parametrize(("pairs", "expected"), SWAPS.values(), ids=SWAPS)
async def test_many_at_once(conn: Connection, pairs: Sequence[tuple[str, int]], expected: set[tuple[str, int]]) -> None:
    """A file of links may move people crosswise; of two lines about one recipient or chat the later holds."""
    await chat_link.connect_all(conn, [Wanted("anna", 1), Wanted("boris", 2)], How.IMPORT)
    await chat_link.connect_all(conn, [Wanted(*pair) for pair in pairs], How.IMPORT)
    assert {(who, chat) for who, chat, _ in await links(conn)} == expected


async def test_many_take_a_few_statements(conn: Connection) -> None:
    """A thousand links cost no more statements than ten."""
    counts = []
    for size in (1, 10, 1000):
        asked: list[object] = []
        log = asked.append
        conn.add_query_logger(log)
        await chat_link.connect_all(conn, [Wanted(f"u-{size}-{n}", size * 10_000 + n) for n in range(size)], How.IMPORT)
        conn.remove_query_logger(log)
        counts.append(len(asked))
    # the first of them teaches the connection the types of arrays
    assert counts[1] == counts[2] < counts[0]


async def test_links_are_listed_by_pages(conn: Connection) -> None:
    """Pages follow each other without gap or double, all of them or those in one state."""
    await chat_link.connect_all(conn, [Wanted(f"u-{n}", n) for n in range(5)], How.IMPORT)
    await chat_link.refuse(conn, [ChatRefusal(f"u-{n}", "blocked", LinkState.BLOCKED) for n in (1, 3)])
    first = await chat_link.list_links(conn, limit=3)
    rest = await chat_link.list_links(conn, after=first[-1].id, limit=3)
    assert [one.recipient for one in [*first, *rest]] == ["u-0", "u-1", "u-2", "u-3", "u-4"]
    assert [one.recipient for one in await chat_link.list_links(conn, state=LinkState.BLOCKED)] == ["u-1", "u-3"]


async def test_the_audit_names_no_chat(conn: Connection) -> None:
    """No row of the audit holds a chat id."""
    await chat_link.connect(conn, "boris", CHAT, How.START)
    await chat_link.connect(conn, "anna", CHAT, How.START)
    await chat_link.migrate(conn, {"anna": OTHER})
    assert [one.change for one in await link_audit.audit(conn, "anna")] == ["linked", "migrated"]
    query = "select count(*) from outbox.link_audit a where strpos(a::text, $1) > 0 or strpos(a::text, $2) > 0"
    assert await conn.fetchval(query, str(CHAT), str(OTHER)) == 0
