"""How long a text may be, what is taken off it, and entities that are given as numbers."""

from tests.integration.conformance.row import PERSON, Row, as_json, bad, entity, formatted, message, to_person

RAW, AFTER, CLEAN = "Client::get_formatted_text", "4096 code points after parsing", "tdlib: fix_formatted_text"
FIELDS = "td JsonObject"
SEEN = "seen from Telegram"
LONG = "message is too long"


def _entities(*values: object, text: str = "hello") -> dict[str, object]:
    return {"chat_id": PERSON, "text": text, "entities": list(values)}


def _wrong(name: str, value: object, fault: str, source: str, text: str = "hello") -> Row:
    return bad(f"an entity {name}", as_json(**_entities(value, text=text)), fault, source)


def _unread(name: str, value: object, fault: str, source: str = FIELDS) -> Row:
    return _wrong(name, value, f"can't parse MessageEntity: {fault}", source)


_LENGTHS = (
    Row("4096 letters", to_person("x" * 4096), 200, message("x" * 4096), AFTER),
    bad("4097 letters", to_person("x" * 4097), LONG, SEEN),
    Row("4096 emoji", to_person("😀" * 4096), 200, message("😀" * 4096), AFTER),
    bad("4097 emoji", to_person("😀" * 4097), LONG, AFTER),
    bad("2049 combined characters", to_person("e\u0301" * 2048 + "x"), LONG, AFTER),
    formatted(
        "4096 letters in a tag", "HTML", f"<b>{'я' * 4096}</b>", "я" * 4096, entity("bold", 0, 4096), known=AFTER
    ),
    bad("4097 letters in a tag", to_person(f"<b>{'я' * 4097}</b>", parse_mode="HTML"), LONG, AFTER),
    formatted("4096 references", "HTML", "&lt;" * 4096, "<" * 4096, known=AFTER),
    formatted("4096 escapes", "MarkdownV2", "\\." * 4096, "." * 4096, known=AFTER),
    bad("4097 escapes", to_person("\\." * 4097, parse_mode="MarkdownV2"), LONG, AFTER),
    Row("4096 letters and white space around them", to_person(f" \n{'x' * 4096}\n "), 200, message("x" * 4096), CLEAN),
    bad("32768 bytes", to_person("я" * 16_384), LONG, RAW),
    bad("32769 bytes", to_person("я" * 16_384 + "x"), "text is too long", RAW),
    formatted("32768 bytes of markup", "HTML", "<b></b>" * 4681 + "x", "x", known=RAW),
    bad("32769 bytes of markup", to_person("<b></b>" * 4681 + "xy", parse_mode="HTML"), "text is too long", RAW),
)
_CLEANED = (
    bad("no text", as_json(chat_id=PERSON), "message text is empty", SEEN),
    bad("an empty text", to_person(""), "message text is empty", SEEN),
    bad("white space alone", to_person(" \n\t "), "text must be non-empty", CLEAN),
    bad("nothing to be seen", to_person("\u200b\u2800\u00a0"), "text must be non-empty", "tdlib: is_empty_string"),
    bad("tags around nothing", to_person("<b> </b>", parse_mode="HTML"), "text must be non-empty", CLEAN),
    Row("control characters", to_person("a\tb\r\nc\x00d"), 200, message("a b\nc d"), "tdlib: clean_input_string"),
    Row("lines through letters", to_person("a\u0333b\u202ec"), 200, message("abc"), "tdlib: clean_input_string"),
    Row(
        "marks of direction in a row",
        to_person("a\u200f\u200e\u200fb"),
        200,
        message("a\u200c\u200c\u200fb"),
        "tdlib: replace_offending_characters",
    ),
    formatted("white space at the ends", "HTML", " \n<b> a </b> \n", " a", entity("bold", 0, 2), known=CLEAN),
    formatted("a carriage return within", "HTML", "<i>a\r\n</i>b", "a\nb", entity("italic", 0, 2), known=CLEAN),
    bad("another mode", to_person(parse_mode="INVALID"), "unsupported parse_mode", SEEN),
    bad("a mode with a space", to_person(parse_mode=" HTML"), "unsupported parse_mode", RAW),
    Row("the mode none", to_person("<b>", parse_mode="None"), 200, message("<b>"), RAW),
    Row("an empty mode", to_person("<b>", parse_mode=""), 200, message("<b>"), RAW),
)
_ENTITIES = (
    Row(
        "given entities",
        as_json(**_entities({"type": "bold", "offset": 0, "length": 2}, text="😀a")),
        200,
        message("😀a", entities=[entity("bold", 0, 2)]),
        "Client::get_text_entity",
    ),
    Row(
        "entities as text",
        as_json(chat_id=PERSON, text="a", entities='[{"type":"bold","offset":"0","length":1}]'),
        200,
        message("a", entities=[entity("bold", 0, 1)]),
        FIELDS,
    ),
    Row(
        "entities that are no JSON",
        as_json(chat_id=PERSON, text="a", entities="x"),
        200,
        message("a"),
        "Client::get_input_entities",
    ),
    Row(
        "entities that are no array",
        as_json(chat_id=PERSON, text="a", entities={"type": "bold"}),
        200,
        message("a"),
        "Client::get_formatted_text",
    ),
    Row(
        "a mode and entities",
        as_json(
            chat_id=PERSON, text="<b>a</b>b", parse_mode="HTML", entities=[{"type": "italic", "offset": 0, "length": 2}]
        ),
        200,
        message("ab", entities=[entity("bold", 0, 1)]),
        RAW,
    ),
    Row(
        "entities the server finds",
        as_json(**_entities({"type": "hashtag", "offset": 0, "length": 2})),
        200,
        message("hello"),
        "Client::get_text_entity_type",
    ),
    Row(
        "an empty entity",
        as_json(**_entities({"type": "bold", "offset": 1, "length": 0})),
        200,
        message("hello"),
        "tdlib: remove_empty_entities",
    ),
    _unread("that is no object", 1, "expected an Object", "Client::get_text_entity"),
    _unread("without an offset", {"type": "bold", "length": 1}, 'Can\'t find field "offset"'),
    _unread("with a wrong length", {"type": "bold", "offset": 0, "length": True}, 'Field "length" must be a Number'),
    _unread(
        "with a broken offset", {"type": "bold", "offset": 0.5, "length": 1}, 'Field "offset" must be a valid Number'
    ),
    _unread("without a type", {"offset": 0, "length": 1}, 'Can\'t find field "type"'),
    _unread("of another type", {"type": "loud", "offset": 0, "length": 1}, "Unsupported type specified", SEEN),
    _unread("without its link", {"type": "text_link", "offset": 0, "length": 1}, 'Can\'t find field "url"'),
    _unread(
        "with a wrong emoji",
        {"type": "custom_emoji", "offset": 0, "length": 1, "custom_emoji_id": "9999999999999999999"},
        'Field "custom_emoji_id" must be a valid Number',
        SEEN,
    ),
    _wrong(
        "before the text",
        {"type": "bold", "offset": -1, "length": 1},
        "receive an entity with incorrect offset -1",
        SEEN,
    ),
    _wrong(
        "of a negative length",
        {"type": "bold", "offset": 0, "length": -1},
        "receive an entity with incorrect length -1",
        CLEAN,
    ),
    _wrong(
        "behind the text",
        {"type": "bold", "offset": 100, "length": 1},
        "entity begins after the end of the text at UTF-16 offset 100",
        SEEN,
    ),
    _wrong(
        "over the end",
        {"type": "bold", "offset": 0, "length": 100},
        "entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 100",
        SEEN,
    ),
    _wrong(
        "from within a character",
        {"type": "bold", "offset": 1, "length": 2},
        "entity begins in a middle of a UTF-16 symbol at byte offset 4",
        "tdlib: clean_input_string_with_entities",
        "😀a",
    ),
    _wrong(
        "into a character",
        {"type": "bold", "offset": 0, "length": 1},
        "entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 4",
        "tdlib: clean_input_string_with_entities",
        "😀a",
    ),
    _wrong(
        "with a link that is none",
        {"type": "text_link", "offset": 0, "length": 5, "url": "not-a-url"},
        "entity URL 'not-a-url' is invalid: Wrong HTTP URL",
        SEEN,
    ),
    _wrong(
        "with an empty link",
        {"type": "text_link", "offset": 0, "length": 5, "url": ""},
        "entity URL '' is invalid: URL host is empty",
        SEEN,
    ),
    _wrong(
        "with nobody", {"type": "text_mention", "offset": 0, "length": 4, "user": {"id": 0}}, "user not found", SEEN
    ),
)
LENGTH = (*_LENGTHS, *_CLEANED, *_ENTITIES)
