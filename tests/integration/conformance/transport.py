"""How a call may come in: verbs, paths, tokens, and where its arguments are."""

import gzip
import json

from telegram.simulator import DEVELOPMENT_TOKEN
from tests.integration.conformance.row import BOT, PERSON, Call, Row, as_json, bad, message, refusal

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
ME = {
    "ok": True,
    "result": BOT | {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False},
}
NOT_FOUND = refusal(404, "Not Found")
NO_METHOD = refusal(404, "Not Found: method not found")
INVALID_TOKEN = refusal(401, "Unauthorized: invalid token specified")
SENT = message("a b")
ROOT = f"/bot{DEVELOPMENT_TOKEN}/"
BUTTON = {"inline_keyboard": [[{"text": "y", "callback_data": "z"}]]}
HTTP, MANAGER, READER = "HttpConnection::handle", "ClientManager::send", "td HttpReader"
FIRST_ARGUMENT = "Query::arg: the first of a name"
JSON_END = "td HttpReader::parse_json_parameters: what was read before the fault counts"


def _part(name: str, value: str, extra: str = "") -> bytes:
    head = f'--cut\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
    return head.encode() + value.encode() + b"\r\n"


def _sent(name: str, call: Call, source: str = READER) -> Row:
    return Row(name, call, 200, SENT, source)


MULTIPART = {"Content-Type": "multipart/form-data; boundary=cut"}
QUOTED_BOUNDARY = {"Content-Type": 'multipart/form-data; boundary="cut"'}
PARTS = _part("chat_id", "42") + _part("text", "a b") + b"--cut--\r\n"
TYPED_PARTS = (
    _part("chat_id", "42")
    + b'--cut\r\nContent-Disposition: form-data; name="text"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
    + "я ש".encode()
    + b"\r\n--cut--\r\n"
)

