import pytest

from telegram.simulator.arguments import Arguments, read_arguments
from telegram.simulator.refusal import BadRequestError

FORM = "application/x-www-form-urlencoded"
MULTIPART = (
    b'--cut\r\nContent-Disposition: form-data; name="chat_id"\r\n\r\n42\r\n'
    b'--cut\r\nContent-Disposition: form-data; name="text"\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xd0\xb0\r\n\r\n\xd0\xb1\r\n--cut--\r\n"
)


@pytest.mark.parametrize(
    ("query", "content_type", "body", "arguments"),
    [
        (b"chat_id=42&text=a%20b", "", b"", {"chat_id": "42", "text": "a b"}),
        (b"", FORM, b"chat_id=42&text=%D0%B0+b", {"chat_id": "42", "text": "а b"}),
        (b"text=q&x=1", FORM, b"text=b", {"text": "b", "x": "1"}),
        (b"", "application/json", b'{"chat_id": -42, "text": "a", "y": null}', {"chat_id": "-42", "text": "a"}),
        (
            b"",
            "application/json; charset=utf-8",
            b'{"flag": true, "reply_markup": {"a": ["b"]}}',
            {"flag": "true", "reply_markup": '{"a": ["b"]}'},
        ),
        (b"", "multipart/form-data; boundary=cut", MULTIPART, {"chat_id": "42", "text": "а\r\n\r\nб"}),
        (b"", "", b"", {}),
        (b"", "text/plain", b"chat_id=42", {}),
    ],
)
def test_arguments_are_read_from_wherever_they_are(
    query: bytes,
    content_type: str,
    body: bytes,
    arguments: Arguments,
) -> None:
    """Query, form, multipart and JSON all give the same texts; objects become JSON text."""
    assert read_arguments(query, content_type, body) == arguments


@pytest.mark.parametrize(
    ("content_type", "body", "fault"),
    [
        ("application/json", b"{", "can't parse JSON object"),
        ("application/json", b"[]", "JSON object expected"),
        (FORM, b"text=%FF", "strings must be encoded in UTF-8"),
        ("application/json", b'{"text": "\\ud83d"}', "strings must be encoded in UTF-8"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(content_type: str, body: bytes, fault: str) -> None:
    """What is no JSON object, or no UTF-8, is a bad request."""
    with pytest.raises(BadRequestError) as refusal:
        read_arguments(b"", content_type, body)
    assert refusal.value.description == f"Bad Request: {fault}"
