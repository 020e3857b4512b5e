"""The states of an installation that an operator's pages are about, one that is in trouble for each kind of trouble."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp

from health import Check, CheckName, Status
from outbox.cursor import consumer
from outbox.delivery.outcome import Reason
from outbox.event_log import event
from outbox.relay import fan_out
from tests.integration.inboxes import ROUTES, notify
from tests.integration.stage import MARKETPLACE, TYPE, payload
from tests.integration.terminal import Terminal
from tests.integration.test_dead_letter import die, queue
from tests.integration.test_fan_out import link
from tests.unit.test_print_health import put

Told = Mapping[str, tuple[int, str]]
"""Commands, each with the exit code that it ends with and words that it prints; the others end with 0."""
Names = Mapping[str, str]
"""What is typed in the place of a word of the page."""
State = Callable[[Terminal], Awaitable[Names | None]]

WORKER = "worker-1"
GONE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOWHERE = "127.0.0.1:1"
NEWEST = "0014_traceparent"
"""The migration that `behind` takes back."""


async def well(_: Terminal) -> None:
    """Leave all as it is."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What an entry is about."""

    state: State = well
    look: Told = field(default_factory=dict)
    """How the commands end that stand before the mending."""
    fix: State = well
    """What the operator does beside the commands before the mending."""
    mend: Told = field(default_factory=dict)
    """How the others end."""
    left: Mapping[str, Any] = field(default_factory=dict)
    """What PostgreSQL answers to a query afterwards."""


def says(check: CheckName, status: Status, detail: str) -> State:
    """Have a health file of a process one check of which says so."""

    async def state(at: Terminal) -> None:
        put(at.run, WORKER, Check(status, detail), of=check)

    return state


def has(**settings: str) -> State:
    """Have settings changed."""

    async def state(at: Terminal) -> None:
        at.set(settings)

    return state


def both(*states: State) -> State:
    """Have all of these at once."""

    async def state(at: Terminal) -> Names:
        found = [await one(at) for one in states]
        return {word: name for names in found for word, name in (names or {}).items()}

    return state


async def hung(at: Terminal) -> None:
    """Have a process without a sign of life for a minute."""
    put(at.run, WORKER, age=GONE)


async def ran_once(at: Terminal) -> None:
    """Have a worker that is well beside what a run of a timer's has left a minute ago."""
    put(at.run, WORKER)
    put(at.run, "once", age=GONE)


async def behind(at: Terminal) -> None:
    """Have a schema that lacks the newest migration."""
    await at.stage.conn.execute(
        "alter table outbox.event drop column traceparent; delete from outbox.migration where number = 14"
    )


async def drifted(at: Terminal) -> None:
    """Have a schema that was changed by hand."""
    await at.stage.conn.execute("drop index outbox.run_leased")


async def foreign(at: Terminal) -> None:
    """Have the cursor of another cluster, and an event that was not relayed there."""
    await at.stage.emit(1, "anna")
    await at.stage.conn.execute("update outbox.cursor set system_identifier = 1")


async def unrouted(at: Terminal) -> Names:
    """Have an event of a type that no catalog has, set aside by the relay."""
    await event.emit(at.stage.conn, "payout.payd", ["anna"], payload(1))
    await fan_out.step(at.stage.conn, ROUTES)
    return {"TYPE": "payout.payd"}


async def due(at: Terminal) -> None:
    """Have a lane that is due."""
    await link(at.stage.conn, ["anna"])
    await queue(at.stage.conn, "anna")


async def dead(at: Terminal) -> Names:
    """Have two deliveries that died of their text, and one of them to name."""
    await link(at.stage.conn, ["anna", "boris"])
    return {"ID": str((await die(at.stage.conn, "anna", "boris", reason=Reason.TEMPLATE))[0])}


async def for_a_day(at: Terminal) -> None:
    """Let what is dead have been so for two days."""
    await at.stage.conn.execute("update outbox.delivery set settled_at = settled_at - interval '2 days'")


async def wrong_text(at: Terminal) -> None:
    """Have a catalog with a text that needs what its event lacks."""
    folder = at.run / "catalog"
    folder.mkdir()
    for file in (MARKETPLACE / "catalog").iterdir():
        (folder / file.name).write_text(file.read_text().replace("Ваш отклик принят", "{{ nothing }} принят"))
    at.set({"CATALOG_DIR": str(folder)})


async def unknown(at: Terminal) -> Names:
    """Have two deliveries that may have arrived; one of them has."""
    one, other = (await dead(at))["ID"], "vestnik unknown resend "
    conn = at.stage.conn
    await conn.execute("update outbox.delivery set state = 'unknown', reason = 'lost_answer'")
    missing = await conn.fetchval("select id from outbox.delivery where id <> $1", int(one))
    return {f"{other}ID": f"{other}{missing}", "ID": one}


async def token_given(at: Terminal) -> None:
    """Have the token that BotFather gives."""
    at.set({"TELEGRAM_BOT_TOKEN": at.stage.environment["TELEGRAM_BOT_TOKEN"]})


async def webhook(at: Terminal) -> None:
    """Have a webhook set by somebody."""
    settings = at.stage.environment
    url = f"{settings['TELEGRAM_API_BASE']}/bot{settings['TELEGRAM_BOT_TOKEN']}/setWebhook"
    async with aiohttp.request("POST", url, json={"url": "https://other.example/"}) as answer:
        assert answer.status == 200, await answer.text()


async def miscounted(at: Terminal) -> None:
    """Have a notification removed by hand."""
    await notify(at.stage.conn, 2, "anna")
    await at.stage.conn.execute("delete from outbox.notification where id = (select max(id) from outbox.notification)")


async def written(at: Terminal) -> None:
    """Have an event that waits for the relay."""
    await at.stage.emit(1, "anna")


AGE = """
with aged as (update outbox.event set created_at = now() - $2::interval where id = $1),
relayed as (update outbox.batch set relayed_at = now() - $2::interval where events @> $1::bigint),
told as (update outbox.notification set created_at = now() - $2::interval, read_at = now() - $2::interval
         where event_id = $1)
update outbox.delivery set settled_at = now() - $2::interval where event_id = $1
"""


async def grown(at: Terminal) -> Names:
    """Have an event of 40 days and one of 10 at their end, and a consumer that has read these two and not the third."""
    conn = at.stage.conn
    for days in (40, 10):
        await notify(conn, 1, "anna")
        await conn.execute(AGE, await conn.fetchval("select max(id) from outbox.event"), timedelta(days=days))
    read = await consumer.pull(conn, "billing", 2, HOUR)
    assert read.batch is not None
    await consumer.ack(conn, "billing", read.batch)
    await event.emit(conn, TYPE, ["anna"], payload(1))
    return {"NAME": "billing"}
