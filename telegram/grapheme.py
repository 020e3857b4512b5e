"""Where a text can be cut without tearing what a reader sees as one character.

A rule of thumb beside Unicode's own (UAX 29): it may keep too much together, never too little of what people write.
"""

import unicodedata

JOINERS = frozenset("\u200c\u200d")
"""Zero-width joiner and non-joiner: belong to what stands before and after."""
MARKS = frozenset({"Mn", "Mc", "Me"})
"""Categories of accents, vowel signs, variation selectors and the keycap."""
VIRAMA = 9
"""Combining class of the signs that join an Indic consonant to the next."""
EXTENDERS = (
    ("\U0001f3fb", "\U0001f3ff"),  # skin tones
    ("\U000e0020", "\U000e007f"),  # letters of the flags of Scotland, Wales, England
    ("\u1160", "\u11ff"),  # vowels and finals of a Hangul syllable
    ("\ud7b0", "\ud7ff"),  # more of them
    ("\uff9e", "\uff9f"),  # halfwidth voicing marks
)
FIRST_FLAG_LETTER, LAST_FLAG_LETTER = "\U0001f1e6", "\U0001f1ff"


def is_boundary(text: str, at: int) -> bool:
    """Tell whether `text` may be cut before its code point `at`."""
    if not 0 < at < len(text):
        return True
    before, after = text[at - 1], text[at]
    if before in JOINERS or after in JOINERS or _extends(after):
        return False
    if before == "\r" and after == "\n":
        return False
    if unicodedata.combining(before) == VIRAMA:
        return False
    return not (_is_flag_letter(after) and _flag_letters_before(text, at) % 2)


def _extends(char: str) -> bool:
    return unicodedata.category(char) in MARKS or any(first <= char <= last for first, last in EXTENDERS)


def _is_flag_letter(char: str) -> bool:
    return FIRST_FLAG_LETTER <= char <= LAST_FLAG_LETTER


def _flag_letters_before(text: str, at: int) -> int:
    start = at
    while start > 0 and _is_flag_letter(text[start - 1]):
        start -= 1
    return at - start
