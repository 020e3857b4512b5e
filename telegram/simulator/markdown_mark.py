"""The marks of MarkdownV2: what begins with them, what ends them and what they are called."""

from dataclasses import dataclass

STARTS = (
    ("__", "underline"),
    ("_", "italic"),
    ("*", "bold"),
    ("~", "strikethrough"),
    ("||", "spoiler"),
    ("[", "text_link"),
    ("```", "pre"),
    ("`", "code"),
    ("![", "custom_emoji"),
)
"""The longer mark before the one it begins with."""
ENDS = {kind: mark for mark, kind in STARTS} | {"custom_emoji": "]", "text_link": "]"}
_NAMES = {
    "underline": "Underline",
    "italic": "Italic",
    "bold": "Bold",
    "strikethrough": "Strikethrough",
    "spoiler": "Spoiler",
    "text_link": "TextUrl",
    "code": "Code",
    "custom_emoji": "CustomEmoji",
    "blockquote": "BlockQuote",
}


@dataclass(frozen=True, slots=True)
class Open:
    """A mark that waits for its end."""

    kind: str
    at: int
    """Where it stands in the raw text."""
    offset: int
    first_chunk: int
    language: str = ""

    @property
    def name(self) -> str:
        """Name the mark as the real server's refusals do."""
        if self.kind == "pre":
            return "PreCode" if self.language else "Pre"
        return _NAMES[self.kind]
