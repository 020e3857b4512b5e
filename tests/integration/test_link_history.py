"""The history of links: what has ended goes by age, what holds stays."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from outbox import binding
from outbox.database.connection import Connection
from outbox.link import chat_link
from outbox.link.chat_link import How
from outbox.prune import link_history


async def ended(conn: Connection, who: str, chat_id: int) -> None:
    """Link a chat and end that."""
    await chat_link.connect(conn, who, chat_id, How.IMPORT)
    found = await chat_link.of_recipient(conn, who)
    assert found is not None
    assert await chat_link.disconnect(conn, found, How.COMMAND, operator="olga")


async def now(conn: Connection) -> datetime:
    """Read the database's clock."""
    moment: datetime = await conn.fetchval("select now()")
    return moment


async def rows(conn: Connection) -> tuple[int, int]:
    """Count links and the rows of their audit."""
    links, audit = await conn.fetchrow(
        "select (select count(*) from outbox.telegram_link), (select count(*) from outbox.link_audit)"
    ) or (0, 0)
    return links, audit


async def total(pages: AsyncIterator[int]) -> int:
    """Add up what is told of each page."""
    return sum([gone async for gone in pages])


@pytest.mark.parametrize("page", [1, 2, 100])
async def test_what_has_ended_goes_with_its_audit(conn: Connection, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that ended before goes with their audit; what ended later or still holds keeps its own."""
    monkeypatch.setattr(link_history, "PAGE", page)
    for chat_id in (1, 2, 3):
        await ended(conn, "anna", chat_id)
    before = await now(conn)
    await ended(conn, "anna", 4)
    await chat_link.connect(conn, "anna", 5, How.IMPORT)
    await chat_link.connect(conn, "boris", 6, How.IMPORT)
    assert await rows(conn) == (6, 10)

    assert await total(link_history.prune_links(conn, before, dry_run=True)) == 3
    assert await rows(conn) == (6, 10)
    assert await total(link_history.prune_links(conn, before)) == 3
    assert await rows(conn) == (3, 4)
    found = await chat_link.of_recipient(conn, "anna")
    assert found is not None
    assert found.chat_id == 5


async def test_a_binding_request_goes_when_its_time_is_long_over(conn: Connection) -> None:
    """A request goes that ended before, used or not; one that can still be used stays."""
    tokens = {who: await binding.request(conn, who) for who in ("anna", "boris", "clara")}
    assert await binding.consume(conn, tokens["anna"]) == "anna"
    await conn.execute("update outbox.binding_request set expires_at = now() - interval '1 day' where recipient < 'c'")
    before = await now(conn)

    assert await total(link_history.prune_requests(conn, before, dry_run=True)) == 2
    assert await total(link_history.prune_requests(conn, before)) == 2
    assert await binding.consume(conn, tokens["clara"]) == "clara"
