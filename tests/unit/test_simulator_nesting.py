import pytest

from telegram.simulator.entity import Entity
from telegram.simulator.nesting import limited, nested

Part = tuple[str, int, int]


def entities(parts: list[Part]) -> list[Entity]:
    """Make entities of (type, offset, length)."""
    return [Entity(*part) for part in parts]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ([("italic", 1, 1), ("italic", 0, 1)], [("italic", 0, 2)]),
        ([("italic", 0, 2), ("italic", 1, 2)], [("italic", 0, 3)]),
        ([("italic", 0, 1), ("italic", 2, 1)], [("italic", 0, 1), ("italic", 2, 1)]),
        ([("italic", 0, 2), ("bold", 1, 2)], [("italic", 0, 1), ("bold", 1, 2), ("italic", 1, 1)]),
        ([("bold", 0, 3), ("italic", 1, 1)], [("bold", 0, 1), ("bold", 1, 2), ("italic", 1, 1)]),
        ([("italic", 0, 2), ("bold", 0, 2)], [("bold", 0, 2), ("italic", 0, 2)]),
        ([("pre", 0, 3), ("strikethrough", 1, 1)], [("pre", 0, 3)]),
        (
            [("code", 1, 1), ("strikethrough", 0, 3)],
            [("strikethrough", 0, 1), ("code", 1, 1), ("strikethrough", 2, 1)],
        ),
        ([("text_link", 0, 3), ("text_link", 1, 3)], [("text_link", 0, 3)]),
        ([("text_link", 0, 3), ("bold", 1, 4)], [("text_link", 0, 3), ("bold", 1, 2), ("bold", 3, 2)]),
        ([("pre", 0, 3), ("blockquote", 1, 1)], [("blockquote", 1, 1)]),
        ([("blockquote", 0, 3), ("pre", 1, 1)], [("blockquote", 0, 3), ("pre", 1, 1)]),
        ([("blockquote", 0, 2), ("code", 1, 2)], [("blockquote", 0, 2)]),
        ([("blockquote", 0, 3), ("expandable_blockquote", 1, 1)], [("blockquote", 0, 3)]),
        ([("bold", 0, 0), ("italic", 3, -1)], []),
    ],
)
def test_what_may_not_nest_is_split_joined_or_dropped(given: list[Part], shown: list[Part]) -> None:
    """Styles are split where they cross and joined where they touch; of others that cross the first stays."""
    assert nested(entities(given)) == entities(shown)


def test_of_more_than_a_hundred_entities_styles_go_first() -> None:
    """A message has at most a hundred entities; links stay before styles, custom emoji are not counted."""
    styles = [Entity("bold", 2 * number, 1) for number in range(100)]
    link, emoji = Entity("text_link", 300, 1, "http://x.org/"), Entity("custom_emoji", 302, 2, "7")
    assert limited([*styles, link, emoji]) == [*styles[:99], link, emoji]
    assert limited([*styles, emoji]) == [*styles, emoji]
