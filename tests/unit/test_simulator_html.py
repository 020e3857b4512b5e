from typing import Any

import pytest

from telegram.simulator.html_text import parse_html
from telegram.simulator.refusal import BadRequestError


def entities_of(source: str) -> list[dict[str, Any]]:
    """Give the entities as the Bot API writes them."""
    return [entity.as_json() for entity in parse_html(source)[1]]


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ("b", "bold"),
        ("strong", "bold"),
        ("i", "italic"),
        ("em", "italic"),
        ("u", "underline"),
        ("ins", "underline"),
        ("s", "strikethrough"),
        ("strike", "strikethrough"),
        ("del", "strikethrough"),
        ("tg-spoiler", "spoiler"),
        ("code", "code"),
        ("pre", "pre"),
        ("blockquote", "blockquote"),
        ("B", "bold"),
    ],
)
def test_each_tag_becomes_its_entity(tag: str, kind: str) -> None:
    """Every tag that Telegram knows becomes the entity of its name, in any case."""
    assert parse_html(f"a <{tag}>word</{tag}> z")[0] == "a word z"
    assert entities_of(f"a <{tag}>word</{tag}> z") == [{"offset": 2, "length": 4, "type": kind}]


@pytest.mark.parametrize(
    ("source", "entity"),
    [
        ('<span class="tg-spoiler">x</span>', {"offset": 0, "length": 1, "type": "spoiler"}),
        (
            "<blockquote expandable>x</blockquote>",
            {"offset": 0, "length": 1, "type": "expandable_blockquote"},
        ),
        (
            '<a href="https://example.com/a?b=1&amp;c=2">x</a>',
            {"offset": 0, "length": 1, "type": "text_link", "url": "https://example.com/a?b=1&c=2"},
        ),
        (
            '<a href="Example.COM">x</a>',
            {"offset": 0, "length": 1, "type": "text_link", "url": "http://example.com/"},
        ),
        (
            "<a>example.com</a>",
            {"offset": 0, "length": 11, "type": "text_link", "url": "http://example.com/"},
        ),
        (
            '<a href="tg://user?id=77">x</a>',
            {
                "offset": 0,
                "length": 1,
                "type": "text_mention",
                "user": {"id": 77, "is_bot": False, "first_name": ""},
            },
        ),
        (
            '<pre><code class="language-python">x</code></pre>',
            {"offset": 0, "length": 1, "type": "pre", "language": "python"},
        ),
        ('<code class="language-python">x</code>', {"offset": 0, "length": 1, "type": "code"}),
        (
            '<code class="language-python"><pre>x</pre></code>',
            {"offset": 0, "length": 1, "type": "pre", "language": "python"},
        ),
        ("<blockquote cite expandable=no>x</>", {"offset": 0, "length": 1, "type": "expandable_blockquote"}),
        ("<a href>example.com</a>", {"offset": 0, "length": 11, "type": "text_link", "url": "http://example.com/"}),
        (
            '<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>',
            {"offset": 0, "length": 2, "type": "custom_emoji", "custom_emoji_id": "5368324170671202286"},
        ),
    ],
)
def test_attributes_become_the_entitys_argument(source: str, entity: dict[str, Any]) -> None:
    """Links, languages, spoilers, quotes and emoji keep what their attribute says."""
    assert entities_of(source) == [entity]


def test_offsets_count_utf16_units() -> None:
    """A character outside the basic plane counts twice, a reference once."""
    assert parse_html("😀&lt;<b>я😀</b>")[0] == "😀<я😀"
    assert entities_of("😀&lt;<b>я😀</b>") == [{"offset": 3, "length": 3, "type": "bold"}]


def test_nested_entities_come_from_the_outside_in() -> None:
    """Entities are ordered by offset, the longer first."""
    assert entities_of("<i>a<b>b</b></i><code>cd</code>") == [
        {"offset": 0, "length": 2, "type": "italic"},
        {"offset": 1, "length": 1, "type": "bold"},
        {"offset": 2, "length": 2, "type": "code"},
    ]


def test_a_link_that_is_none_leaves_its_text() -> None:
    """An <a> with a wrong link shows its text and no entity, without an error."""
    assert parse_html('<a href="ftp://example.com">x</a>') == ("x", [])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("&lt;b&gt; &amp;amp; &quot;", '<b> &amp; "'),
        ("&#65;&#x42;&#x1F600;", "AB😀"),
        ("&nbsp; & &copy", "&nbsp; & &copy"),
        ("&#0;", "&#0;"),
        ("&lt", "<"),
    ],
)
def test_references_are_decoded_once(source: str, text: str) -> None:
    """Four names and numbers are decoded; every other ampersand stays as it is."""
    assert parse_html(source)[0] == text


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("я<x>y</x>", 'Unsupported start tag "x" at byte offset 2'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("<br/>", 'Unsupported start tag "br/" at byte offset 0'),
        ("<b>unclosed", 'Can\'t find end tag corresponding to start tag "b"'),
        (
            "<b><i>test</b></i>",
            'Unmatched end tag at byte offset 10, expected "</i>", found "</b>"',
        ),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b", "Unclosed start tag at byte offset 0"),
        ('<a href="x', "Unclosed start tag at byte offset 0"),
        ("<i =x>", 'Empty attribute name in the tag "i" at byte offset 0'),
        ("<i a", 'Unclosed start tag "i" at byte offset 0'),
        ("<i a = ", 'Unclosed start tag "i" at byte offset 0'),
        ("<Я>", 'Unsupported start tag "Я" at byte offset 0'),
        ("<b\0>x</b>", "Unclosed start tag at byte offset 0"),
        (
            "&#xD83D;&#xDE00;",
            (
                "Text contains invalid Unicode characters after decoding HTML entities, "
                "check for unmatched surrogate code units"
            ),
        ),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<a href=x_y>x</a>", "Unexpected end of name token at byte offset 8"),
        ('<tg-emoji emoji-id="x">y</tg-emoji>', "Invalid custom emoji identifier specified"),
        (
            "&#xD83D;",
            (
                "Text contains invalid Unicode characters after decoding HTML entities, "
                "check for unmatched surrogate code units"
            ),
        ),
    ],
)
def test_faults_are_named_as_the_real_server_names_them(source: str, fault: str) -> None:
    """Markup that cannot be parsed is refused with the real text and the byte offset."""
    with pytest.raises(BadRequestError) as refusal:
        parse_html(source)
    assert refusal.value.description == f"Bad Request: can't parse entities: {fault}"
