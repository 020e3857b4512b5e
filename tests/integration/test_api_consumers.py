"""Pull and ack over HTTP: batches, leases, waiting, refusals."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from inapp.api import consumers
from outbox.cursor import consumer
from outbox.cursor.consumer import Handed
from outbox.database.connection import Connection
from outbox.event_log import event
from tests.integration.api_stage import CONSUMER_SECRET, ApiStage, Reply, api_settings, api_stage
from tests.integration.stage import until, until_true

PULL, ACK = "/api/outbox/pull", "/api/outbox/ack"


async def pull(api: ApiStage, name: str = "billing", **more: Any) -> Reply:
    """Pull as the application does."""
    return await api.application("POST", PULL, json={"consumer": name, **more})


async def ack(api: ApiStage, batch: object) -> Reply:
    """Ack as the application does."""
    return await api.application("POST", ACK, json={"consumer": "billing", "batch": batch})


async def end_lease(conn: Connection) -> None:
    """Let the lease of every batch be over."""
    await conn.execute("update outbox.pull set lease_until = now()")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Handed]:
    """List what each look of a pull has found, also while its caller waits."""
    seen: list[Handed] = []
    look = consumer.pull

    async def noted(*order: Any) -> Handed:
        seen.append(found := await look(*order))
        return found

    monkeypatch.setattr(consumer, "pull", noted)
    return seen


async def test_a_consumer_reads_and_acks(api: ApiStage) -> None:
    """What the application emits over HTTP it pulls again as it was, with its id and its request's, and acks."""
    emitted = {"type": "t", "recipients": ["ann"], "payload": {"n": 1}, "dedupeKey": "k"}
    (id_,) = (await api.application("POST", "/api/outbox/events", json=emitted, headers={"x-request-id": "r-7"})).data[
        "ids"
    ]
    batch = (await pull(api)).data

    (found,) = batch["events"]
    assert found.pop("createdAt").endswith("Z")
    absent = dict.fromkeys(("traceparent", "deliverAt", "expiresAt"))
    assert found == {**emitted, "id": id_, "requestId": "r-7", **absent}
    assert batch["leaseUntil"].endswith("Z")
    assert (await ack(api, batch["batch"])).data == {"acked": True}
    assert (await pull(api)).data == {"batch": None, "leaseUntil": None, "events": []}
    assert (await ack(api, batch["batch"])).data == {"acked": True}


async def test_a_pull_asks_for_what_it_wants(api: ApiStage, conn: Connection) -> None:
    """It takes as many events as it asked for, from where it asked to begin, for as long as it asked."""
    for _ in range(3):
        await event.emit(conn, "t", ["ann"])
    some = (await pull(api, limit=2, leaseSeconds=3600)).data
    none = (await pull(api, "new", **{"from": "now"})).data
    lease = await conn.fetchval("select lease_until > now() + interval '50 minutes' from outbox.pull")

    assert len(some["events"]) == 2
    assert none["batch"] is None
    assert lease


async def test_a_lease_outlives_the_api(api: ApiStage, database_url: str, redis_url: str, conn: Connection) -> None:
    """A batch that one API process handed out is leased, and acked, in any other one, also after a restart."""
    await event.emit(conn, "t", ["ann"])
    async with api_stage(api_settings(database_url, redis_url)) as other:
        batch = (await pull(other)).data

    assert (await pull(api)).data == {"batch": None, "leaseUntil": batch["leaseUntil"], "events": []}
    await end_lease(conn)
    again = (await pull(api)).data
    assert again["events"] == batch["events"]
    late = await ack(api, batch["batch"])
    assert (late.status, late.code) == (409, "CONFLICT")
    assert (await ack(api, again["batch"])).status == 200


async def test_a_pull_waits_for_an_event(api: ApiStage, conn: Connection) -> None:
    """With waitSeconds a pull that finds nothing answers when there is something, and holds no connection till then."""
    waiting = [asyncio.create_task(pull(api, f"c{number}", waitSeconds=20)) for number in range(15)]

    async def all_known() -> bool:
        return bool(await conn.fetchval("select count(*) = 16 from outbox.cursor"))

    await until_true(all_known)
    id_ = await event.emit(conn, "t", ["ann"])
    replies = await asyncio.gather(*waiting)
    assert [[found["id"] for found in reply.data["events"]] for reply in replies] == [[id_]] * 15


