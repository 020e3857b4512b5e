import json
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from health.field import ALLOWED, BOUND, REDACTED, class_name, clean, phrase
from health.log_filter import LogFilter

TOKEN = "7654321098:AAF4kQ-xyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Colour(StrEnum):
    """Words as the code has them."""

    RED = "red"


def line(**fields: object) -> dict[str, object]:
    """Pass fields through the gate and JSON, as a log line goes."""
    passed = LogFilter("worker", "worker-1")(None, "info", {"event": "delivery_sent", **fields})
    read: dict[str, object] = json.loads(json.dumps(passed, allow_nan=False))
    return read


def test_a_line_says_when_how_grave_what_and_who() -> None:
    """Every line has time, level, event, service and instance; fields follow."""
    found = line(delivery_id=7, channel="telegram")
    assert list(found) == ["timestamp", "level", "event", "service", "instance", "delivery_id", "channel"]
    assert str(found.pop("timestamp")).endswith("Z")
    assert found == {
        "level": "info",
        "event": "delivery_sent",
        "service": "worker",
        "instance": "worker-1",
        "delivery_id": 7,
        "channel": "telegram",
    }


def test_the_bound_fields_are_the_contracts() -> None:
    """The fields that the contract binds are all allowed."""
    contract = {"service", "instance", "request_id", "trace_id", "event_id", "delivery_id", "attempt", "reason"}
    assert contract == BOUND
    assert contract <= ALLOWED


@pytest.mark.parametrize(
    "field", ["recipient", "user", "name", "chat_id", "text", "title", "body", "payload", "url", "token", "dsn"]
)
def test_no_field_for_a_person_a_text_or_a_secret_is_allowed(field: str) -> None:
    """A field that would hold a person, a text or a secret is never on the list."""
    assert field not in ALLOWED


def test_an_unknown_field_is_named_and_its_value_stays_inside() -> None:
    """A field that is not on the list is dropped and reported by name."""
    found = line(recipient="anna", chat_id=4711, count=2)
    assert found["dropped_fields"] == ["chat_id", "recipient"]
    assert found["count"] == 2
    assert "anna" not in json.dumps(found)
    assert "4711" not in json.dumps(found)


def test_a_field_name_made_of_data_is_not_repeated() -> None:
    """The name of a dropped field is repeated only if it can be a name of the code."""
    assert line(**{"Anna Ivanova": 1})["dropped_fields"] == ["malformed"]


@pytest.mark.parametrize(
    "event", ["Sent to Anna", "sent to 4711", "", "Sent", "sent\n", "1sent", None, 7, "é", "a" * 101, TOKEN]
)
def test_an_event_that_is_no_word_is_replaced(event: object) -> None:
    """An event that is no snake_case word may be an interpolated text and is not shown."""
    assert LogFilter("worker", "w")(None, "info", {"event": event})["event"] == "malformed_log_event"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (7, 7),
        (0.5, 0.5),
        (True, True),
        (None, None),
        ("order.paid", "order.paid"),
        (Colour.RED, "red"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ("[::1]:9108", "[::1]:9108"),
        ("", ""),
        ("x" * 200, "x" * 200),
    ],
)
def test_a_short_plain_value_passes(value: object, shown: object) -> None:
    """Numbers, words, ids and addresses pass unchanged."""
    assert clean(value) == shown


@pytest.mark.parametrize(
    "value",
    [
        TOKEN,
        f"/bot{TOKEN}/sendMessage",
        "postgres://vestnik:secret@db/app",
        "https:/" + "/example.org/?key=1",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl",
        "anna@example.org",
        "+79161234567",
        "Hello Anna",
        "Привет",
        "two\nlines",
        "x" * 201,
        b"bytes",
        ["a"],
        {"a": 1},
        object(),
        float("nan"),
        float("inf"),
        2**63,
    ],
)
def test_a_value_that_may_be_a_text_or_a_secret_is_redacted(value: object) -> None:
    """Tokens, URLs, mails, phone numbers, sentences, structures and what JSON cannot hold do not get out."""
    assert clean(value) == REDACTED


@settings(deadline=None)
@given(st.text(), st.from_regex(r"[0-9]{1,12}:[A-Za-z0-9_-]{30,60}", fullmatch=True), st.text())
def test_a_bot_token_never_gets_out(before: str, token: str, after: str) -> None:
    """Wherever a token stands, in a value, a detail or an event, it does not get out."""
    text = before + token + after
    assert token not in json.dumps(line(reason=text, error=text, request_id=text))
    assert token not in phrase(text)
    assert LogFilter("w", "w")(None, "info", {"event": text})["event"] == "malformed_log_event"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from(sorted(ALLOWED)) | st.text(), ANYTHING))
def test_every_line_is_flat_json_of_known_fields(fields: dict[str, object]) -> None:
    """Whatever is logged, the line is JSON, its fields are known and its values short."""
    passed = LogFilter("worker", "w")(None, "info", {"event": "fuzzed", **fields} | {"event": "fuzzed"})
    found = json.loads(json.dumps(passed, allow_nan=False))
    extra = {"timestamp", "level", "event", "dropped_fields", "error_at", "caused_by"}
    assert set(found) <= ALLOWED | extra
    dropped = found.pop("dropped_fields", [])
    assert len(dropped) <= 20
    assert all(len(str(value)) <= 200 for value in [*found.values(), *dropped])


def test_an_exception_is_shown_by_class_and_place() -> None:
    """An exception's class, the places it came through and its causes are shown, its messages are not."""
    try:
        try:
            int("secret text")
        except ValueError as cause:
            raise ConnectionError(f"https:/{TOKEN}") from cause
    except ConnectionError as error:
        found = line(exc_info=error)
        first = error.__traceback__.tb_lineno if error.__traceback__ else 0
    assert found["error"] == "ConnectionError"
    assert found["error_at"] == [f"tests.unit.test_log_gate:{first}"]
    assert found["caused_by"] == ["ValueError"]
    assert "secret" not in json.dumps(found)
    assert TOKEN not in json.dumps(found)


def test_only_the_innermost_places_are_shown() -> None:
    """A deep stack is cut to the five innermost frames, the deepest last."""

    def fall(depth: int) -> None:
        if depth == 0:
            raise ValueError
        fall(depth - 1)

    try:
        fall(50)
    except ValueError as error:
        places = line(exc_info=error)["error_at"]
    assert isinstance(places, list)
    assert len(places) == 5
    assert places[-1] != places[0] == places[1]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (ValueError("text"), "ValueError"),
        (TimeoutError, "TimeoutError"),
        ("TelegramRetryAfter", "TelegramRetryAfter"),
        ("could not reach Anna", REDACTED),
        (5, REDACTED),
    ],
)
def test_the_field_error_is_a_class_name(value: object, shown: str) -> None:
    """The field `error` takes an exception, its class or its class's name, never a message."""
    assert class_name(value) == shown
    assert line(error=value)["error"] == shown