_VERBS = (
    Row("GET without a body", Call("getMe", "GET"), 200, ME, "Client::process_get_me_query"),
    Row("POST without a body or a type", Call("getMe"), 200, ME, READER, {"Content-Type": "application/json"}),
    Row("POST with an empty JSON body", Call("getMe", headers=JSON), 200, ME, READER),
    Row("PUT", Call("getMe", "PUT"), 501, None, "td HttpReader::parse_head"),
    Row("DELETE", Call("getMe", "DELETE"), 501, None, "td HttpReader::parse_head"),
    *(
        Row(f"the method as {name}", Call(name), 200, ME, "Query::Query: to_lower")
        for name in ("getme", "GETME", "GetMe", "gEtmE")
    ),
    Row("the method as an argument", Call("", query="method=getMe"), 200, ME, "Query::Query"),
    Row("the method in the body", as_json("", method="GETME"), 200, ME, "Query::Query"),
)
_PATHS = (
    Row("the root", Call("", "GET", "/"), 404, NOT_FOUND, HTTP),
    Row("another path", Call("getMe", path="/api/"), 404, NOT_FOUND, HTTP),
    Row("no slash behind the token", Call("", path=ROOT[:-1]), 404, NOT_FOUND, HTTP),
    Row("no method", Call(""), 404, NO_METHOD, "Client::on_cmd"),
    Row("an unknown method", Call("sendMessages"), 404, NO_METHOD, "Client::on_cmd"),
    Row("a slash behind the method", Call("getMe/"), 404, NO_METHOD, "Client::on_cmd"),
    Row("an escaped path", Call("get%4De"), 200, ME, "td HttpReader::parse_url"),
    Row("an escaped colon in the token", Call("getMe", path=ROOT.replace(":", "%3A")), 200, ME, "td HttpReader"),
)
_TOKENS = (
    Row("an unknown token", Call("getMe", path="/bot1:AAbb/"), 401, refusal(401, "Unauthorized"), MANAGER),
    Row("an unknown token and method", Call("x", path="/bot1:AAbb/"), 401, refusal(401, "Unauthorized"), MANAGER),
    Row("a token without a colon", Call("getMe", path="/botwrong/"), 401, INVALID_TOKEN, MANAGER),
    Row("an empty token", Call("getMe", path="/bot/"), 401, INVALID_TOKEN, MANAGER),
    Row("a token that begins with zero", Call("getMe", path="/bot0:AA/"), 401, INVALID_TOKEN, "seen from Telegram"),
    Row("a token that is too long", Call("getMe", path=f"/bot1:{'A' * 79}/"), 401, INVALID_TOKEN, MANAGER),
    Row("a token of a negative bot", Call("getMe", path="/bot-1:AA/"), 401, INVALID_TOKEN, MANAGER),
    Row("a token of a bot over 2^54", Call("getMe", path="/bot18014398509481984:A/"), 401, INVALID_TOKEN, MANAGER),
    Row(
        "a token without a number",
        Call("getMe", path="/botx:AA/"),
        421,
        refusal(421, "Misdirected Request: unallowed token specified"),
        MANAGER,
    ),
)
_ARGUMENTS = (
    _sent("arguments in the query of a GET", Call(verb="GET", query="chat_id=42&text=a+b")),
    _sent("arguments in the query of a POST", Call(query="chat_id=42&text=a%20b")),
    _sent("arguments in a form", Call(body=b"chat_id=42&text=a+b", headers=FORM)),
    _sent("a form of a GET", Call(verb="GET", body=b"chat_id=42&text=a+b", headers=FORM)),
    _sent(
        "a form with a charset",
        Call(body=b"chat_id=42&text=a+b", headers={"Content-Type": FORM["Content-Type"] + "; charset=UTF-8"}),
    ),
    _sent("a multipart form", Call(body=PARTS, headers=MULTIPART)),
    _sent("a quoted boundary", Call(body=PARTS, headers=QUOTED_BOUNDARY)),
    Row("a typed part", Call(body=TYPED_PARTS, headers=MULTIPART), 200, message("я ש"), READER),
    _sent("a JSON body", as_json(chat_id=42, text="a b")),
    _sent(
        "a JSON body in capitals",
        Call(body=b'{"chat_id":42,"text":"a b"}', headers={"Content-Type": "APPLICATION/JSON"}),
    ),
    _sent("a chat id as text", as_json(chat_id="42", text="a b")),
    _sent("query and body together", Call(query="chat_id=42", body=b"text=a+b", headers=FORM)),
    _sent("the query before the body", Call(query="text=a+b", body=b"chat_id=42&text=c", headers=FORM), FIRST_ARGUMENT),
    _sent("the first of two of a name", Call(body=b"chat_id=42&text=a+b&text=c", headers=FORM), FIRST_ARGUMENT),
    _sent(
        "a packed body", Call(body=gzip.compress(b"chat_id=42&text=a+b"), headers=FORM | {"Content-Encoding": "gzip"})
    ),
    Row("a body packed in another way", Call(body=b"x", headers=FORM | {"Content-Encoding": "br"}), 415, None, READER),
    Row("no boundary", Call(body=PARTS, headers={"Content-Type": "multipart/form-data"}), 400, None, READER),
    bad("a body without a type", Call(body=b"chat_id=42&text=a"), "message text is empty", READER),
    bad(
        "a body of another type",
        Call(body=b"chat_id=42&text=a", headers={"Content-Type": "text/plain"}),
        "message text is empty",
        READER,
    ),
    bad("broken JSON", Call(body=b'{"chat_id":42 "text":"a"}', headers=JSON), "message text is empty", JSON_END),
    _sent("JSON that breaks behind its arguments", Call(body=b'{"chat_id":42,"text":"a b"', headers=JSON), JSON_END),
    bad("a JSON array", Call(body=b"[42]", headers=JSON), "message text is empty", JSON_END),
    bad("a JSON null", as_json(chat_id=42, text="a", parse_mode=None), "unsupported parse_mode", JSON_END),
    Row("a number as the text", as_json(chat_id=42, text=12.5), 200, message("12.5"), READER),
    Row("true as the text", as_json(chat_id=42, text=True), 200, message("true"), READER),
    Row(
        "an object as the text",
        Call(body=b'{"chat_id":42,"text":{"a": 1}}', headers=JSON),
        200,
        message('{"a": 1}'),
        READER,
    ),
    *(
        Row(
            f"a keyboard as {name}",
            as_json(chat_id=PERSON, text="x", reply_markup=markup),
            200,
            message("x", reply_markup=BUTTON),
            READER,
        )
        for name, markup in (("an object", BUTTON), ("text", json.dumps(BUTTON)))
    ),
    bad(
        "bytes that are no UTF-8",
        Call(query="chat_id=42&text=%FF"),
        "strings must be encoded in UTF-8",
        "td fix_formatted_text",
    ),
    bad(
        "bytes that are no UTF-8, with markup",
        Call(query="chat_id=42&text=%FF&parse_mode=HTML"),
        "text must be encoded in UTF-8",
        "td parseTextEntities",
    ),
)
TRANSPORT = (*_VERBS, *_PATHS, *_TOKENS, *_ARGUMENTS)
