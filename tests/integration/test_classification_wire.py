"""Every row of the classification over the wire: Telegram's real answers, through aiogram, to a verdict."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from outbox.delivery.outcome import Delivered, Reason
from telegram import classification, sender
from telegram.answer import Answer
from telegram.message import Button, Message
from telegram.sender import Sender
from telegram.simulator import DEVELOPMENT_TOKEN, RunningSimulator, SimulatorOptions, running
from telegram.simulator.chat import ChatState
from telegram.simulator.fault import Fault, FaultKind
from telegram.verdict import Degrade, Verdict
from tests.integration import wire_case
from tests.integration.wire_case import CASES, CHAT, GROUP, SUPERGROUP, Case, Elsewhere, NoPort, Page, Trouble

in_one_loop = pytest.mark.asyncio(loop_scope="module")
"""The simulator of all cases lives in it."""

TOPIC = 9
HASTY_SECONDS = 6.0
"""How long the sender waits where no answer comes; in half of it a slow machine must have made the connection."""
PATIENT_SECONDS = 30.0
BUTTON = Button("Open", "https://example.org/x")
LONG = Message("<b>Hello</b>, " + "world " * 500 + "#tag", BUTTON, tail="#tag")
"""It has something to lose whatever is refused."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def simulator() -> AsyncIterator[RunningSimulator]:
    """Run one simulator without limits for all cases."""
    async with running(SimulatorOptions(port=0, control_port=0, no_limits=True)) as made:
        yield made


@pytest.fixture
def world(simulator: RunningSimulator) -> RunningSimulator:
    """Give a simulator in which one person has started the bot, and two groups have it."""
    simulator.world.reset()
    for chat_id in (CHAT, GROUP, SUPERGROUP):
        simulator.world.chat_or_new(chat_id).topics = frozenset({TOPIC})
    return simulator


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write down by which row each answer is judged."""
    names: list[str] = []

    def judge(answer: Answer, jitter: float = 0.0) -> Verdict:
        names.append(classification.rule_for(answer).name)
        return classification.classify(answer, jitter * 0)  # the spread is another test's subject

    monkeypatch.setattr(sender, "classify", judge)
    return names


@asynccontextmanager
async def pages(status: int) -> AsyncIterator[str]:
    """Answer every request with a proxy's page; give the address."""

    async def answer(request: web.BaseRequest) -> web.Response:
        await request.read()
        return web.Response(status=status, text="<h1>nginx</h1>", content_type="text/html", headers={"Location": "/"})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def attempt(simulator: RunningSimulator, trouble: Trouble) -> Verdict:
    """Send one message through what goes wrong."""
    match trouble:
        case Page(status):
            async with pages(status) as base:
                return await send(base)
        case NoPort():
            with socket.socket() as silent:
                silent.bind(("127.0.0.1", 0))
                return await send(f"http://127.0.0.1:{silent.getsockname()[1]}")
        case Elsewhere(path, token):
            return await send(simulator.url + path, token=token)
        case Fault() as fault:
            simulator.world.faults.add(replace(fault))
            patience = HASTY_SECONDS if fault.kind is FaultKind.HANG else PATIENT_SECONDS
            return await send(simulator.url, patience=patience)
        case None:
            return await send(simulator.url)


async def send(
    base: str,
    chat_id: int = CHAT,
    message: Message = LONG,
    *,
    topic: int = TOPIC,
    token: str = DEVELOPMENT_TOKEN,
    patience: float = PATIENT_SECONDS,
) -> Verdict:
    """Send one message into a topic; leave out how long it took."""
    async with Sender(token, base, timeout=patience) as own:
        return replace(await own.send(chat_id, message, thread_id=topic), seconds=0.0)


