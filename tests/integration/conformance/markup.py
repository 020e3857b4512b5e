"""Buttons."""

from tests.integration.conformance.row import Call, Row, bad, message, to_person

READ, LINKS, FIELDS = "Client::get_inline_keyboard_button", "tdlib: LinkManager::check_link", "td JsonObject"
SEEN, OWN = "seen from Telegram", "Telegram's own error"
BUTTON = "can't parse inline keyboard button: "


def _with(*buttons: object) -> Call:
    return to_person(reply_markup={"inline_keyboard": [list(buttons)]})


def _shown(name: str, button: dict[str, object], shown: dict[str, object], source: str = READ) -> Row:
    answer = message("x", reply_markup={"inline_keyboard": [[{"text": "a", **shown}]]})
    return Row(f"a button with {name}", _with({"text": "a", **button}), 200, answer, source)


def _refused(name: str, button: object, fault: str, source: str = READ) -> Row:
    return bad(f"a button {name}", _with(button), fault, source)


def _link(name: str, url: str, fault: str, source: str = LINKS) -> Row:
    return _refused(
        f"with {name}", {"text": "a", "url": url}, f"inline keyboard button URL '{url}' is invalid: {fault}", source
    )


_SHOWN = (
    _shown("data", {"callback_data": "y"}, {"callback_data": "y"}),
    _shown("64 bytes of data", {"callback_data": "y" * 64}, {"callback_data": "y" * 64}, OWN),
    _shown("64 bytes of Cyrillic", {"callback_data": "я" * 32}, {"callback_data": "я" * 32}, OWN),
    _shown("64 bytes of emoji", {"callback_data": "😀" * 16}, {"callback_data": "😀" * 16}, OWN),
    _shown("a number as data", {"callback_data": 7}, {"callback_data": "7"}, FIELDS),
    _shown("a link and data", {"callback_data": "y", "url": "https://x.org/"}, {"url": "https://x.org/"}),
    _shown("a link to complete", {"url": "X.Org?q"}, {"url": "http://x.org/?q"}, LINKS),
    _shown("a space in the link", {"url": "https://x.org/a b"}, {"url": "https://x.org/a%20b"}, "tdlib: parse_url"),
    _shown("a link into Telegram", {"url": "tg://resolve?domain=x"}, {"url": "tg://resolve?domain=x"}, LINKS),
    _shown("a Web App", {"web_app": {"url": "https://x.org"}}, {"web_app": {"url": "https://x.org/"}}, LINKS),
    _shown("an inline query", {"switch_inline_query": ""}, {"switch_inline_query": ""}),
    Row(
        "a keyboard without rows",
        to_person(reply_markup={"inline_keyboard": []}),
        200,
        message("x"),
        "tdlib: get_reply_markup",
    ),
    Row(
        "a keyboard of empty rows",
        to_person(reply_markup={"inline_keyboard": [[], []]}),
        200,
        message("x"),
        "tdlib: get_reply_markup",
    ),
    Row(
        "a reply keyboard",
        to_person(reply_markup={"keyboard": [["a"]]}),
        200,
        message("x"),
        "JsonMessage: inline keyboards only",
    ),
    Row(
        "a keyboard to remove",
        to_person(reply_markup={"remove_keyboard": True}),
        200,
        message("x"),
        "JsonMessage: inline keyboards only",
    ),
    Row("no markup", to_person(reply_markup=""), 200, message("x"), "Client::get_reply_markup"),
)
_DATA = (
    _refused("with 65 bytes of data", {"text": "a", "callback_data": "y" * 65}, "BUTTON_DATA_INVALID", SEEN),
    _refused("with 66 bytes of Cyrillic", {"text": "a", "callback_data": "я" * 33}, "BUTTON_DATA_INVALID", OWN),
    _refused("with 68 bytes of emoji", {"text": "a", "callback_data": "😀" * 17}, "BUTTON_DATA_INVALID", OWN),
    _refused("to pay without an invoice", {"text": "a", "pay": True}, "BUTTON_TYPE_INVALID", OWN),
    _refused("with an empty label in its link", {"text": "a", "url": "https://x..org/"}, "BUTTON_URL_INVALID", OWN),
)
_READ = (
    _refused("with a text alone", {"text": "a"}, f"{BUTTON}Text buttons are unallowed in the inline keyboard"),
    _refused(
        "with empty data",
        {"text": "a", "callback_data": ""},
        f"{BUTTON}Text buttons are unallowed in the inline keyboard",
        SEEN,
    ),
    _refused("without a text", {"callback_data": "y"}, f'{BUTTON}Can\'t find field "text"', FIELDS),
    _refused(
        "with a wrong text",
        {"text": None, "callback_data": "y"},
        f'{BUTTON}Field "text" must be of type String',
        FIELDS,
    ),
    _refused("that is no object", "a", f"{BUTTON}InlineKeyboardButton must be an Object"),
    bad(
        "broken markup",
        to_person(reply_markup="{"),
        "can't parse reply keyboard markup JSON object",
        "Client::get_reply_markup",
    ),
    bad(
        "markup that is null",
        to_person(reply_markup=None),
        "object expected as reply markup",
        "Client::get_reply_markup",
    ),
    bad(
        "markup that is an array",
        to_person(reply_markup=[]),
        "object expected as reply markup",
        "Client::get_reply_markup",
    ),
    bad(
        "a keyboard that is no array",
        to_person(reply_markup={"inline_keyboard": 1}),
        'field "inline_keyboard" must be of type Array',
        FIELDS,
    ),
    bad(
        "a row that is no array",
        to_person(reply_markup={"inline_keyboard": [{"text": "a"}]}),
        'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays',
        "Client::get_reply_markup",
    ),
)
_LINKS = (
    _link("a link that is none", "not-a-url", "Wrong HTTP URL", SEEN),
    _link("a link to this machine", "http://localhost:8081", "Wrong HTTP URL", SEEN),
    _link("a link of another protocol", "ftp://example.com", "Unsupported URL protocol", SEEN),
    _link("a link of an app", "myapp://pair?x", "Unsupported URL protocol", SEEN),
    _link("a link without a host", "https://", "URL host is empty"),
    _link("a link with a space in the host", "https://a b.org", "Disallowed character in URL host"),
    _link("a link with a wrong port", "https://x.org:99999/", "Wrong port number specified in the URL"),
    _link("a wrong link into Telegram", "tg://a.b", "Unallowed characters in URL host"),
    _refused(
        "with an insecure Web App",
        {"text": "a", "web_app": {"url": "http://x.org"}},
        "inline keyboard button Web App URL 'http://x.org' is invalid: Only HTTPS links are allowed",
        LINKS,
    ),
)
MARKUP = (*_SHOWN, *_DATA, *_READ, *_LINKS)
