import pytest

from telegram.simulator.update import UpdateKind, UpdateQueue

MESSAGE, TAP, MEMBER = UpdateKind.MESSAGE, UpdateKind.CALLBACK_QUERY, UpdateKind.MY_CHAT_MEMBER


def filled(count: int) -> UpdateQueue:
    """Make a queue that begins at 100 and holds so many messages, all of second 0."""
    queue = UpdateQueue(100)
    for number in range(count):
        queue.add(MESSAGE, 42, {"number": number}, now=0)
    return queue


def ids(queue: UpdateQueue, offset: int, limit: int = 100, now: float = 1) -> list[int]:
    """Read the numbers from an offset on."""
    return [update.update_id for update in queue.read(offset, limit, now)]


def test_an_update_is_written_under_its_kind() -> None:
    """An update is its number and one field named as its kind."""
    assert filled(1).read(0, 1, 0)[0].as_json() == {"update_id": 100, "message": {"number": 0}}


def test_reading_without_an_offset_forgets_nothing() -> None:
    """Without an offset the same updates are read again, as many as the limit says."""
    queue = filled(4)
    assert [ids(queue, 0, 2), ids(queue, 0, 3)] == [[100, 101], [100, 101, 102]]


def test_an_offset_acknowledges_all_before_it() -> None:
    """What is before the offset is gone for ever, what is from it on stays."""
    queue = filled(4)
    assert [ids(queue, 102), ids(queue, 0)] == [[102, 103], [102, 103]]


@pytest.mark.parametrize(("offset", "left"), [(104, []), (114, []), (115, [100, 101, 102, 103])])
def test_an_offset_from_the_future_is_none(offset: int, left: list[int]) -> None:
    """An offset up to ten ahead of the next number acknowledges all; one further ahead is taken for none."""
    queue = filled(4)
    assert ids(queue, offset) == left


@pytest.mark.parametrize(("offset", "left"), [(-1, [103]), (-3, [101, 102, 103]), (-9, [100, 101, 102, 103])])
def test_a_negative_offset_keeps_the_last(offset: int, left: list[int]) -> None:
    """A negative offset counts from the end and forgets what is earlier."""
    queue = filled(4)
    assert [ids(queue, offset), ids(queue, 0)] == [left, left]


def test_a_negative_offset_on_an_empty_queue_answers_nothing() -> None:
    """Nothing from the end of nothing."""
    assert ids(filled(0), -1) == []


def test_numbers_grow_on_after_all_is_acknowledged() -> None:
    """A number is never given twice."""
    queue = filled(2)
    assert ids(queue, 102) == []
    queue.add(MESSAGE, 42, {}, now=0)
    assert ids(queue, 0) == [102]


def test_messages_live_a_day_and_taps_150_seconds() -> None:
    """What nobody has fetched is dropped when it is too old."""
    queue = UpdateQueue(1)
    for kind in (MESSAGE, TAP, MEMBER):
        queue.add(kind, 42, {}, now=1000)
    assert [ids(queue, 0, now=now) for now in (1149, 1150, 87399, 87400)] == [[1, 2, 3], [1, 3], [1, 3], []]


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("", [1, 2, 3]),
        ("[]", [1, 2, 3]),
        ('["MESSAGE"]', [1]),
        ('["callback_query","chat_member"]', [1]),
        ('["chat_member"]', []),
        ('["no such thing"]', [1, 2, 3]),
        ("message", [1, 2, 3]),
        ('{"message": true}', [1, 2, 3]),
        ("[1]", [1, 2, 3]),
    ],
)
def test_only_allowed_updates_are_kept(names: str, wanted: list[int]) -> None:
    """A list chooses kinds in any case; an empty or unreadable one chooses nothing, unknown words alone the default."""
    queue = UpdateQueue(1)
    queue.allow(names)
    for kind in (MESSAGE, TAP, MEMBER):
        queue.add(kind, 42, {}, now=0)
    assert ids(queue, 0) == wanted


def test_allowed_updates_are_remembered_and_an_empty_list_takes_them_back() -> None:
    """Leaving the list out changes nothing, an empty list restores the default."""
    queue = UpdateQueue(1)
    assert [queue.allow(names) for names in ('["message"]', "", '["message"]')] == [True, False, False]
    assert sorted(queue.allowed) == ["message"]
    assert queue.allow("[]")
    assert {"message", "my_chat_member"} < queue.allowed
    assert not {"chat_member", "message_reaction", "message_reaction_count"} & queue.allowed


def test_a_tap_and_a_message_go_different_ways_to_a_webhook() -> None:
    """A lane is one kind about one chat, or one person who taps."""
    queue = UpdateQueue(1)
    for kind, about in ((MESSAGE, 42), (TAP, 42), (MESSAGE, 43), (MESSAGE, 42)):
        queue.add(kind, about, {}, now=0)
    lanes = [update.lane for update in queue.pending(0)]
    assert lanes == [(MESSAGE, 42), (TAP, 42), (MESSAGE, 43), (MESSAGE, 42)]