@in_one_loop
@pytest.mark.parametrize("case", CASES, ids=wire_case.name_of)
async def test_each_answer_has_its_verdict(world: RunningSimulator, judged: list[str], case: Case) -> None:
    """Outcome, link, gate, degrading, bot stop, outage, status and phase are those of the answer's row."""
    verdict = await attempt(world, case.trouble)
    assert set(judged) == {case.rule}
    assert verdict == case.verdict
    assert len(world.world.chats[CHAT].messages) == case.arrived


def test_each_row_of_the_table_is_tried() -> None:
    """A row without a case here is not covered."""
    assert {case.rule for case in CASES} == {rule.name for rule in classification.RULES}


STATES: list[tuple[str, int, dict[str, Any], Verdict]] = [
    ("blocked", CHAT, {"state": ChatState.BLOCKED}, wire_case.BLOCKED),
    ("unreachable", CHAT, {"state": ChatState.DEACTIVATED}, wire_case.UNREACHABLE),
    ("unreachable", CHAT, {"state": ChatState.NONE}, wire_case.UNREACHABLE),
    ("unreachable", GROUP, {"state": ChatState.KICKED}, wire_case.UNREACHABLE),
    ("unreachable", SUPERGROUP, {"state": ChatState.NONE}, wire_case.UNREACHABLE),
    ("unreachable", GROUP, {"state": ChatState.DEACTIVATED}, wire_case.UNREACHABLE),
    ("no rights", GROUP, {"can_write": False}, replace(wire_case.NO_RIGHTS, status=400)),
]


@in_one_loop
@pytest.mark.parametrize(("rule", "chat_id", "fields", "expected"), STATES)
async def test_a_chat_that_refuses_is_judged_by_its_state(
    world: RunningSimulator, judged: list[str], *, rule: str, chat_id: int, fields: dict[str, Any], expected: Verdict
) -> None:
    """What the simulated Telegram says by itself of blocked, gone and closed chats comes to the same verdicts."""
    for name, value in fields.items():
        setattr(world.world.chats[chat_id], name, value)
    assert await send(world.url, chat_id) == replace(expected, status=expected.status or 403)
    assert judged == [rule]


@in_one_loop
async def test_a_chat_that_nobody_knows_is_not_found(world: RunningSimulator) -> None:
    """A chat id that Telegram does not know is believed only when it is seen again an hour later."""
    assert await send(world.url, 4040) == replace(wire_case.NOT_FOUND, status=400)


@in_one_loop
async def test_a_group_that_has_moved_is_followed(world: RunningSimulator) -> None:
    """The message arrives in the new group in the same attempt, and the verdict names it for the link."""
    world.world.chats[GROUP].migrate_to = SUPERGROUP
    expected = Verdict(Delivered(1), migrate_to=SUPERGROUP, status=200, requests=2)
    assert await send(world.url, GROUP) == expected
    assert len(world.world.chats[SUPERGROUP].messages) == 1


REPAIRS = [
    (Degrade.TOPIC, Reason.TOPIC, LONG, TOPIC + 1),
    (Degrade.MARKUP, Reason.MARKUP, replace(LONG, text="<b>Hello#tag"), TOPIC),
    (Degrade.LENGTH, Reason.BAD_MESSAGE, replace(LONG, text="world " * 1000 + "#tag"), TOPIC),
    (Degrade.BUTTON, Reason.BAD_MESSAGE, replace(LONG, button=Button("Open", "https://")), TOPIC),
]


@in_one_loop
@pytest.mark.parametrize(("degrade", "reason", "message", "topic"), REPAIRS)
async def test_what_is_refused_goes_without_the_refused_part(
    world: RunningSimulator, judged: list[str], *, degrade: Degrade, reason: Reason, message: Message, topic: int
) -> None:
    """A wrong topic, markup, length or button costs that part alone, once, and the verdict tells of it."""
    expected = Verdict(Delivered(1, reason), degraded=degrade, status=200, requests=2)
    assert await send(world.url, CHAT, message, topic=topic) == expected
    (shown,) = world.world.chats[CHAT].messages
    assert shown.content.text.startswith(("Hello", "world"))
    assert judged[1:] == ["taken"]
