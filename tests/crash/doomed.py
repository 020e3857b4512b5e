"""A worker that kills itself at one point: `python -m tests.crash.doomed POINT MARK CONTROL`.

It replaces functions of the product's by ones that die, and is `worker --watch` otherwise. MARK is a file that gets
the point, the time and whose lanes it has just claimed right before the end; CONTROL is the address of the simulator's
control API.
"""

import asyncio
import inspect
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from outbox.lane import lane_claim
from outbox.lane.lane_claim import Claimed
from outbox.recording import record
from outbox.relay import fan_out
from telegram.answer import Taken
from telegram.bot_api_session import BotApiSession
from tests.crash.point import Point
from workers.main import main as run_command

Step = Callable[..., Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class Doom:
    """How a worker dies."""

    point: Point
    mark: Path
    control: str

    def strike(self, *claimed: str) -> None:
        """Leave the mark and die."""
        self.mark.write_text(" ".join((self.point, str(time.time()), *claimed)))
        os.kill(os.getpid(), signal.SIGKILL)

    async def strike_when_delivered(self) -> None:
        """Die as soon as the simulator says that a message has arrived."""
        async with aiohttp.ClientSession() as http:
            while True:
                async with http.get(f"{self.control}/control/counters") as answer:
                    if (await answer.json())["delivered"]:
                        self.strike()


def replace(owner: object, name: str, around: Callable[[Step], Step]) -> None:
    """Put a function of one's own around one of the product's.

    Raises:
        AttributeError, TypeError: the product has no such function any more.

    """
    original = getattr(owner, name)
    if not inspect.iscoroutinefunction(original):
        raise TypeError(f"{name} is no coroutine function")
    setattr(owner, name, around(original))


def set_point(doom: Doom) -> None:
    """Make one point deadly."""
    match doom.point:
        case Point.RELAYED:
            replace(fan_out, "step", lambda step: _relayed(doom, step))
        case Point.CLAIMED:
            replace(lane_claim, "claim_shares", lambda claim: _after(doom, claim, bool, _owners))
        case Point.BEFORE_REQUEST:
            replace(BotApiSession, "call", lambda call: _before_request(doom, call))
        case Point.REACHED:
            replace(BotApiSession, "call", lambda call: _reached(doom, call))
        case Point.ANSWERED:
            replace(BotApiSession, "call", lambda call: _after(doom, call, _is_taken_message))
        case Point.RECORDED:
            replace(record, "record", lambda write: _after(doom, write, lambda recorded: bool(recorded.won)))


def _after(
    doom: Doom, step: Step, counts: Callable[[Any], bool], held: Callable[[Any], list[str]] = lambda _: []
) -> Step:
    async def wrapped(*given: Any, **named: Any) -> Any:
        result = await step(*given, **named)
        if counts(result):
            doom.strike(*held(result))
        return result

    return wrapped


def _owners(claimed: Sequence[Claimed]) -> list[str]:
    return [one.recipient for one in claimed]


def _is_taken_message(answer: object) -> bool:
    # getMe is answered too, and has no message id
    return isinstance(answer, Taken) and answer.message_id is not None


def _relayed(doom: Doom, step: Step) -> Step:
    async def wrapped(conn: Any, *given: Any, **named: Any) -> Any:
        async with conn.transaction():
            batch = await step(conn, *given, **named)
            # a batch without events is no relaying
            if batch is not None and batch.relayed:
                doom.strike()
        return batch

    return wrapped


def _before_request(doom: Doom, request: Step) -> Step:
    async def wrapped(session: Any, bot: Any, call: Any, *given: Any, **named: Any) -> Any:
        if call.method == "sendMessage":
            doom.strike()
        return await request(session, bot, call, *given, **named)

    return wrapped


def _reached(doom: Doom, request: Step) -> Step:
    watching: list[asyncio.Task[None]] = []

    async def wrapped(session: Any, bot: Any, call: Any, *given: Any, **named: Any) -> Any:
        if call.method == "sendMessage" and not watching:
            watching.append(asyncio.create_task(doom.strike_when_delivered()))
        return await request(session, bot, call, *given, **named)

    return wrapped


def main() -> None:
    """Read the command line, make the point deadly, and be a worker."""
    point, mark, control = sys.argv[1:]
    set_point(Doom(Point(point), Path(mark), control))
    sys.argv[1:] = ["worker", "--watch"]
    run_command()


if __name__ == "__main__":
    main()
