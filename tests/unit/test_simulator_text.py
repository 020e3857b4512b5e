import pytest

from telegram.simulator.entity import Entity
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.text import checked_length, read_text


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({}, "message text is empty"),
        ({"text": ""}, "message text is empty"),
        ({"text": "я" * 16_385}, "text is too long"),
        ({"text": "x", "parse_mode": "rst"}, "unsupported parse_mode"),
        (
            {"text": "<b>", "parse_mode": "HTML"},
            "can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            {"text": "x", "entities": '[{"type": "loud", "offset": 0, "length": 1}]'},
            "can't parse MessageEntity: Unsupported type specified",
        ),
    ],
)
def test_a_text_that_cannot_be_read_is_refused(arguments: dict[str, str], fault: str) -> None:
    """The text is checked for emptiness, raw size, parse mode and markup, in this order."""
    with pytest.raises(BadRequestError) as refusal:
        read_text(arguments)
    assert refusal.value.description == f"Bad Request: {fault}"


def test_length_is_counted_after_parsing_in_code_points() -> None:
    """4096 emoji inside a tag fit; one more does not."""
    fits = read_text({"text": "<b>" + "😀" * 4096 + "</b>", "parse_mode": "html"})
    assert len(checked_length(fits).text) == 4096
    with pytest.raises(BadRequestError, match="message is too long"):
        checked_length(read_text({"text": "😀" * 4097}))


def test_white_space_around_the_text_is_trimmed_with_its_entities() -> None:
    """White space is cut at the end, and in front as far as the first entity."""
    seen = checked_length(read_text({"text": " \n<b> 😀 </b> ", "parse_mode": "HTML"}))
    assert seen.text == " 😀"
    assert seen.entities == [Entity("bold", 0, 3)]


def test_white_space_alone_is_no_text() -> None:
    """A text of nothing but white space is refused after the chat, not as empty."""
    with pytest.raises(BadRequestError, match="text must be non-empty"):
        checked_length(read_text({"text": " \n "}))


@pytest.mark.parametrize(
    ("offset", "length", "fault"),
    [
        (-1, 1, "receive an entity with incorrect offset -1"),
        (1, -1, "receive an entity with incorrect length -1"),
        (5, 1, "entity beginning at UTF-16 offset 5 ends after the end of the text at UTF-16 offset 6"),
        (100, 1, "entity begins after the end of the text at UTF-16 offset 100"),
        (
            0,
            100,
            "entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 100",
        ),
    ],
)
def test_entities_outside_the_text_are_refused(offset: int, length: int, fault: str) -> None:
    """An entity given by the client must lie within the text."""
    entities = f'[{{"type": "bold", "offset": {offset}, "length": {length}}}]'
    with pytest.raises(BadRequestError, match=fault):
        checked_length(read_text({"text": "hello", "entities": entities}))


@pytest.mark.parametrize(
    ("offset", "length", "fault"),
    [
        (1, 2, "entity begins in a middle of a UTF-16 symbol at byte offset 4"),
        (0, 1, "entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 4"),
    ],
)
def test_an_entity_may_not_halve_a_character(offset: int, length: int, fault: str) -> None:
    """An entity given by the client must not lie within a surrogate pair."""
    entities = f'[{{"type": "bold", "offset": {offset}, "length": {length}}}]'
    with pytest.raises(BadRequestError, match=fault):
        checked_length(read_text({"text": "😀a", "entities": entities}))


def test_what_telegram_takes_out_moves_the_entities() -> None:
    """Carriage returns and marks of direction go, control characters become spaces, and entities still fit."""
    seen = checked_length(read_text({"text": "a\r\t\u202e<b>b\u0333\r</b>c", "parse_mode": "HTML"}))
    assert seen.text == "a bc"
    assert seen.entities == [Entity("bold", 2, 1)]


@pytest.mark.parametrize("text", ["\u200b", "\u2800\u3000", "\u00a0\ufeff", "\u202e\r", "\U000e0041"])
def test_a_text_of_which_nothing_can_be_seen_is_refused(text: str) -> None:
    """Zero-width characters and exotic spaces are no text."""
    with pytest.raises(BadRequestError, match="text must be non-empty"):
        checked_length(read_text({"text": text}))
