"""The live stream of an inbox: what it tells, to whom, and when it ends."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import pytest
from starlette.types import Message

from health import http
from inapp import change_batcher, open_stream, stream_hub
from inapp.api.stream import InboxStream
from inapp.open_stream import OpenStream
from inapp.session import Session
from outbox.database.connection import Connection
from tests.integration.api_stage import ApiStage, api_settings, api_stage
from tests.integration.stage import PATIENCE_S, until
from tests.integration.stream_client import PATH, relayed, streaming


def gauge(api: ApiStage) -> float | None:
    """Tell how many streams the metrics count."""
    return api.world.metrics.registry.get_sample_value("vestnik_inbox_streams")


async def test_a_stream_begins_with_the_counter(api: ApiStage, conn: Connection) -> None:
    """A stream without Last-Event-ID begins with the counter and the version, and with no notifications."""
    await relayed(conn, api.world.signal, 1, "alice")
    async with streaming(api, "alice") as client:
        told = await client.told()
        assert (told.id, told.kind, client.retry_ms) == ("1", "inbox", 2000)
        assert told.data == {"version": 1, "unread": 1, "complete": True, "notifications": []}
        assert client.answer.headers["Content-Type"].startswith("text/event-stream")
        assert client.answer.headers["Cache-Control"] == "no-cache"
        assert client.answer.headers["X-Accel-Buffering"] == "no"


async def test_a_notification_comes_as_the_list_shows_it(api: ApiStage, conn: Connection) -> None:
    """What comes while a stream is open is told in one event, in the shape that the list has."""
    async with streaming(api, "alice") as client:
        assert (await client.told()).counter == (0, 0)
        await relayed(conn, api.world.signal, 1, "alice")
        told = await client.told()
    listed = (await api.get("/api/notifications", "alice")).data
    assert told.id == "1"
    assert told.counter == (1, 1)
    assert told.data["complete"] is True
    assert told.data["notifications"] == listed["notifications"]
    assert told.links == ["https://market.example/jobs/1"]


async def test_a_signal_is_enough(api: ApiStage, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal makes the hub look at once; it does not wait for its next look at everybody."""
    monkeypatch.setattr(stream_hub, "LOOK_EVERY_S", 3600)
    async with streaming(api, "alice") as client:
        await client.told()
        for number in (1, 2, 3):
            await relayed(conn, api.world.signal, number, "alice")
            assert (await client.told()).counter == (number, number)


async def test_who_comes_back_gets_what_was_missed(api: ApiStage, conn: Connection) -> None:
    """With Last-Event-ID a stream begins with what came or was read since, newest first."""
    for number in (1, 2, 3):
        await relayed(conn, None, number, "alice")
    first = (await api.get("/api/notifications", "alice")).data["notifications"][2]["id"]
    await api.post(f"/api/notifications/{first}/read", "alice")
    async with streaming(api, "alice", since=2) as client:
        told = await client.told()
    assert told.counter == (4, 2)
    assert told.data["complete"] is True
    assert [(one["link"][-1], one["readAt"] is None) for one in told.data["notifications"]] == [
        ("3", True),
        ("1", False),
    ]


async def test_who_missed_nothing_gets_the_counter(api: ApiStage, conn: Connection) -> None:
    """With the newest version as Last-Event-ID a stream begins with the counter alone, and that is complete."""
    await relayed(conn, None, 1, "alice")
    async with streaming(api, "alice", since=1) as client:
        assert (await client.told()).data == {"version": 1, "unread": 1, "complete": True, "notifications": []}


@pytest.mark.parametrize("since", ["99", "-1", "x", "1.0", "²", "9" * 30])
async def test_what_is_no_version_of_this_inbox_means_load_anew(api: ApiStage, conn: Connection, since: str) -> None:
    """A Last-Event-ID that is malformed, or ahead of the inbox, begins with an event that says to load the list."""
    await relayed(conn, None, 1, "alice")
    async with streaming(api, "alice", since=since) as client:
        assert (await client.told()).data == {"version": 1, "unread": 1, "complete": False, "notifications": []}


