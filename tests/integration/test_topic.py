"""Topics on real parts: where the messages of a link that names one go."""

from outbox.relay import fan_out
from tests.integration.stage import TYPE, Stage
from tests.integration.test_deliver import run
from workers.wiring.worker_parts import WorkerParts

GROUP = -1_001_000_000_001
TOPIC, GONE = 5, 6


async def deliver(stage: Stage, parts: WorkerParts, topic: int) -> None:
    """Send one message to a group's topic."""
    await stage.people({"team": GROUP})
    await stage.order("PUT", f"chats/{GROUP}", {"state": "started", "type": "supergroup", "topics": [TOPIC]})
    await stage.conn.execute("update outbox.telegram_link set thread_id = $1", topic)
    await stage.emit(1, "team")
    await fan_out.step(stage.conn, parts.routes)
    await fan_out.step(stage.conn, parts.routes)
    await run(parts)


async def threads(stage: Stage) -> list[int | None]:
    """List the topics of what the group shows."""
    return [message.get("message_thread_id") for message in await stage.order("GET", f"chats/{GROUP}/messages")]


async def test_a_link_may_name_a_topic(stage: Stage, parts: WorkerParts) -> None:
    """Its messages go there."""
    await deliver(stage, parts, TOPIC)
    assert await threads(stage) == [TOPIC]
    assert await stage.states() == {"sent": 1}


async def test_a_topic_that_is_gone_costs_the_topic_only(stage: Stage, parts: WorkerParts) -> None:
    """The message goes into the group itself, once, and that is noted and counted by type."""
    await deliver(stage, parts, GONE)
    assert await threads(stage) == [None]
    assert await stage.states() == {"sent": 1}
    degraded = {"type": TYPE, "part": "topic"}
    assert parts.metrics.registry.get_sample_value("vestnik_messages_degraded_total", degraded) == 1
    assert await stage.conn.fetchval("select reason from outbox.attempt") == "topic"
    assert await stage.conn.fetchval("select state from outbox.telegram_link") == "active"
