"""How fast the bot answers, and how often it gives a hint."""

from telegram.bot.chat_pace import ChatPace
from telegram.bot.hint import MOST_CHATS, Hints


def test_three_answers_at_once_then_one_a_second() -> None:
    """As fast as Telegram lets a private chat be written to."""
    pace = ChatPace(chat_rate=1, group_rate=0.3)
    assert [pace.take(7, 100.0) for _ in range(5)] == [0.0, 0.0, 0.0, 1.0, 2.0]
    assert pace.take(8, 100.0) == 0.0
    assert pace.take(7, 110.0) == 0.0


def test_a_group_has_a_pace_of_its_own() -> None:
    """18 a minute."""
    pace = ChatPace(chat_rate=1, group_rate=0.25)
    assert [pace.take(-7, 0.0) for _ in range(5)] == [0.0, 0.0, 0.0, 4.0, 8.0]


def test_a_hint_a_minute() -> None:
    """For each chat by itself."""
    hints = Hints()
    assert [hints.due(7, now) for now in (0.0, 1.0, 59.9, 60.0, 61.0)] == [True, False, False, True, False]
    assert hints.due(8, 61.0)


def test_hints_are_forgotten_when_there_are_too_many() -> None:
    """The eldest first."""
    hints = Hints()
    assert all(hints.due(chat, 0.0) for chat in range(MOST_CHATS + 1))
    assert (hints.due(0, 1.0), hints.due(MOST_CHATS, 1.0)) == (True, False)