async def test_reading_moves_every_tab(api: ApiStage, conn: Connection) -> None:
    """What is read in one tab is told to the others, with the counter of that moment."""
    await relayed(conn, None, 1, "alice")
    async with streaming(api, "alice") as one, streaming(api, "alice") as other:
        assert (await one.told()).counter == (await other.told()).counter == (1, 1)
        await api.post("/api/notifications/read-all", "alice")
        for client in (one, other):
            told = await client.told()
            assert told.counter == (2, 0)
            assert [note["readAt"] is None for note in told.data["notifications"]] == [False]


async def test_nobody_hears_of_another(api: ApiStage, conn: Connection) -> None:
    """What happens in another's inbox never comes, also where the signal names everybody."""
    async with streaming(api, "alice") as alice, streaming(api, "bob") as bob:
        await alice.told()
        await bob.told()
        await relayed(conn, api.world.signal, 1, "bob")
        assert (await bob.told()).counter == (1, 1)
        api.world.signal.send([f"u{number}" for number in range(1001)])
        await relayed(conn, api.world.signal, 2, "alice")
        told = await alice.told()
        assert told.counter == (1, 1)
        assert told.links == ["https://market.example/jobs/2"]


async def test_all_are_told_though_they_are_more_than_one_look_takes(
    api: ApiStage, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One event for many recipients reaches each of them by one signal, however many statements that takes."""
    monkeypatch.setattr(stream_hub, "LOOK_EVERY_S", 3600)
    monkeypatch.setattr(stream_hub, "AT_ONCE", 2)
    monkeypatch.setattr(change_batcher, "AT_ONCE", 2)
    people = [f"u{number}" for number in range(7)]
    async with asyncio.TaskGroup() as tasks:

        async def follow(who: str) -> list[int]:
            async with streaming(api, who) as client:
                await client.told()
                began.append(who)
                return [one["id"] for one in (await client.told()).data["notifications"]]

        began: list[str] = []
        told = [tasks.create_task(follow(who)) for who in people]
        await until(lambda: len(began) == len(people))
        await relayed(conn, api.world.signal, 1, *people)
    rows = await conn.fetch("select id from outbox.notification order by recipient")
    assert [task.result() for task in told] == [[row["id"]] for row in rows]
    assert len(rows) == 7


async def test_a_silent_stream_has_a_heartbeat(api: ApiStage) -> None:
    """A stream on which nothing happens sends comments, and no events."""
    api.world.hub.heartbeat_s = 0.01
    async with streaming(api, "alice") as client:
        await client.told()
        await client.beats(3)


async def test_streams_are_counted_and_limited(api: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipient has at most so many streams at a time, others as many; the gauge counts the open ones."""
    monkeypatch.setattr(stream_hub, "MOST_STREAMS", 2)
    async with streaming(api, "alice"), streaming(api, "bob"):
        async with streaming(api, "alice"):
            refused = await api.get("/api/notifications/stream", "alice")
            assert (refused.status, refused.code) == (429, "RATE_LIMITED")
            assert refused.headers["Retry-After"] == "60"
            assert gauge(api) == 3
        await until(lambda: gauge(api) == 2)
        async with streaming(api, "alice") as client:
            assert (await client.told()).counter == (0, 0)


async def test_to_be_forgotten_ends_the_stream(api: ApiStage, conn: Connection) -> None:
    """The stream of a person who is forgotten ends without a word, and the token opens no other."""
    await relayed(conn, None, 1, "alice")
    token = api.token("alice")
    async with streaming(api, token=token) as client:
        await client.told()
        await conn.execute("select outbox.forget('alice')")
        assert await client.ended() == []
    assert (await api.get("/api/notifications/stream", token=token)).code == "STALE_SESSION"


async def test_a_new_life_is_not_told_to_the_old_one(api: ApiStage, conn: Connection) -> None:
    """What comes for a person after they were forgotten is not told on a stream from before, however soon it comes."""
    async with streaming(api, "alice") as client:
        assert (await client.told()).counter == (0, 0)
        await conn.execute("select outbox.forget('alice')")
        await relayed(conn, api.world.signal, 1, "alice")
        assert await client.ended() == []


async def test_a_stream_ends_with_its_token(api: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream ends in order when its token has expired, the clocks' leeway of 10 s included."""

    class Later(datetime):
        """A clock that is so far ahead that the token has a second left, the leeway included."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(hours=1, seconds=9)

    monkeypatch.setattr(open_stream, "datetime", Later)
    async with streaming(api, token=api.token("alice", exp=datetime.now(UTC) + timedelta(hours=1))) as client:
        # on a slow machine the second may be over before anything is told
        assert {told.counter for told in await client.ended()} <= {(0, 0)}


async def test_the_order_to_stop_ends_all_streams(api: ApiStage) -> None:
    """When the hub closes, streams end in order, and no new one begins."""
    async with streaming(api, "alice") as alice, streaming(api, "bob") as bob:
        await alice.told()
        await bob.told()
        api.world.hub.close()
        assert await alice.ended() == await bob.ended() == []
    assert (await api.get("/api/notifications/stream", "alice")).code == "UNAVAILABLE"


class SlowClient:
    """A client at the other end of the server's interface: it takes nothing until it is told to."""

    def __init__(self, api: ApiStage, recipient: str) -> None:
        session = Session(recipient, None, datetime.now(UTC) + timedelta(hours=1))
        self._answer = InboxStream(api.world.hub, OpenStream(session), resumes=False)
        self.takes = asyncio.Event()
        self.offered = asyncio.Event()
        self.bodies: list[bytes] = []

    async def run(self) -> None:
        """Follow until the server ends it."""
        await self._answer({"type": "http"}, self._receive, self._send)

    async def _receive(self) -> Message:
        return await asyncio.Future()

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.offered.set()
            await self.takes.wait()
            self.bodies.append(message["body"])


async def test_a_slow_client_costs_only_itself(api: ApiStage, conn: Connection) -> None:
    """While one client takes nothing the others are told everything; it then gets all of it in one event."""
    slow = SlowClient(api, "alice")
    running = asyncio.create_task(slow.run())
    await asyncio.wait_for(slow.offered.wait(), PATIENCE_S)
    async with streaming(api, "alice") as client:
        await client.told()
        for number in (1, 2, 3):
            await relayed(conn, api.world.signal, number, "alice")
            assert (await client.told()).counter == (number, number)
    assert slow.bodies == []
    slow.takes.set()
    await until(lambda: len(slow.bodies) == 2)
    assert b"id: 3\n" in slow.bodies[1]
    assert slow.bodies[1].count(b"/jobs/") == 3
    running.cancel()


async def test_a_slow_client_does_not_hold_up_the_stop(api: ApiStage) -> None:
    """A stream whose client takes nothing ends all the same."""
    slow = SlowClient(api, "alice")
    running = asyncio.create_task(slow.run())
    await asyncio.wait_for(slow.offered.wait(), PATIENCE_S)
    api.world.hub.close()
    await asyncio.wait_for(running, PATIENCE_S)
    assert slow.bodies == []


async def test_a_client_that_never_reads_is_cut_off(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection whose client takes nothing for too long is broken off, and its stream is gone."""
    monkeypatch.setattr(http, "TAKEN_WITHIN", timedelta(milliseconds=300))
    async with api_stage(api_settings(database_url, redis_url)) as api:
        api.world.hub.heartbeat_s = 0.001
        with socket.socket() as silent:
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            silent.connect(("127.0.0.1", int(api.url.rpartition(":")[2])))
            silent.sendall(f"GET {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {api.token('a')}\r\n\r\n".encode())
            await until(lambda: gauge(api) == 1)
            await until(lambda: gauge(api) == 0)
