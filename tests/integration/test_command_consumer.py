"""The `cursor` command and named consumers: shown, and dropped."""

from datetime import timedelta

from outbox.cursor import consumer
from outbox.event_log import event
from tests.integration.stage import Stage


async def test_a_consumer_is_shown_and_dropped(stage: Stage) -> None:
    """`cursor show` lists each consumer with the batch that it holds; `cursor drop` forgets it, but never the relay."""
    await event.emit(stage.conn, "t", ["ann"])
    handed = await consumer.pull(stage.conn, "billing", 1, timedelta(hours=1))
    shown = stage.run("cursor", "show")
    assert shown.code == 0
    assert [name in shown.out for name in ("cursor of billing", "cursor of relay", str(handed.batch))] == [True] * 3

    assert stage.run("cursor", "drop", "billing").out == "dropped\n"
    relay = stage.run("cursor", "drop", "relay")
    assert (relay.code, relay.complaint) == (
        1,
        "the relay's cursor cannot be dropped: without it nothing is delivered",
    )
    assert await stage.conn.fetchval("select array_agg(consumer) from outbox.cursor") == ["relay"]
