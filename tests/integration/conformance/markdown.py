"""MarkdownV2, and the old Markdown."""

from functools import partial

from tests.integration.conformance.row import entity, formatted, unparsed

V2, V1 = "MarkdownV2", "Markdown"
SOURCE, OLD = "tdlib: parse_markdown_v2", "tdlib: parse_markdown"
TESTED = "tdlib's own test of parse_markdown_v2"
SEEN = "seen from Telegram"
NESTED = "tdlib: fix_entities"
bold, italic, quote = partial(entity, "bold"), partial(entity, "italic"), partial(entity, "blockquote")
link = partial(entity, "text_link")
RESERVED = "]()>#+-=|{}.!"


def _reserved(char: str) -> str:
    return f"Character '{char}' is reserved and must be escaped with the preceding '\\'"


_STYLES = (
    formatted(
        "every style",
        V2,
        "*a*_b_ __c__~d~||e||`f`",
        "ab cdef",
        bold(0, 1),
        italic(1, 1),
        entity("underline", 3, 1),
        entity("strikethrough", 4, 1),
        entity("spoiler", 5, 1),
        entity("code", 6, 1),
        known=SOURCE,
    ),
    formatted("the mode in capitals", "MARKDOWNV2", "*a*", "a", bold(0, 1), known="Client::get_formatted_text"),
    formatted("emoji and an escape", V2, "🏟 \\.🏟_🏟\\. 🏟_", "🏟 .🏟🏟. 🏟", italic(6, 6), known=TESTED),
    formatted(
        "combining characters",
        V2,
        "e\u0301*e\u0301*",
        "e\u0301e\u0301",
        bold(2, 2),
        known="UTF-16 of combining characters",
    ),
    formatted(
        "right to left", V2, "שלום *עולם* مرحبا", "שלום עולם مرحبا", bold(5, 4), known="UTF-16 of Hebrew and Arabic"
    ),
    formatted(
        "every reserved character escaped",
        V2,
        "".join(f"\\{char}" for char in "_*[]()~`>#+-=|{}.!\\"),
        "_*[]()~`>#+-=|{}.!\\",
        known=SOURCE,
    ),
    formatted("a backslash before anything else", V2, "\\a\\➡️", "a\\➡️", known=TESTED),
    formatted("empty marks", V2, "a**____``b", "ab", known=TESTED),
    formatted(
        "italic in underline, both end",
        V2,
        "🏟 🏟_🏟 __🏟___",
        "🏟 🏟🏟 🏟",
        italic(5, 3),
        italic(8, 2),
        entity("underline", 8, 2),
        known=NESTED,
    ),
    unparsed("underline is taken first", V2, "__a _b___", "Can't find end of Italic entity at byte offset 8", TESTED),
    formatted(
        "an empty style parts them",
        V2,
        "___a_**__",
        "a",
        italic(0, 1),
        entity("underline", 0, 1),
        known="the Bot API's documentation",
    ),
    formatted("marks within code", V2, "`_*~[.!`", "_*~[.!", entity("code", 0, 6), known=SOURCE),
    formatted("an escape within code", V2, "`a\\`b\\\\`", "a`b\\", entity("code", 0, 4), known=SOURCE),
    formatted("code within bold", V2, "*a`b`c*", "abc", bold(0, 1), entity("code", 1, 1), bold(2, 1), known=NESTED),
)
_BLOCKS = (
    formatted("a block", V2, "```\na\n```", "a", entity("pre", 0, 1), known=SOURCE),
    formatted(
        "a block with a language",
        V2,
        "```python\nx = 1```",
        "x = 1",
        entity("pre", 0, 5, language="python"),
        known=SOURCE,
    ),
    formatted("a word alone is no language", V2, "```python```", "python", entity("pre", 0, 6), known=SOURCE),
    formatted("a language of emoji", V2, "🏟 🏟```🏟\n\n🏟```", "🏟 🏟\n🏟", entity("pre", 5, 3, language="🏟"), known=TESTED),
    formatted("a quote", V2, "a\n>b\n>c\nd", "a\nb\nc\nd", quote(2, 4), known=SOURCE),
    formatted("two quotes", V2, ">a\n**>b", "a\nb", quote(0, 2), quote(2, 1), known=TESTED),
    formatted("a quote with styles", V2, ">*b\n>ld*\nend", "b\nld\nend", quote(0, 5), bold(0, 4), known=TESTED),
    formatted(
        "a quote to expand",
        V2,
        ">a\n>q||e||w||\nb",
        "a\nqew\nb",
        entity("expandable_blockquote", 0, 6),
        entity("spoiler", 3, 1),
        known=TESTED,
    ),
    formatted(
        "a quote to expand at the end", V2, ">a\n>b||", "a\nb", entity("expandable_blockquote", 0, 3), known=SOURCE
    ),
    formatted("a spoiler ends no quote", V2, ">a||b||\nc", "ab\nc", quote(0, 3), entity("spoiler", 1, 1), known=TESTED),
    formatted("a quote behind a carriage return", V2, "a\n\r>b", "a\nb", quote(2, 1), known=TESTED),
    formatted("a quote mark in a line", V2, ">>a", "a", quote(0, 1), known=SOURCE),
)
_LINKS = (
    formatted("a link", V2, "[a](https://example.com/)", "a", link(0, 1, url="https://example.com/"), known=SOURCE),
    formatted(
        "a link of its text",
        V2,
        "[telegram\\.org]",
        "telegram.org",
        link(0, 12, url="http://telegram.org/"),
        known=TESTED,
    ),
    formatted(
        "escapes in a link",
        V2,
        "[a](https://telegram.dog?\\\\\\()",
        "a",
        link(0, 1, url="https://telegram.dog/?\\("),
        known=TESTED,
    ),
    formatted("a link that is none", V2, "[a](asd)", "a", known=TESTED),
    formatted(
        "a mention",
        V2,
        "[a](tg:user?id=123456)",
        "a",
        entity("text_mention", 0, 1, user={"id": 123456, "is_bot": False, "first_name": ""}),
        known=TESTED,
    ),
    formatted(
        "styles in a link", V2, "[*a* b](x.org)", "a b", link(0, 3, url="http://x.org/"), bold(0, 1), known=SOURCE
    ),
    formatted(
        "a custom emoji",
        V2,
        "![👍](TG://EMoJI/?test=1&id=25#id=32)a",
        "👍a",
        entity("custom_emoji", 0, 2, custom_emoji_id="25"),
        known=TESTED,
    ),
)
_FAULTS = (
    *(
        unparsed(f"{char} alone", V2, f"a{char}", _reserved(char), SEEN if char in ".-!" else SOURCE)
        for char in RESERVED
    ),
    unparsed("bold stays open", V2, "*unclosed", "Can't find end of Bold entity at byte offset 0", SEEN),
    unparsed("italic stays open", V2, "🏟 🏟_abac", "Can't find end of Italic entity at byte offset 9", TESTED),
    unparsed(
        "the innermost is named", V2, "🏟 🏟_abac * asd ", "Can't find end of Bold entity at byte offset 15", TESTED
    ),
    unparsed("underline stays open", V2, "я__a", "Can't find end of Underline entity at byte offset 2", SOURCE),
    unparsed("strikethrough stays open", V2, "~a", "Can't find end of Strikethrough entity at byte offset 0", SOURCE),
    unparsed("a spoiler stays open", V2, "🏟 🏟||test\\|", "Can't find end of Spoiler entity at byte offset 9", TESTED),
    unparsed("code stays open", V2, "🏟 🏟`", "Can't find end of Code entity at byte offset 9", TESTED),
    unparsed("a block stays open", V2, "🏟 🏟```a", "Can't find end of Pre entity at byte offset 9", TESTED),
    unparsed(
        "a block with a language stays open",
        V2,
        "🏟 🏟```a ",
        "Can't find end of PreCode entity at byte offset 9",
        TESTED,
    ),
    unparsed("a link's text stays open", V2, "a[b", "Can't find end of TextUrl entity at byte offset 1", SOURCE),
    unparsed("a link stays open", V2, "[telegram\\.org](asd\\)", "Can't find end of a URL at byte offset 16", TESTED),
    unparsed("an emoji stays open", V2, "🏟 🏟![👍", "Can't find end of CustomEmoji entity at byte offset 9", TESTED),
    unparsed("an emoji without a link", V2, "![👍]", "Custom emoji entity must contain a tg://emoji URL", TESTED),
    unparsed(
        "an emoji's link stays open",
        V2,
        "![👍](tg://emoji?id=1",
        "Can't find end of a custom emoji URL at byte offset 8",
        SOURCE,
    ),
    unparsed(
        "an emoji of another scheme", V2, "![👍](t://emoji?id=1234)", "Custom emoji URL must have scheme tg", TESTED
    ),
    unparsed(
        "an emoji of another host", V2, "![👍](tg:emojis?id=1)", 'Custom emoji URL must have host "emoji"', TESTED
    ),
    unparsed(
        "an emoji without a number",
        V2,
        "![👍](tg://emoji#test)",
        "Custom emoji URL must have an emoji identifier",
        TESTED,
    ),
    unparsed(
        "an emoji with a wrong number",
        V2,
        "![👍](tg://emoji?id=025)",
        "Invalid custom emoji identifier specified",
        TESTED,
    ),
    unparsed("bold over a quote's end", V2, ">*b\nc*", "Can't find end of Bold entity at byte offset 1", TESTED),
    unparsed("a quote within a line", V2, ">\n*a*>2", _reserved(">"), TESTED),
)
_OLD = (
    formatted("every style", V1, "*a* _b_ `c`", "a b c", bold(0, 1), italic(2, 1), entity("code", 4, 1), known=OLD),
    formatted("escapes", V1, "\\_\\*\\`\\[\\a\\.", "_*`[\\a\\.", known=OLD),
    formatted("nothing else is reserved", V1, "a.b-c!(d)~e~|f|>g#h+i=j{k}]", "a.b-c!(d)~e~|f|>g#h+i=j{k}]", known=OLD),
    formatted("nothing nests", V1, "*a _b_*", "a _b_", bold(0, 5), known=OLD),
    formatted("emoji", V1, "🏟*🏟*", "🏟🏟", bold(2, 2), known=OLD),
    formatted("a link", V1, "[a](http://x.org/)", "a", link(0, 1, url="http://x.org/"), known=OLD),
    formatted("a link of its text", V1, "[x.org]", "x.org", link(0, 5, url="http://x.org/"), known=OLD),
    formatted("a link without its end", V1, "[a](x.org", "a", link(0, 1, url="http://x.org/"), known=OLD),
    formatted("a link without a text", V1, "[](x.org)", "(x.org)", known=OLD),
    formatted(
        "a mention",
        V1,
        "[a](tg://user?id=77)",
        "a",
        entity("text_mention", 0, 1, user={"id": 77, "is_bot": False, "first_name": ""}),
        known=OLD,
    ),
    formatted("a block with a language", V1, "```c\nx```", "x", entity("pre", 0, 1, language="c"), known=OLD),
    unparsed("bold stays open", V1, "я*unclosed", "Can't find end of the entity starting at byte offset 2", SEEN),
    unparsed(
        "a name with an underscore", V1, "order_id", "Can't find end of the entity starting at byte offset 5", OLD
    ),
    unparsed("a block stays open", V1, "```a`", "Can't find end of the entity starting at byte offset 0", OLD),
)
MARKDOWN = (*_STYLES, *_BLOCKS, *_LINKS, *_FAULTS, *_OLD)
