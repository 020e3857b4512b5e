import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from telegram.simulator import DEVELOPMENT_TOKEN, RunningSimulator, SimulatorOptions, running
from tests.integration.conformance import CHATS, ROWS, Row
from tests.integration.conformance.row import DATE, PERSON, Call, message, refusal, to_person
from tests.integration.stage import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

FEWEST_ROWS = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over the socket."""

    status: int
    headers: dict[str, str]
    body: bytes

    def dated(self) -> object:
        """Give the body with every date replaced, after a look that it is one; nothing for an empty body."""
        return _dated(json.loads(self.body)) if self.body else None


@dataclass(frozen=True, slots=True)
class Wire:
    """A running simulator and a client that changes nothing of what it sends."""

    simulator: RunningSimulator
    http: aiohttp.ClientSession

    async def make(self, call: Call) -> Answer:
        """Make one call as it stands."""
        url = URL(self.simulator.url + call.target, encoded=True)
        skipped = () if "Content-Type" in call.headers else ("Content-Type",)
        async with self.http.request(
            call.verb,
            url,
            data=call.body or None,
            headers=call.headers,
            skip_auto_headers=skipped,
        ) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.read())

    async def order(self, verb: str, path: str, body: object = None) -> None:
        """Call the control API."""
        url = f"{self.simulator.control_url}/control/{path}"
        async with self.http.request(verb, url, json=body) as answer:
            assert answer.status == 200, await answer.text()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_wire() -> AsyncIterator[Wire]:
    """Run one simulator for the whole table."""
    options = SimulatorOptions(port=0, control_port=0, no_limits=True)
    timeout = aiohttp.ClientTimeout(PATIENCE_S)
    async with running(options) as simulator, aiohttp.ClientSession(timeout=timeout) as http:
        yield Wire(simulator, http)


@pytest_asyncio.fixture(loop_scope="module")
async def wire(shared_wire: Wire) -> Wire:
    """Give the world that every row finds."""
    await shared_wire.order("POST", "reset")
    await shared_wire.order("PUT", "chats", CHATS)
    return shared_wire


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
async def test_each_request_has_its_exact_answer(wire: Wire, row: Row) -> None:
    """Every row of the table is answered with its status, its headers and its whole body."""
    for call in row.before:
        assert (await wire.make(call)).status == 200
    answer = await wire.make(row.call)
    assert (answer.status, answer.dated()) == (row.status, row.answer)
    for name, value in row.headers.items():
        assert answer.headers.get(name) == value


async def test_the_table_covers_what_it_should() -> None:
    """The table has at least 120 rows, each with a name of its own and a word on where it is known from."""
    assert len(ROWS) >= FEWEST_ROWS
    assert [name for name, times in Counter(row.name for row in ROWS).items() if times > 1] == []
    assert [row.name for row in ROWS if not row.source] == []


async def test_a_body_is_compact_json_in_ascii(wire: Wire) -> None:
    """A body has no spaces between its parts, and every other character escaped, as the real server writes it."""
    answer = await wire.make(to_person("я😀/"))
    assert b'"chat":{"id":42,"first_name":"Anna","type":"private"},"date":' in answer.body
    assert b'"text":"\\u044f\\ud83d\\ude00/"}}' in answer.body
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Length"] == str(len(answer.body))


async def test_only_a_429_has_retry_after_and_it_says_so_twice(wire: Wire) -> None:
    """The wait stands in the parameters and in the header; a refusal of another kind has neither."""
    await wire.order("POST", "faults", {"kind": "error", "code": 429, "retry_after": 35, "times": 1})
    throttled = await wire.make(to_person())
    assert throttled.headers["Retry-After"] == "35"
    assert throttled.status == 429
    assert throttled.dated() == refusal(429, "Too Many Requests: retry after 35", retry_after=35)
    refused = await wire.make(to_person(parse_mode="x"))
    assert "Retry-After" not in refused.headers
    assert refused.dated() == refusal(400, "Bad Request: unsupported parse_mode")


async def test_a_message_that_is_refused_is_not_shown(wire: Wire) -> None:
    """What is answered with an error has no part in the numbering and is seen by nobody."""
    assert (await wire.make(to_person("<b>", parse_mode="HTML"))).status == 400
    assert (await wire.make(to_person("x" * 4097))).status == 400
    assert (await wire.make(to_person("x"))).dated() == message("x")
    assert [shown.content.text for shown in wire.simulator.world.chats[PERSON].messages] == ["x"]


async def test_a_connection_takes_one_call_after_the_other(wire: Wire) -> None:
    """A connection stays open behind an answer, also behind a refusal."""
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.simulator.port)
    async with asyncio.timeout(PATIENCE_S):
        for method, status in (("getNobody", b"404"), ("getMe", b"200")):
            request = f"GET /bot{DEVELOPMENT_TOKEN}/{method} HTTP/1.1\r\nHost: x\r\n\r\n"
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 " + status)
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()
    await writer.wait_closed()


def _dated(value: Any) -> object:
    if isinstance(value, list):
        return [_dated(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _date(inner) if name in ("date", "edit_date") else _dated(inner) for name, inner in value.items()}


def _date(value: object) -> int:
    # Whole seconds, and no milliseconds: 2001 to 2286.
    assert type(value) is int
    assert 10**9 < value < 10**10
    return DATE
