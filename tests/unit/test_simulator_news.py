import pytest

from telegram.simulator import SimulatorOptions, World
from telegram.simulator.flood import Flood, Subject
from telegram.simulator.message import Message
from telegram.simulator.page.news import News, Question
from telegram.simulator.text import FormattedText


@pytest.fixture
def world() -> World:
    """Make a world in which Anna (42) and Boris (43) have started the bot."""
    made = World(SimulatorOptions())
    for chat_id, name in ((42, "Anna"), (43, "Boris")):
        made.chat_or_new(chat_id).name = name
    return made


def _say(world: World, chat_id: int, text: str) -> None:
    chat = world.chats[chat_id]
    chat.post(Message(chat.next_message_id(), 1_700_000_000, FormattedText(text, []), None, silent=False))


def _known(answer: dict[str, object], **more: object) -> Question:
    return Question.model_validate({"epoch": answer["epoch"], "revision": answer["revision"], **more})


def _names(answer: dict[str, object]) -> list[str]:
    chats = answer["chats"]
    assert isinstance(chats, list)
    return [chat["name"] for chat in chats]


def test_a_page_gets_all_and_then_what_has_changed(world: World) -> None:
    """The first answer holds every chat, the next ones only those that have changed since."""
    news = News(world)
    first = news.since(Question())
    assert (first["whole"], _names(first)) == (True, ["Anna", "Boris"])
    assert _names(news.since(_known(first))) == []
    _say(world, 43, "hello")
    second = news.since(_known(first))
    assert (second["whole"], _names(second)) == (False, ["Boris"])
    assert second["chats"] == [
        {
            "id": "43",
            "type": "private",
            "state": "started",
            "name": "Boris",
            "migrate_to": None,
            "count": 1,
            "last": {"text": "hello", "date": 1_700_000_000, "silent": False, "out": False},
        }
    ]


def test_several_pages_are_told_each_what_it_lacks(world: World) -> None:
    """One page's question takes nothing from another's."""
    news = News(world)
    start = news.since(Question())
    _say(world, 42, "one")
    early = news.since(_known(start))
    _say(world, 43, "two")
    assert _names(news.since(_known(early))) == ["Boris"]
    assert _names(news.since(_known(start))) == ["Anna", "Boris"]


def test_a_reset_begins_a_new_epoch(world: World) -> None:
    """After a reset whoever knows the old world gets the new one whole."""
    news = News(world)
    before = news.since(Question())
    world.reset()
    world.chat_or_new(7).name = "Clara"
    after = news.since(_known(before))
    assert (after["whole"], _names(after)) == (True, ["Clara"])
    assert after["epoch"] != before["epoch"]


def test_the_open_conversation_comes_only_when_it_differs(world: World) -> None:
    """A conversation that the page shows already is not sent again; an edit of any message sends it."""
    news = News(world)
    for number in range(3):
        _say(world, 42, f"message {number}")
    first = news.since(Question(chat=42, last=2))
    shown = first["conversation"]
    assert isinstance(shown, dict)
    assert (shown["total"], [each["text"] for each in shown["messages"]]) == (3, ["message 1", "message 2"])
    again = Question(chat=42, last=2, digest=shown["digest"])
    assert news.since(again)["conversation"] is None
    world.chats[42].messages[1].content = FormattedText("changed", [])
    assert news.since(again)["conversation"] is not None


def test_waits_are_told_and_not_changed() -> None:
    """A limit that holds messages and one that answers 429 are waits until they are over; asking changes neither."""
    flood = Flood(SimulatorOptions(bot_rate=1000, chat_rate=1, longest_hold=2), 0.0)
    assert flood.waits(0.0) == []
    for _ in range(7):
        flood.admit(42, is_group=False, paid=False, now=0.0)
    [held] = flood.waits(0.0)
    assert (held.subject, held.chat_id, held.seconds, held.refusing) == (Subject.CHAT, 42, 2.0, False)
    assert flood.admit(42, is_group=False, paid=False, now=0.0).retry_after == 3
    [refusing] = flood.waits(1.0)
    assert (refusing.seconds, refusing.refusing) == (2.0, True)
    assert flood.waits(1.0) == [refusing]
    assert flood.waits(4.0) == []


def test_a_groups_wait_by_the_minute_has_its_own_word() -> None:
    """A group's minute and its second are different limits."""
    flood = Flood(SimulatorOptions(group_rate_per_minute=1, longest_hold=1), 0.0)
    flood.admit(-7, is_group=True, paid=False, now=0.0)
    flood.admit(-7, is_group=True, paid=False, now=0.0)
    assert [(wait.subject, wait.chat_id, wait.seconds) for wait in flood.waits(0.0)] == [(Subject.GROUP, -7, 60.0)]
