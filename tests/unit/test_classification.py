"""Every answer of Telegram's and what follows from it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbox.delivery.outcome import Delivered, Reason, Reject, Retry, Snooze, Unknown
from outbox.link.chat_state import LinkState
from telegram.answer import Answer, Lost, NotSent, Phase, Refused, Taken, Undecodable, read_answer, status_label
from telegram.classification import RULES, classify, rule_for
from telegram.verdict import Degrade, EditFault, FloodWait, GateScope, LinkChange, Verdict

BLOCKED = Verdict(Reject(Reason.BLOCKED), link=LinkChange(LinkState.BLOCKED), status=403)
UNREACHABLE = Verdict(Reject(Reason.UNREACHABLE), link=LinkChange(LinkState.UNREACHABLE), status=403)
NOT_FOUND = Verdict(
    Reject(Reason.CHAT_NOT_FOUND), link=LinkChange(LinkState.UNREACHABLE, after=timedelta(hours=1)), status=400
)
FORBIDDEN = Verdict(
    Retry(Reason.FORBIDDEN, timedelta(minutes=1)),
    link=LinkChange(LinkState.SUSPENDED, after=timedelta(hours=24)),
    status=403,
)
NO_RIGHTS = Verdict(Reject(Reason.NO_RIGHTS), link=LinkChange(LinkState.SUSPENDED, tell_owner=True), status=400)
TOPIC = Verdict(Reject(Reason.TOPIC), degrade=Degrade.TOPIC, status=400)
TOO_LONG = Verdict(Reject(Reason.BAD_MESSAGE), degrade=Degrade.LENGTH, status=400)
BUTTON = Verdict(Reject(Reason.BAD_MESSAGE), degrade=Degrade.BUTTON, status=400)
BAD_REQUEST = Verdict(Reject(Reason.BAD_REQUEST), status=400)
SAME = replace(BAD_REQUEST, edit=EditFault.SAME)
GONE = replace(BAD_REQUEST, edit=EditFault.GONE)
REFUSED_BOT = Verdict(Snooze(timedelta(seconds=10), Reason.BOT_REFUSED), stop_bot=True)
OUTAGE = Verdict(Retry(Reason.UNAVAILABLE), outage=True)
LOST = Verdict(Unknown(Reason.LOST_ANSWER), outage=True)

REFUSALS = [
    (403, "Forbidden: bot was blocked by the user", BLOCKED),
    (403, "Forbidden: user is deactivated", UNREACHABLE),
    (403, "Forbidden: bot can't initiate conversation with a user", UNREACHABLE),
    (403, "Forbidden: bot was kicked from the group chat", UNREACHABLE),
    (403, "Forbidden: bot was kicked from the supergroup chat", UNREACHABLE),
    (403, "Forbidden: bot was kicked from the channel chat", UNREACHABLE),
    (403, "Forbidden: bot is not a member of the channel chat", UNREACHABLE),
    (403, "Forbidden: the group chat was deleted", UNREACHABLE),
    (403, "Forbidden: bot can't send messages to the user", FORBIDDEN),
    (403, "Forbidden: something new", FORBIDDEN),
    (403, "", FORBIDDEN),
    (400, "Bad Request: chat not found", NOT_FOUND),
    (400, "Bad Request: PEER_ID_INVALID", NOT_FOUND),
    (400, "Bad Request: not enough rights to send text messages to the chat", NO_RIGHTS),
    (400, "Bad Request: have no write access to the chat", NO_RIGHTS),
    (400, "Bad Request: CHAT_WRITE_FORBIDDEN", NO_RIGHTS),
    (400, "Bad Request: CHAT_RESTRICTED", NO_RIGHTS),
    (400, "Bad Request: message thread not found", TOPIC),
    (400, "Bad Request: TOPIC_CLOSED", TOPIC),
    (400, "Bad Request: TOPIC_DELETED", TOPIC),
    (
        400,
        'Bad Request: can\'t parse entities: Unsupported start tag "x" at byte offset 0',
        Verdict(Reject(Reason.MARKUP), degrade=Degrade.MARKUP, status=400),
    ),
    (400, "Bad Request: message is too long", TOO_LONG),
    (400, "Bad Request: text is too long", TOO_LONG),
    (400, "Bad Request: BUTTON_DATA_INVALID", BUTTON),
    (400, "Bad Request: BUTTON_URL_INVALID", BUTTON),
    (400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed", BUTTON),
    (400, "Bad Request: message text is empty", Verdict(Reject(Reason.BAD_MESSAGE), status=400)),
    (400, "Bad Request: message is not modified: specified new message content and reply markup are exactly", SAME),
    (400, "Bad Request: MESSAGE_NOT_MODIFIED", SAME),
    (400, "Bad Request: message to edit not found", GONE),
    (400, "Bad Request: message can't be edited", GONE),
    (400, "Bad Request: there is no text in the message to edit", GONE),
    (400, "Bad Request: MESSAGE_ID_INVALID", GONE),
    (400, "Bad Request: MESSAGE_EDIT_TIME_EXPIRED", GONE),
    (403, "Forbidden: MESSAGE_AUTHOR_REQUIRED", replace(GONE, status=403)),
    (400, "Bad Request: something new", BAD_REQUEST),
    (413, "Request Entity Too Large", replace(BAD_REQUEST, status=413)),
    (401, "Unauthorized", replace(REFUSED_BOT, status=401)),
    (404, "Not Found", replace(REFUSED_BOT, status=404)),
    (421, "Misdirected Request", replace(REFUSED_BOT, status=421)),
    (400, "Logged out", replace(REFUSED_BOT, status=400)),
    (400, "Bad Request: Logged out", replace(REFUSED_BOT, status=400)),
    (500, "Internal Server Error: restart", replace(OUTAGE, status=500)),
    (502, "Bad Gateway", replace(OUTAGE, status=502)),
    (504, "Gateway Timeout", replace(OUTAGE, status=504)),
    (409, "Conflict: something new", Verdict(Retry(Reason.UNAVAILABLE), status=409)),
]

OTHERS: list[tuple[Answer, Verdict]] = [
    (Taken({"message_id": 7}), Verdict(Delivered(7), status=200)),
    (Taken(True), Verdict(Delivered(None), status=200)),
    (Undecodable(200), Verdict(Delivered(None, Reason.UNDECODABLE), status=200)),
    (Undecodable(502), replace(OUTAGE, status=502)),
    (Undecodable(504), replace(LOST, status=504)),
    (Undecodable(302), replace(OUTAGE, status=302)),
    (Undecodable(403), replace(OUTAGE, status=403)),
    (Undecodable(400), replace(OUTAGE, status=400)),
    (Undecodable(404), replace(REFUSED_BOT, status=404)),
    (Undecodable(413), replace(BAD_REQUEST, status=413)),
    (NotSent("ClientConnectorError"), replace(OUTAGE, phase=Phase.CONNECTING)),
    (Lost("ServerDisconnectedError"), replace(LOST, phase=Phase.SENT)),
    (
        Refused(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1001),
        Verdict(Retry(Reason.CHAT_NOT_FOUND), migrate_to=-1001, status=400),
    ),
]


@pytest.mark.parametrize(("status", "description", "expected"), REFUSALS)
def test_each_refusal_has_its_verdict(status: int, description: str, expected: Verdict) -> None:
    """What Telegram says decides what becomes of the delivery, the link and the bot."""
    assert classify(Refused(status, description)) == expected


@pytest.mark.parametrize(("answer", "expected"), OTHERS)
def test_each_other_answer_has_its_verdict(answer: Answer, expected: Verdict) -> None:
    """Successes, pages of proxies, broken connections and moved chats have theirs too."""
    assert classify(answer) == expected


FLOODS: list[tuple[Answer, float, float, GateScope, float]] = [
    (Refused(429, "Too Many Requests: retry after 17", retry_after=17), 0, 17, GateScope.CHAT, 17),
    (Refused(429, retry_after=20), 1, 22, GateScope.CHAT, 20),
    (Refused(429, retry_after=20), 0.5, 21, GateScope.CHAT, 20),
    (Refused(429, retry_after=20, retry_header=99), 0, 20, GateScope.CHAT, 20),
    (Refused(429, retry_after=35_000), 0, 35_000, GateScope.CHAT, 35_000),
    (Refused(429, retry_after=10**12), 0, 604_800, GateScope.CHAT, 604_800),
    (Refused(429, retry_after=0), 0, 1, GateScope.CHAT, 1),
    (Refused(429, retry_after=5), 0, 5, GateScope.BOT, 5),
    (Refused(429, retry_after=60), 0, 60, GateScope.BOT, 60),
    (Refused(429, retry_header=12), 0, 12, GateScope.BOT, 12),
    (Refused(429), 0, 30, GateScope.BOT, 30),
    (Undecodable(429, retry_header=9), 0, 9, GateScope.BOT, 9),
    (Undecodable(429), 0, 30, GateScope.BOT, 30),
]


@pytest.mark.parametrize(("answer", "jitter", "delay", "scope", "gate"), FLOODS)
def test_a_flood_wait_is_obeyed(answer: Answer, jitter: float, delay: float, scope: GateScope, gate: float) -> None:
    """A 429 waits as long as it says and up to a tenth more, and closes at least the gate it must."""
    verdict = classify(answer, jitter)
    assert verdict.outcome == Snooze(timedelta(seconds=delay), Reason.FLOOD)
    assert verdict.gate == FloodWait(scope, timedelta(seconds=gate))


ANSWERS = st.one_of(
    st.builds(Taken, st.none() | st.booleans() | st.dictionaries(st.text(), st.integers())),
    st.builds(
        Refused,
        st.integers(100, 999),
        st.text() | st.sampled_from([description for _, description, _ in REFUSALS]),
        st.none() | st.integers(),
        st.none() | st.integers(),
        st.none() | st.integers(0),
    ),
    st.builds(Undecodable, st.integers(100, 999), st.none() | st.integers(0)),
    st.builds(NotSent, st.text()),
    st.builds(Lost, st.text()),
)


@given(answer=ANSWERS, jitter=st.floats(0, 1))
def test_every_answer_has_a_verdict(answer: Answer, jitter: float) -> None:
    """No answer at all is left without a verdict, and a wait is never shorter than a second."""
    verdict = classify(answer, jitter)
    if isinstance(verdict.outcome, Snooze):
        assert verdict.outcome.delay >= timedelta(seconds=1)


@given(answer=ANSWERS)
def test_only_what_telegram_itself_says_about_a_chat_touches_its_link(answer: Answer) -> None:
    """No outage, proxy, flood or broken connection ever changes a link."""
    verdict = classify(answer)
    if verdict.link or verdict.migrate_to is not None:
        assert isinstance(answer, Refused)
        assert not verdict.outage
        assert not verdict.stop_bot


def test_each_row_of_the_table_can_be_reached() -> None:
    """No row stands in the shadow of an earlier one."""
    answers: list[Answer] = [Refused(status, description) for status, description, _ in REFUSALS]
    answers += [answer for answer, _ in OTHERS] + [answer for answer, *_ in FLOODS]
    assert {rule_for(answer).name for answer in answers} == {rule.name for rule in RULES}


BODIES: list[tuple[int, bytes, Answer]] = [
    (200, b'{"ok":true,"result":{"message_id":5}}', Taken({"message_id": 5})),
    (
        429,
        b'{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":3}}',
        Refused(429, "Too Many Requests", retry_after=3),
    ),
    (
        400,
        b'{"ok":false,"error_code":400,"description":"x","parameters":{"migrate_to_chat_id":-1001234567890}}',
        Refused(400, "x", migrate_to_chat_id=-1001234567890),
    ),
    (200, b'{"ok":false,"error_code":403,"description":"Forbidden"}', Refused(403, "Forbidden")),
    (500, b'{"ok":false}', Refused(500)),
    (429, b'{"ok":false,"parameters":{"retry_after":"soon"}}', Refused(429)),
    (429, b'{"ok":false,"parameters":[1],"description":7}', Refused(429)),
    (400, b'{"ok":false,"parameters":{"migrate_to_chat_id":9223372036854775808}}', Refused(400)),
    (502, b"<html><h1>502 Bad Gateway</h1></html>", Undecodable(502)),
    (200, b'{"ok":true,"resu', Undecodable(200)),
    (200, b"\xff\xfe", Undecodable(200)),
    (200, b"", Undecodable(200)),
    (200, b"[]", Undecodable(200)),
    (200, b"[" * 100_000, Undecodable(200)),
    (500, b'{"ok":true,"result":true}', Undecodable(500)),
]


@pytest.mark.parametrize(("status", "body", "expected"), BODIES)
def test_a_body_is_read_for_what_it_is(status: int, body: bytes, expected: Answer) -> None:
    """Telegram's envelope is read with all it says; everything else is undecodable, and nothing raises."""
    assert read_answer(status, body) == expected


def test_the_retry_after_header_counts_seconds_only() -> None:
    """A `Retry-After` that is a date, or no number, is as good as none."""
    assert read_answer(429, b"", "12") == Undecodable(429, 12)
    assert read_answer(429, b"", "Wed, 21 Oct 2026 07:28:00 GMT") == Undecodable(429)
    assert read_answer(429, b"", "9" * 5000) == Undecodable(429)


def test_an_answer_shows_no_text() -> None:
    """Neither a sent message nor Telegram's words about it show in the repr."""
    assert repr(Taken({"text": "secret"})) == "Taken()"
    assert "secret" not in repr(Refused(400, "can't parse entities: secret"))


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        (Taken(), "200"),
        (Refused(403), "403"),
        (Undecodable(502), "502"),
        (NotSent("x"), "not_sent"),
        (Lost("x"), "lost"),
    ],
)
def test_an_answer_has_a_label_for_the_metric(answer: Answer, label: str) -> None:
    """The metric's label is the status code, or a word where none came."""
    assert status_label(answer) == label
