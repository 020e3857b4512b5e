"""Binding requests: tokens that link one chat, once, for ten minutes."""

import asyncio

import pytest

from outbox import binding
from outbox.database.connection import Connection, connect
from tests.integration.test_forget import search
from tests.integration.test_lane import blocked


async def test_a_token_is_for_its_recipient(conn: Connection) -> None:
    """A token of 32 characters that a deep link can carry leads to the recipient it was made for."""
    anna, boris = await binding.request(conn, "anna"), await binding.request(conn, "boris")
    assert binding.TOKEN.fullmatch(anna)
    assert await binding.consume(conn, boris) == "boris"
    assert await binding.consume(conn, anna) == "anna"


async def test_a_token_works_once(conn: Connection) -> None:
    """A token that has linked a chat links no other."""
    token = await binding.request(conn, "anna")
    await binding.consume(conn, token)
    assert await binding.consume(conn, token) is None


async def test_a_newer_token_voids_the_older(conn: Connection) -> None:
    """Only the last token of a recipient works, also after an earlier one was used."""
    first, second = await binding.request(conn, "anna"), await binding.request(conn, "anna")
    assert await binding.consume(conn, first) is None
    assert await binding.consume(conn, second) == "anna"
    third = await binding.request(conn, "anna")
    assert await binding.consume(conn, second) is None
    assert await binding.consume(conn, third) == "anna"


async def test_a_token_lives_ten_minutes(conn: Connection) -> None:
    """A token whose ten minutes are over is unknown."""
    token = await binding.request(conn, "anna")
    ends = "select expires_at - created_at = interval '10 minutes' from outbox.binding_request"
    assert await conn.fetchval(ends)
    await conn.execute("update outbox.binding_request set expires_at = now()")
    assert await binding.consume(conn, token) is None


async def test_a_token_that_others_saw_is_worthless(conn: Connection) -> None:
    """A void token links nothing, the tokens of others still do, and the recipient gets a new one."""
    seen, other = await binding.request(conn, "anna"), await binding.request(conn, "boris")
    await binding.void(conn, seen)
    assert await binding.consume(conn, seen) is None
    assert await binding.consume(conn, other) == "boris"
    assert await binding.consume(conn, await binding.request(conn, "anna")) == "anna"


async def test_only_the_hash_is_kept(conn: Connection) -> None:
    """No table holds the token, neither while it works nor after."""
    token = await binding.request(conn, "anna")
    assert await search(conn, "anna") == {"outbox.binding_request"}
    assert await search(conn, token, token.encode().hex()) == set()
    await binding.consume(conn, token)
    assert await search(conn, token, token.encode().hex()) == set()


MALFORMED = {
    "empty": "",
    "too short": "a" * 31,
    "too long": "a" * 33,
    "a line behind it": "a" * 32 + "\n",
    "another alphabet": "+" * 32,
    "letters of another script": "я" * 32,
    "a NUL": "\0" * 32,
    "half a character": "\ud800" * 32,
}


@pytest.mark.parametrize("token", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_token_is_unknown(conn: Connection, token: str) -> None:
    """What cannot be a token is no error, and nothing of it is sent to PostgreSQL."""
    asked: list[object] = []
    conn.add_query_logger(asked.append)
    assert await binding.consume(conn, token) is None
    await binding.void(conn, token)
    assert asked == []


async def test_two_chats_with_one_token(conn: Connection, database_url: str) -> None:
    """Of two who bring the same token at once one is linked; the other waits and learns that it is used."""
    token = await binding.request(conn, "anna")
    other = await connect(database_url)
    async with conn.transaction():
        assert await binding.consume(conn, token) == "anna"
        second = asyncio.create_task(binding.consume(other, token))
        await blocked(conn, second)
    assert await second is None
    await other.close()


async def test_a_link_that_fails_costs_no_token(conn: Connection, database_url: str) -> None:
    """Where the transaction of the link is rolled back the token works for whoever has waited."""
    token = await binding.request(conn, "anna")
    other = await connect(database_url)
    transaction = conn.transaction()
    await transaction.start()
    await binding.consume(conn, token)
    second = asyncio.create_task(binding.consume(other, token))
    await blocked(conn, second)
    await transaction.rollback()
    assert await second == "anna"
    await other.close()


@pytest.mark.parametrize("base", ["https://t.me", "https://t.me/"])
def test_the_address_opens_the_bot(base: str) -> None:
    """The address names the bot and carries the token as its start parameter."""
    assert binding.address(base, "vestnik_bot", "abc") == "https://t.me/vestnik_bot?start=abc"
