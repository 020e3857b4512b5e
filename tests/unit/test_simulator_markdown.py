import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telegram.simulator.entity import VERBATIM, Entity, utf16_length
from telegram.simulator.html_text import parse_html
from telegram.simulator.markdown_text import parse_markdown_v2
from telegram.simulator.markdown_v1 import parse_markdown
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.text import Parser, checked_length, read_text

RESERVED = re.compile(r"([_*\[\]()~`>#+\-=|{}.!\\])")
PARSERS: dict[str, Parser] = {"HTML": parse_html, "Markdown": parse_markdown, "MarkdownV2": parse_markdown_v2}
PIECES = (
    *"_*[]()~`>#+-=|{}.!\\\n\r <>/&;",
    *(
        "__",
        "||",
        "```",
        "![",
        "](",
        "**",
        "\n>",
        "tg://emoji?id=1",
        "x.org",
        "tg:user?id=7",
        "```py\n",
        "||\n",
        "\r\n",
    ),
    *(
        "<b>",
        "</b>",
        "<i>",
        "</i>",
        "<a href='x.org'>",
        "</a>",
        "<pre>",
        "</pre>",
        "<code class='language-c'>",
        "</code>",
    ),
    *(
        "<blockquote expandable>",
        "</blockquote>",
        "</>",
        "&lt;",
        "&#128512;",
        "&#xD83D;",
        "<tg-spoiler>",
        "</tg-spoiler>",
    ),
    *("a", "я", "😀", "👨‍👩‍👧", "e\u0301", "ש", "\u202e", "\u0333", "\0", "\t"),
)
"""What markup is made of, so that chance finds marks, links and halves of them."""
any_text = st.text(st.characters(codec="utf-8"), max_size=60)
any_markup = st.lists(st.one_of(st.sampled_from(PIECES), any_text), max_size=25).map("".join)
any_mode = st.sampled_from(sorted(PARSERS))


def in_markdown(text: str) -> str:
    """Escape every reserved character, as the documentation of the Bot API asks for."""
    return RESERVED.sub(r"\\\1", text)


def entities_of(source: str) -> list[tuple[str, int, int, str]]:
    """Give the entities of MarkdownV2 as plain tuples."""
    return [(each.type, each.offset, each.length, each.argument) for each in parse_markdown_v2(source)[1]]


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("*a _b_*", "a b", [("bold", 0, 3, ""), ("italic", 2, 1, "")]),
        ("__a _b_ __", "a b ", [("underline", 0, 4, ""), ("italic", 2, 1, "")]),
        ("_a __b___", "a b", [("italic", 0, 3, ""), ("underline", 2, 1, "")]),
        ("||a~b~||", "ab", [("spoiler", 0, 2, ""), ("strikethrough", 1, 1, "")]),
        ("```js\nx\\`\n```", "x`\n", [("pre", 0, 3, "js")]),
        ("```\r\nx```", "x", [("pre", 0, 1, "")]),
        ("[a\\]](x.org/\\))", "a]", [("text_link", 0, 2, "http://x.org/)")]),
        ("![😀](tg://emoji?id=7)", "😀", [("custom_emoji", 0, 2, "7")]),
        (">a\n>b\n>c", "a\nb\nc", [("blockquote", 0, 5, "")]),
        (">a\n\n>b", "a\n\nb", [("blockquote", 0, 2, ""), ("blockquote", 3, 1, "")]),
        (">a||", "a", [("expandable_blockquote", 0, 1, "")]),
        (">||a||||\nb", "a\nb", [("expandable_blockquote", 0, 2, ""), ("spoiler", 0, 1, "")]),
        ("*a\n>b\nc*", "a\nb\nc", [("bold", 0, 5, ""), ("blockquote", 2, 2, "")]),
        ("*>a\n*", "a\n", [("blockquote", 0, 2, ""), ("bold", 0, 2, "")]),
        ("\\>a", ">a", []),
        ("", "", []),
    ],
)
def test_marks_become_entities(source: str, text: str, entities: list[tuple[str, int, int, str]]) -> None:
    """Marks nest, end and are ordered as Telegram's own reader has it."""
    assert parse_markdown_v2(source)[0] == text
    assert entities_of(source) == entities


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("`a``", "Can't find end of Code entity at byte offset 3"),
        ("*a_b*", "Can't find end of Bold entity at byte offset 4"),
        (">a\n>*b\n\nc*", "Can't find end of Bold entity at byte offset 4"),
        (">a||\r\nb||", "Can't find end of Spoiler entity at byte offset 7"),
        (">__||\n", "Can't find end of Underline entity at byte offset 1"),
        ("a\n\\>b\n c>", "Character '>' is reserved and must be escaped with the preceding '\\'"),
        ("|a|", "Character '|' is reserved and must be escaped with the preceding '\\'"),
        ("![a]", "Custom emoji entity must contain a tg://emoji URL"),
    ],
)
def test_faults_are_named_as_the_real_server_names_them(source: str, fault: str) -> None:
    """What stays open is named with the byte offset of its mark, the innermost first."""
    with pytest.raises(BadRequestError) as refusal:
        parse_markdown_v2(source)
    assert refusal.value.description == f"Bad Request: can't parse entities: {fault}"


@given(any_text)
def test_an_escaped_text_comes_back(text: str) -> None:
    """Whatever a text holds: escaped as MarkdownV2 or as HTML it is read back as it was, without an entity."""
    assert parse_markdown_v2(in_markdown(text)) == (text, [])
    assert parse_html(html.escape(text, quote=False)) == (text, [])


@given(any_text)
def test_an_escaped_text_is_bold_as_a_whole(text: str) -> None:
    """Marks around an escaped text format exactly that text."""
    bold = [Entity("bold", 0, utf16_length(text))] if text else []
    assert parse_markdown_v2(f"*{in_markdown(text)}*") == (text, bold)
    assert parse_html(f"<b>{html.escape(text)}</b>".replace("&#x27;", "'")) == (text, bold)


@given(any_markup, any_mode)
def test_entities_lie_on_the_texts_characters(source: str, mode: str) -> None:
    """Whatever comes in is refused in words or read; entities begin and end between characters, within the text."""
    read = outcome(source, mode)
    if isinstance(read, str):
        assert read.startswith("Bad Request: can't parse entities: ")
    else:
        assert_on_characters(*read)


@given(any_markup, any_mode)
def test_what_is_shown_nests(source: str, mode: str) -> None:
    """What the person sees: entities on characters, one within the other or apart, nothing within code."""
    try:
        shown = checked_length(read_text({"text": source, "parse_mode": mode}))
    except BadRequestError:
        return
    # what Telegram takes off; other blanks of Unicode, such as U+0085, are a text
    assert shown.text.strip(" \n\t")
    assert_on_characters(shown.text, shown.entities)
    for place, outer in enumerate(shown.entities):
        for inner in shown.entities[place + 1 :]:
            assert inner.offset >= outer.end or inner.end <= outer.end
            assert inner.offset >= outer.end or (inner.type != outer.type and outer.type not in VERBATIM)


def outcome(source: str, mode: str) -> tuple[str, list[Entity]] | str:
    """Read markup: what it says, or the words it is refused with."""
    try:
        return PARSERS[mode](source)
    except BadRequestError as refusal:
        return refusal.description


def assert_on_characters(text: str, entities: list[Entity]) -> None:
    """Check that every entity has a length and neither halves a character nor leaves the text."""
    between = {0}
    offset = 0
    for char in text:
        offset += utf16_length(char)
        between.add(offset)
    for each in entities:
        assert each.length > 0
        assert {each.offset, each.end} <= between
