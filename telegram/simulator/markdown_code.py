"""The beginning of a block of code, which both kinds of Markdown read alike."""

import re

_LANGUAGE = re.compile(r"[^ \t\r\n\0\v`]*")
_LINE_END = re.compile(r"\r\n|\n\r|\r|\n")


def read_code_start(source: str, at: int) -> tuple[str, int]:
    """Read what follows three backticks: the language, if it is one, and where the code begins."""
    word = _LANGUAGE.match(source, at)
    end = word.end() if word else at
    language = source[at:end]
    # A word that touches the closing mark, or the end of the text, is code and no language.
    if not language or end == len(source) or source[end] == "`":
        language, end = "", at
    line_end = _LINE_END.match(source, end)
    return language, line_end.end() if line_end else end
