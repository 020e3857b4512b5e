import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telegram.cut import cut, visible_length
from telegram.grapheme import is_boundary
from tests.unit.strict_html import read

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
THUMB = "👍🏽"
KEYCAP = "1\ufe0f\u20e3"
RUSSIA, PALAU = "🇷🇺", "🇵🇼"
SCOTLAND = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
RAINBOW = "🏳\ufe0f\u200d🌈"
DECOMPOSED = "и\u0306"
HINDI = "क्षि"
HANGUL = "\u1112\u1161\u11ab"
ZALGO = "a" + "\u0301" * 5000


@pytest.mark.parametrize(
    "cluster", [FAMILY, THUMB, KEYCAP, RUSSIA, SCOTLAND, RAINBOW, DECOMPOSED, HINDI, HANGUL, "\r\n"]
)
def test_what_reads_as_one_character_is_not_torn(cluster: str) -> None:
    """Families, skin tones, keycaps, flags, accents, conjuncts, syllables: cut before and after, never inside."""
    text = f"x{cluster}y"
    places = [at for at in range(len(text) + 1) if is_boundary(text, at)]
    assert places == [0, 1, 1 + len(cluster), len(text)]


def test_flags_are_torn_between_each_other_only() -> None:
    """Regional letters go in pairs, counted from the first of the row."""
    row = RUSSIA + PALAU + RUSSIA
    assert [at for at in range(len(row) + 1) if is_boundary(row, at)] == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("text", "longest", "shortened"),
    [
        ("one two three", 13, "one two three"),
        ("one two three", 12, "one two…"),
        ("one two three", 8, "one two…"),
        ("one two three", 7, "one…"),
        ("one,  two", 6, "one,…"),
        ("onetwothree", 6, "onetw…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("<b>one two</b> three", 12, "<b>one two</b>…"),
        ("<b>one two three</b>", 12, "<b>one two…</b>"),
        ("<b><i>onetwo</i></b>", 4, "<b><i>one…</i></b>"),
        ("<b>one</b> <i>two</i>", 4, "<b>one</b>…"),
        ("&amp;&amp;&amp;&amp;", 3, "&amp;&amp;…"),
        ("&#39;&#39;&#39;", 2, "&#39;…"),
        ('<a href="https://x.example/?a=1&amp;b=2">onetwo</a>', 4, '<a href="https://x.example/?a=1&amp;b=2">one…</a>'),
        ("978\u00a0897,91\u00a0₽ xx", 14, "978\u00a0897,91\u00a0₽…"),
        ("sum 978\u00a0897,91\u00a0₽", 12, "sum…"),
        ("a < b and c", 6, "a < b…"),
        (f"ab{FAMILY}", 6, "ab…"),
        (f"ab{THUMB}{THUMB}", 5, f"ab{THUMB}…"),
        (f"{RUSSIA}{PALAU}x", 4, f"{RUSSIA}…"),
        (ZALGO, 4096, ZALGO[:4095] + "…"),
    ],
)
def test_a_text_is_cut_at_a_word(text: str, longest: int, shortened: str) -> None:
    """At a space where one is near, else between characters; tags are closed behind the ellipsis."""
    assert cut(text, longest) == shortened


def test_a_text_without_markup_is_cut_as_it_stands() -> None:
    """Where nothing is markup, a tag is a word like others."""
    assert cut("<b>one &amp; two", 13, html=False) == "<b>one &amp;…"


def test_the_raw_bytes_have_a_limit_too() -> None:
    """Escaped characters take up to five bytes and tags take bytes that nobody sees."""
    shortened = cut("<b>&amp;</b>" * 4000, 4096, most_bytes=32_768)
    assert len(shortened.encode()) <= 32_768
    assert visible_length(shortened) > 2000
    read(shortened)


ALPHABET = st.sampled_from([*"ab  \n&<>\"'ы", "\u0301", "\u200d", "\ufe0f", "🏽", "👍", "👩", "🇷", "🇺", "\u094d", "क"])
PIECE = st.text(ALPHABET, max_size=12) | st.text(max_size=5)
ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})


@st.composite
def html(draw: st.DrawFn) -> str:
    """Make well-formed HTML with nested tags and escaped text."""
    text = "".join(
        draw(PIECE).translate(ESCAPES)
        + f"<{tag}>{draw(PIECE).translate(ESCAPES)}<i>{draw(PIECE).translate(ESCAPES)}</i>"
        f"</{tag}>"
        for tag in draw(st.lists(st.sampled_from(["b", "u", "code", "blockquote"]), max_size=4))
    )
    return text + draw(PIECE).translate(ESCAPES)


@given(source=html(), longest=st.integers(1, 60))
def test_every_cut_is_well_formed_and_short_enough(source: str, longest: int) -> None:
    """Valid HTML of at most the length, the beginning of the text, cut between characters."""
    whole, _tags = read(source)
    text, _kept = read(cut(source, longest))
    assert len(text) <= longest
    if len(whole) <= longest:
        assert cut(source, longest) == source
    else:
        assert text.endswith("…")
        assert whole.startswith(text[:-1])
        assert is_boundary(whole, len(text) - 1)
        assert len(text) == 1 or not unicodedata.combining(whole[len(text) - 1])


@given(source=html(), limit=st.integers(20, 200))
def test_every_cut_keeps_to_its_bytes(source: str, limit: int) -> None:
    """Valid HTML of at most so many bytes."""
    shortened = cut(source, 4096, most_bytes=limit)
    read(shortened)
    assert len(shortened.encode()) <= limit


@given(text=st.text(max_size=80), longest=st.integers(0, 40))
def test_any_text_can_be_cut(text: str, longest: int) -> None:
    """Even what is no HTML at all."""
    assert visible_length(cut(text, longest)) <= longest
    assert len(cut(text, longest, html=False)) <= longest
