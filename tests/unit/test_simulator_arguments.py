import gzip
import zlib
from collections.abc import Callable

import pytest

from telegram.simulator.arguments import Arguments, UnreadableError, is_unicode, read_arguments, unpacked

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
        (b"text=q&x=1", FORM, b"text=b&y=2&y=3", {"text": "q", "x": "1", "y": "2"}),
        (
            b"",
            "application/json",
            b'{"chat_id": -42, "text": "a", "y": null}',
            {"chat_id": "-42", "text": "a", "y": "null"},
        ),
        (
            b"",
            "application/json; charset=utf-8",
            b'{"flag": true, "reply_markup": {"a": ["b"]}}',
            {"flag": "true", "reply_markup": '{"a": ["b"]}'},
        ),
        (b"", "multipart/form-data; boundary=cut", MULTIPART, {"chat_id": "42", "text": "а\r\n\r\nб"}),
        (b"", "", b"", {}),
        (b"", "text/plain", b"chat_id=42", {}),
        (b"", "", b"chat_id=42", {}),
        (b"", "application/json", b'{"chat_id": 42, "text": "a" "b"}', {"chat_id": "42", "text": "a"}),
        (b"", "application/json", b"{", {}),
        (b"", "application/json", b"[]", {}),
    ],
)
def test_arguments_are_read_from_wherever_they_are(
    query: bytes,
    content_type: str,
    body: bytes,
    arguments: Arguments,
) -> None:
    """Query, form, multipart and JSON give the same texts; the first of a name counts, broken JSON ends early."""
    assert read_arguments(query, content_type, body) == arguments


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(FORM, b"text=%FF"), (FORM, b"text=\xff"), ("application/json", b'{"text": "\\ud83d"}')],
)
def test_what_is_no_utf8_is_kept_to_be_refused_where_it_is_looked_at(content_type: str, body: bytes) -> None:
    """Wrong bytes refuse nothing by themselves: the real server first looks at the chat."""
    assert not is_unicode(read_arguments(b"", content_type, body)["text"])


def test_a_multipart_body_without_a_boundary_is_answered_without_a_word() -> None:
    """What cannot be taken apart at all is a 400 with an empty body."""
    with pytest.raises(UnreadableError) as fault:
        read_arguments(b"", "multipart/form-data", b"x")
    assert fault.value.status == 400


@pytest.mark.parametrize(("encoding", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_a_packed_body_is_unpacked(encoding: bytes, pack: Callable[[bytes], bytes]) -> None:
    """Clients may pack a body; what is packed in another way is a 415."""
    assert unpacked(encoding, pack(b"text=a")) == b"text=a"
    with pytest.raises(UnreadableError) as fault:
        unpacked(b"br", b"x")
    assert fault.value.status == 415