async def test_a_pull_that_waits_takes_over(api: ApiStage, conn: Connection, looks: list[Handed]) -> None:
    """One that waits while another's lease runs gets the events as soon as that has ended."""
    await event.emit(conn, "t", ["ann"])
    first = (await pull(api)).data
    second = asyncio.create_task(pull(api, waitSeconds=20))
    await until(lambda: len(looks) == 3)
    assert not second.done()
    await end_lease(conn)

    taken = (await second).data
    assert taken["events"] == first["events"]
    assert taken["batch"] != first["batch"]


async def test_who_hangs_up_is_given_nothing(
    api: ApiStage, conn: Connection, looks: list[Handed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that come after a waiting caller has gone are left for the next one."""
    # time enough, on a busy machine too, to hear of the end of a connection before the next look
    monkeypatch.setattr(consumers, "LOOK_EVERY_S", 5.0)
    body = {"consumer": "billing", "waitSeconds": 20}
    asked = asyncio.create_task(
        api.session.post(f"{api.url}{PULL}", json=body, headers=api.authorization(token=CONSUMER_SECRET))
    )
    await until(lambda: looks == [Handed()])
    asked.cancel()
    await asyncio.wait([asked])
    id_ = await event.emit(conn, "t", ["ann"])
    await until(lambda: api.count("http_requests_total", method="POST", status="200") == 1)
    assert [found["id"] for found in (await pull(api)).data["events"]] == [id_]


BAD_PULLS = {
    "no consumer": ({}, "consumer: Field required"),
    "the relay": ({"consumer": "relay"}, "consumer: Value error, this one is Vestnik's own"),
    "capitals": ({"consumer": "Billing"}, "consumer: String should match pattern"),
    "none": ({"consumer": "c", "limit": 0}, "limit: Input should be greater than or equal to 1"),
    "many": ({"consumer": "c", "limit": 501}, "limit: Input should be less than or equal to 500"),
    "text": ({"consumer": "c", "limit": "7"}, "limit: Input should be a valid integer"),
    "no lease": ({"consumer": "c", "leaseSeconds": 0}, "leaseSeconds: Input should be greater"),
    "long lease": ({"consumer": "c", "leaseSeconds": 3601}, "leaseSeconds: Input should be less"),
    "long wait": ({"consumer": "c", "waitSeconds": 21}, "waitSeconds: Input should be less"),
    "elsewhere": ({"consumer": "c", "from": "end"}, "from: Input should be 'start' or 'now'"),
    "unknown field": ({"consumer": "c", "size": 7}, "size: Extra inputs are not permitted"),
}


async def test_what_cannot_be_pulled_is_refused_by_name(api: ApiStage, conn: Connection) -> None:
    """A pull that asks for what there is not is a VALIDATION_ERROR that names the field, and begins no consumer."""
    for what, (body, says) in BAD_PULLS.items():
        reply = await api.application("POST", PULL, json=body)
        assert (reply.status, reply.code) == (422, "VALIDATION_ERROR"), what
        assert reply.message.startswith(says), what
    assert await conn.fetchval("select count(*) from outbox.cursor") == 1


async def test_what_cannot_be_acked_is_refused(api: ApiStage) -> None:
    """An unknown consumer is NOT_FOUND, a batch that it was not given CONFLICT, what is no batch id invalid."""
    unknown = await ack(api, str(uuid4()))
    await pull(api)
    foreign = await ack(api, str(uuid4()))
    invalid = await ack(api, "7")

    assert (unknown.status, unknown.code) == (404, "NOT_FOUND")
    assert unknown.message == "there is no consumer 'billing'"
    assert (foreign.status, foreign.code) == (409, "CONFLICT")
    assert (invalid.status, invalid.code) == (422, "VALIDATION_ERROR")


async def test_in_a_foreign_cluster_nothing_is_handed_out(api: ApiStage, conn: Connection) -> None:
    """After a restore pull and ack are UNAVAILABLE and name the remedy, for consumers old and new, leased or not."""
    await event.emit(conn, "t", ["ann"])
    batch = (await pull(api)).data["batch"]
    await conn.execute("update outbox.cursor set system_identifier = 1")
    replies = [await pull(api), await ack(api, batch), await pull(api, "new"), await pull(api, "new")]
    await end_lease(conn)
    replies.append(await pull(api))

    assert [(reply.status, reply.code) for reply in replies] == [(503, "UNAVAILABLE")] * 5
    assert all("vestnik cursor rebase" in reply.message for reply in replies)
    assert await conn.fetchval("select count(*) from outbox.cursor") == 2
