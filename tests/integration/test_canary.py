"""G11: recognisable names, texts, chat ids and secrets go through workers, faults included, and get out nowhere."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from outbox.event_log import event
from tests.integration.canary_stage import CanaryStage
from tests.integration.lookout import Lookout
from tests.integration.stage import TYPE, until, until_true
from workers.embedded.engine import free_port


def faults(mine: CanaryStage) -> Sequence[dict[str, object]]:
    """List what Telegram answers, one fault for each chat; its descriptions quote what it was sent."""
    quoted = f"{mine.canary.text} to {mine.canary.name} {mine.canary.chat} {mine.canary.bot_token}"
    answers: list[dict[str, object]] = [
        {"code": 400, "description": f"Bad Request: can't parse entities: {quoted}"},
        {"code": 400, "description": f"Bad Request: chat not found: {quoted}"},
        {"code": 400, "description": f"Bad Request: BUTTON_URL_INVALID {quoted}"},
        {"code": 400, "description": f"Bad Request: {quoted}"},
        {"code": 400, "description": "Bad Request: group chat was upgraded", "migrate_to_chat_id": mine.chat(99)},
        {"code": 403, "description": f"Forbidden: bot was blocked by the user {quoted}"},
        {"code": 403, "description": f"Forbidden: user is deactivated {quoted}"},
        {"code": 403, "description": f"Forbidden: {quoted}"},
        {"code": 418, "description": f"I'm a teapot: {quoted}"},
        {"code": 429, "description": f"Too Many Requests: {quoted}", "retry_after": 1},
        {"code": 500, "description": f"Internal Server Error: {quoted}"},
    ]
    kinds = ("html_502", "bad_json", "close_before", "close_after_delivery")
    made = [{"kind": "error", **answer} for answer in answers] + [{"kind": kind} for kind in kinds]
    made.append({"kind": "hang", "seconds": 1})
    return [{**fault, "times": 1, "method": "sendMessage", "chat_id": mine.chat(n)} for n, fault in enumerate(made)]


async def order_faults(mine: CanaryStage, orders: Sequence[dict[str, object]]) -> None:
    """Let Telegram fail in each of these ways."""
    for order in orders:
        await mine.stage.order("POST", "faults", order)


async def all_struck(mine: CanaryStage) -> None:
    """Wait until each fault that was ordered has come about."""

    async def struck() -> bool:
        return all(fault["struck"] for fault in await mine.stage.order("GET", "faults"))

    await until_true(struck)


LOOKED_AT = (
    *("file .log", "file .json", "command line", "ps", "redis command", "redis key", "redis zset", "redis string"),
    *("page metrics", "page api/health", "page api/health/ready"),
)


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_nothing_gets_out_while_telegram_fails_in_every_way(mine: CanaryStage, log_format: str) -> None:
    """A watching worker that meets every fault of Telegram, of a template and of a payload gives nothing away."""
    orders = faults(mine)
    await mine.people(len(orders) + 2)
    await order_faults(mine, orders)
    bind = f"127.0.0.1:{free_port()}"
    lookout = Lookout(mine.search, mine.lookout.redis, mine.lookout.files, [bind])
    with mine.stage.watching(LOG_FORMAT=log_format, METRICS_BIND=bind) as worker:
        async with lookout.kept():
            await mine.emit(*range(len(orders)))
            await _emit_what_cannot_be_rendered(mine, len(orders))
            await all_struck(mine)
            await mine.stage.order("DELETE", "faults")
            await order_faults(
                mine, [{"kind": "error", "code": 401, "description": f"Unauthorized: {mine.canary.bot_token}"}]
            )
            await mine.emit(len(orders) + 1)
            await all_struck(mine)
            await until(lambda: "template_failed" in worker.log.read_text())
    mine.assert_clean(*LOOKED_AT)


async def _emit_what_cannot_be_rendered(mine: CanaryStage, number: int) -> None:
    """Emit payloads that lack a field, have one of the wrong kind, or cannot be read, and a type without texts."""
    lacking = {name: value for name, value in mine.payload().items() if name != "amount"}
    who = [mine.recipient(number)]
    await event.emit(mine.stage.conn, TYPE, who, lacking)
    await mine.emit(number, amount=mine.canary.text)
    await mine.emit(number, currency=mine.canary.name)
    await mine.emit(number, url=f"javascript:{mine.canary.text}")
    await mine.stage.conn.execute(
        "select outbox.emit($1, $2, $3::text::jsonb)", TYPE, who, f'{{"{mine.canary.text[:6]}": {"7" * 5000}}}'
    )
    await event.emit(mine.stage.conn, "type.unknown", who, mine.payload())


async def test_nothing_gets_out_while_a_dependency_is_away(mine: CanaryStage) -> None:
    """Runs without Telegram, with a token that it refuses, without Redis or its password give nothing away."""
    await mine.people(1)
    await mine.emit(0)
    nowhere = f"127.0.0.1:{free_port()}"
    redis = mine.stage.environment["REDIS_URL"]
    async with mine.lookout.kept():
        for name, value in (
            ("TELEGRAM_API_BASE", f"http://{nowhere}/{mine.canary.bot_token}"),
            ("TELEGRAM_BOT_TOKEN", mine.canary.wrong_token),
            ("REDIS_URL", f"redis://:{mine.canary.redis_password}@{nowhere}"),
            ("REDIS_URL", redis.replace(mine.canary.redis_password, f"{mine.canary.redis_password}not")),
        ):
            # every one of them begins anew: the first may have left a pause behind
            await mine.lookout.redis.flushall()
            await mine.stage.conn.execute("update outbox.lane set due_at = now() where due_at is not null")
            away = await mine.run("worker", "--once", environment={"LOG_FORMAT": "console", name: value})
            assert away.code == 2, away
    mine.assert_clean("stdout of worker", "redis command")


# read by Python at its start: lets the fan-out, a rendering and a send each fail once over what is the canary's
FAILING = """
import os, jinja2, aiohttp
from inapp.signal import Signal

def failing_once(owner, name):
    whole = getattr(owner, name)
    def call(*arguments, **named):
        told = f"{arguments} {named}"
        if not any(word in told for word in os.environ["WORDS"].split("|")):
            return whole(*arguments, **named)
        setattr(owner, name, whole)
        raise RuntimeError(told)
    setattr(owner, name, call)

failing_once(Signal, "send")
failing_once(jinja2.Template, "new_context")
failing_once(aiohttp.BytesPayload, "__init__")
"""


async def test_nothing_gets_out_of_a_crash_of_our_own(mine: CanaryStage, tmp_path: Path) -> None:
    """An exception that nobody expects, with recipients, texts or the token in its message, is told without them."""
    (tmp_path / "sitecustomize.py").write_text(FAILING)
    await mine.people(1)
    words = f"{mine.canary.recipient}|{mine.canary.text.split()[-1]}"
    with mine.stage.watching(PYTHONPATH=str(tmp_path), WORDS=words) as worker:
        async with mine.lookout.kept():
            await mine.emit(0)
            for fact in ("slice_failed", "message_failed", "send_failed"):
                await until(lambda fact=fact: bool(worker.lines(fact)))  # type: ignore[misc]
            await mine.stage.sent(1)
    mine.assert_clean("file .log")
