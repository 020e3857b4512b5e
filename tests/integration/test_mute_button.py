"""The mute button as people see it."""

from outbox.event_log.event import emit
from tests.integration.stage import Stage, payload

INVITATION = "invitation.created"
"""A type of the sample catalog that may be muted below its message."""


async def test_a_person_sees_the_mute_button_below_the_message(stage: Stage) -> None:
    """Below the link, with the category in the person's language; a type that does not offer it has none."""
    await stage.people({"anna": 11})
    await stage.conn.execute("update outbox.recipient set language = 'en'")
    await emit(stage.conn, INVITATION, ["anna"], payload(1))
    await stage.emit(2, "anna")
    assert stage.run("worker", "--once").code == 0
    shown = await stage.order("GET", "chats/11/messages")
    muting, other = [message["reply_markup"]["inline_keyboard"] for message in shown]
    assert [row[0]["text"] for row in muting] == ["View the job", "🔕 Jobs"]
    assert muting[1] == [{"text": "🔕 Jobs", "callback_data": "mute:jobs"}]
    assert [len(row) for row in other] == [1]
