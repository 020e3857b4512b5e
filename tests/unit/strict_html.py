"""A reader of Telegram's HTML for tests: small, strict, and written apart from the product's own patterns."""

from html.parser import HTMLParser

KNOWN = {"a", "b", "blockquote", "code", "del", "em", "i", "ins", "pre", "s", "strong", "tg-spoiler", "u"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in KNOWN, f"unknown tag {tag}"
        assert not attrs or tag == "a", f"attributes in {tag}"
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"nothing open at </{tag}>"
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")


def read(html: str) -> tuple[str, list[str]]:
    """Give the visible text and the names of the tags in order; anything malformed is an AssertionError."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open, f"never closed: {reader.open}"
    written = html
    for tag in KNOWN:
        written = written.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    if "<a " not in html:
        assert "<" not in written, "a bare <"
        assert ">" not in written, "a bare >"
    return "".join(reader.texts), reader.tags
