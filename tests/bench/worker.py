"""The seam through which a benchmark drives the product's own worker: all that it knows of the inside stands here.

`TABLES`, `AWAKE`, `limits`, `null_sender`, `once` and `watch` are called by harnesses outside the project, too. As a
program it is one worker process with these limits, which tells in a file how it went:

    python -m tests.bench.worker once|watch null|stuck|http IN_FLIGHT REPORT

IN_FLIGHT 0 leaves the limits as they are.
"""

import asyncio
import json
import re
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import TextIO

from outbox.delivery.outcome import Delivered
from outbox.schema import shape
from telegram import put_off_builds

# as `vestnik` does: what is measured is the product's own process
put_off_builds()

from telegram import Sender, Verdict
from telegram.message import Message
from telegram.sender import Me
from workers.command.setup import begin, run
from workers.process.exit_code import Exit
from workers.wiring import worker_parts
from workers.worker.once import run_once
from workers.worker.watch import watch as run_watch

KEPT = {
    "binding_request",
    "cursor",
    "forgotten",
    "gauge",
    "link_audit",
    "migration",
    "pause",
    "preference",
    "recipient",
    "route",
    "salt",
    "telegram_link",
    "telegram_update",
    "type",
    "worker",
}
"""What does not follow from events: people, settings, and how far everybody is."""

AWAKE = "select setval('outbox.relay_asleep', 1, false)"
"""After this the relay counts as awake, so that no emit notifies."""

LANES = """
insert into outbox.lane (channel, recipient)
select 'telegram', 'u' || i from generate_series(1, $1::integer) i on conflict do nothing
"""
"""Lanes of people who have had a message before."""

OUT_OF_REACH = 1e9
BURST = 1_000_000
NOWHERE = "http://127.0.0.1:9"
"""Where a request goes that gets past the null sender: nobody listens there."""
MARK_EVERY = 100
CHAT_RATE = 1000
"""Of one chat: so high that nobody waits, and still a pace that has to be written down."""


def bulk_tables(kept: Iterable[str] = KEPT) -> list[str]:
    """Name the tables of events, deliveries, lanes and what follows from them, as the migrations give them."""
    named = (thing.name.removeprefix("outbox.") for thing in shape.expected() if thing.kind == "table")
    return [f"outbox.{name}" for name in sorted(set(named) - set(kept))]


TABLES = ", ".join(bulk_tables())
"""What is emptied between two runs."""


def environment(database_url: str, redis_url: str, catalog: Path, **more: str) -> dict[str, str]:
    """Name the settings of a worker that sends as fast as it can; `more` overrules them."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "TELEGRAM_BOT_TOKEN": "110201543:" + "A" * 35,
        "TELEGRAM_API_BASE": NOWHERE,
        "CATALOG_DIR": str(catalog),
        "LOG_LEVEL": "error",
        "PAID_BROADCAST": "true",
        "BOT_RATE": str(OUT_OF_REACH),
        "CHAT_RATE": str(CHAT_RATE),
        **more,
    }


def limits(in_flight: int) -> None:
    """Put the rates out of reach, paid or not, and let so many requests be under way."""
    _set(worker_parts, PAID_RATE=OUT_OF_REACH, PAID_BURST=BURST, PAID_IN_FLIGHT=in_flight)
    _set(worker_parts, FREE_BURST=BURST, FREE_IN_FLIGHT=in_flight)


def null_sender(on_send: Callable[[int], None]) -> None:
    """Take every message as delivered at once; `on_send` gets the first number of its text."""

    async def send(_sender: Sender, _chat_id: int, message: Message, **_: object) -> Verdict:
        on_send(_number(message.text))
        return Verdict(Delivered(1))

    _set(Sender, send=send, get_me=_get_me)


def stuck_sender() -> None:
    """Let no message ever get an answer: everything is relayed, and nothing ends."""

    async def send(_sender: Sender, *_: object, **__: object) -> Verdict:
        await asyncio.Event().wait()
        raise AssertionError

    _set(Sender, send=send, get_me=_get_me)


async def _get_me(_sender: Sender) -> Me:
    return Me(1, "bench_bot")


async def once() -> None:
    """Run `worker --once` in this process, with the settings of the environment.

    Raises:
        RuntimeError: something was not delivered.

    """
    code = await run_once(begin("worker"))
    if code is not Exit.DONE:
        raise RuntimeError(f"the worker ended with {code!r}")


async def watch() -> None:
    """Run `worker --watch` in this process, with the settings of the environment, until SIGTERM."""
    await run_watch(begin("worker"))


NUMBER = re.compile(r"\d+")


def _number(text: str) -> int:
    found = NUMBER.search(text)
    return int(found.group()) if found else 0


def _set(owner: ModuleType | type, **values: object) -> None:
    """Replace what is there; a name that has gone from the product is a fault of this file."""
    for name, value in values.items():
        getattr(owner, name)
        setattr(owner, name, value)


class Report:
    """What a worker process tells while it runs: `T NOW` of each timed message, `sent COUNT NOW` now and then.

    A message is timed when its number T is not 0. Both times are the monotonic clock's, in nanoseconds.
    """

    def __init__(self, told: TextIO) -> None:
        self._told = told
        self.sent = 0

    def on_send(self, number: int) -> None:
        """Count one message."""
        self.sent += 1
        if number:
            self._tell(f"{number} {time.monotonic_ns()}")
        if self.sent % MARK_EVERY == 0:
            self._tell(f"sent {self.sent} {time.monotonic_ns()}")

    def end(self, seconds: float, cpu_s: float) -> None:
        """Tell in the last line what the run took."""
        most_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._tell(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "most_kb": most_kb, "sent": self.sent}))

    def _tell(self, line: str) -> None:
        self._told.write(line + "\n")
        self._told.flush()


def main(how: str, sender: str, in_flight: str, file: str) -> None:
    """Be one worker process."""
    began, used = time.perf_counter(), time.process_time()
    if int(in_flight):
        limits(int(in_flight))
    with Path(file).open("w", encoding="utf-8") as told:
        report = Report(told)
        if sender == "null":
            null_sender(report.on_send)
        elif sender == "stuck":
            stuck_sender()
        run(once() if how == "once" else watch())
        report.end(time.perf_counter() - began, time.process_time() - used)


if __name__ == "__main__":
    main(*sys.argv[1:])
