"""Every answer of the Bot API and what follows from it: one table, the first match wins."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus

from outbox.delivery.outcome import Delivered, Outcome, Reason, Reject, Retry, Snooze, Unknown
from outbox.link.chat_state import LinkState
from telegram.answer import Answer, Lost, NotSent, Refused, Taken, Undecodable, is_success, phase_of
from telegram.verdict import Degrade, EditFault, FloodWait, GateScope, LinkChange, Verdict

FLOOD_DEFAULT = timedelta(seconds=30)
"""How long a 429 without a number is obeyed."""
FLOOD_LONGEST = 7 * 24 * 3600
"""Seconds beyond which a wait is taken for nonsense and cut; hours have been reported, never days."""
FLOOD_JITTER = 0.1
"""The largest share added to a flood wait, so that not all come back at once."""
BOT_WIDE_WAITS = frozenset({5, 60})
"""Seconds that the server asks for on the whole bot's account: it is stopping, or has too much in flight."""
BOT_PAUSE = timedelta(seconds=10)
"""How long a delivery rests whose bot is refused; nothing is claimed until the bot is known again."""
DEAD_CHAT_PATIENCE = timedelta(hours=1)
"""Two `chat not found` this far apart are believed: a wrong token makes storms of them."""
FORBIDDEN_PAUSE = timedelta(minutes=1)
"""An unnamed 403 flaps for minutes: sooner it is of no use to try again."""
FORBIDDEN_PATIENCE = timedelta(hours=24)
"""How long a chat may answer nothing but an unnamed 403 before its link rests."""

Match = Callable[[Answer], bool]
Make = Callable[[Answer, float], Verdict]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    name: str
    matches: Match
    make: Make


def classify(answer: Answer, jitter: float = 0.0) -> Verdict:
    """Judge one answer; `jitter` from 0 to 1 is the share of the largest spread of a flood wait."""
    verdict = rule_for(answer).make(answer, jitter)
    if isinstance(answer, Taken):
        return verdict
    status = answer.status if isinstance(answer, Refused | Undecodable) else None
    return replace(verdict, status=status, phase=phase_of(answer))


def rule_for(answer: Answer) -> Rule:
    """Find the first row that matches; the last row matches everything."""
    return next(rule for rule in RULES if rule.matches(answer))


def _is(kind: type[Answer]) -> Match:
    return lambda answer: isinstance(answer, kind)


def _status(*codes: int) -> Match:
    return lambda answer: isinstance(answer, Refused | Undecodable) and answer.status in codes


def _refused(*codes: int) -> Match:
    return lambda answer: isinstance(answer, Refused) and answer.status in codes


def _says(code: int, *words: str) -> Match:
    lowered = tuple(word.lower() for word in words)
    return lambda answer: (
        isinstance(answer, Refused)
        and answer.status == code
        and any(word in answer.description.lower() for word in lowered)
    )


def _any(*matches: Match) -> Match:
    return lambda answer: any(match(answer) for match in matches)


def _unreadable(accepts: Callable[[int], bool]) -> Match:
    return lambda answer: isinstance(answer, Undecodable) and accepts(answer.status)


def _server_fault(answer: Answer) -> bool:
    return isinstance(answer, Refused | Undecodable) and answer.status >= 500


def _migrated(answer: Answer) -> bool:
    return isinstance(answer, Refused) and answer.migrate_to_chat_id is not None


def _always(  # noqa: PLR0913 (what a row can say, each by its name)
    outcome: Outcome,
    *,
    link: LinkChange | None = None,
    degrade: Degrade | None = None,
    edit: EditFault | None = None,
    outage: bool = False,
    stop_bot: bool = False,
) -> Make:
    verdict = Verdict(outcome, link=link, degrade=degrade, edit=edit, outage=outage, stop_bot=stop_bot)
    return lambda _answer, _jitter: verdict


def _taken(answer: Answer, _jitter: float) -> Verdict:
    return Verdict(Delivered(answer.message_id if isinstance(answer, Taken) else None), status=HTTPStatus.OK)


def _migrate(answer: Answer, _jitter: float) -> Verdict:
    new_id = answer.migrate_to_chat_id if isinstance(answer, Refused) else None
    return Verdict(Retry(Reason.CHAT_NOT_FOUND), migrate_to=new_id)


def _flood(answer: Answer, jitter: float) -> Verdict:
    seconds = answer.retry_after if isinstance(answer, Refused) else None
    header = answer.retry_header if isinstance(answer, Refused | Undecodable) else None
    bot_wide = seconds is None or seconds in BOT_WIDE_WAITS
    stated = seconds if seconds is not None else header
    wait = FLOOD_DEFAULT if stated is None else timedelta(seconds=min(max(stated, 1), FLOOD_LONGEST))
    return Verdict(
        Snooze(wait * (1 + FLOOD_JITTER * jitter), Reason.FLOOD),
        gate=FloodWait(GateScope.BOT if bot_wide else GateScope.CHAT, wait),
    )


_OUTAGE = _always(Retry(Reason.UNAVAILABLE), outage=True)
_BOT_REFUSED = _always(Snooze(BOT_PAUSE, Reason.BOT_REFUSED), stop_bot=True)

RULES: tuple[Rule, ...] = (
    Rule("taken", _is(Taken), _taken),
    Rule("flood", _status(429), _flood),
    Rule("migrated", _migrated, _migrate),
    # The two refusals that only an edit gets; what they come to there is the sender's to say.
    Rule(
        "not modified",
        _says(400, "message is not modified", "MESSAGE_NOT_MODIFIED"),
        _always(Reject(Reason.BAD_REQUEST), edit=EditFault.SAME),
    ),
    Rule(
        "not editable",
        _any(
            _says(
                400,
                "message to edit not found",
                "message can't be edited",
                "no text in the message to edit",
                "MESSAGE_ID_INVALID",
                "MESSAGE_EDIT_TIME_EXPIRED",
            ),
            _says(403, "MESSAGE_AUTHOR_REQUIRED"),
        ),
        _always(Reject(Reason.BAD_REQUEST), edit=EditFault.GONE),
    ),
    Rule(
        "blocked",
        _says(403, "bot was blocked by the user"),
        _always(Reject(Reason.BLOCKED), link=LinkChange(LinkState.BLOCKED)),
    ),
    Rule(
        "unreachable",
        _says(
            403,
            "user is deactivated",
            "bot can't initiate conversation with a user",
            "bot was kicked from",
            "bot is not a member of",
            "the group chat was deleted",
        ),
        _always(Reject(Reason.UNREACHABLE), link=LinkChange(LinkState.UNREACHABLE)),
    ),
    Rule(
        "chat not found",
        _says(400, "chat not found", "PEER_ID_INVALID"),
        _always(
            Reject(Reason.CHAT_NOT_FOUND),
            link=LinkChange(LinkState.UNREACHABLE, after=DEAD_CHAT_PATIENCE),
        ),
    ),
    Rule(
        "other 403",
        _refused(403),
        _always(
            Retry(Reason.FORBIDDEN, FORBIDDEN_PAUSE), link=LinkChange(LinkState.SUSPENDED, after=FORBIDDEN_PATIENCE)
        ),
    ),
    Rule(
        "no rights",
        _says(
            400,
            "not enough rights to send",
            "have no write access to the chat",
            "CHAT_WRITE_FORBIDDEN",
            "CHAT_RESTRICTED",
        ),
        _always(Reject(Reason.NO_RIGHTS), link=LinkChange(LinkState.SUSPENDED, tell_owner=True)),
    ),
    Rule(
        "topic",
        _says(400, "message thread not found", "TOPIC_CLOSED", "TOPIC_DELETED"),
        _always(Reject(Reason.TOPIC), degrade=Degrade.TOPIC),
    ),
    Rule(
        "markup",
        _says(400, "can't parse entities"),
        _always(Reject(Reason.MARKUP), degrade=Degrade.MARKUP),
    ),
    Rule(
        "too long",
        _says(400, "message is too long", "text is too long"),
        _always(Reject(Reason.BAD_MESSAGE), degrade=Degrade.LENGTH),
    ),
    Rule(
        "button",
        _says(
            400,
            "BUTTON_DATA_INVALID",
            "BUTTON_URL_INVALID",
            "inline keyboard button",
            "can't parse reply keyboard markup",
        ),
        _always(Reject(Reason.BAD_MESSAGE), degrade=Degrade.BUTTON),
    ),
    Rule("empty", _says(400, "message text is empty", "text must be non-empty"), _always(Reject(Reason.BAD_MESSAGE))),
    # Before "other 400": a bot that is logged out says 400 to everybody.
    Rule("bot refused", _any(_status(401, 404, 421), _says(400, "logged out")), _BOT_REFUSED),
    Rule("other 400", _any(_refused(400), _status(413)), _always(Reject(Reason.BAD_REQUEST))),
    # Somebody in between has passed the request on and waited in vain: it may have arrived all the same.
    Rule(
        "gateway timeout",
        _unreadable(lambda status: status == HTTPStatus.GATEWAY_TIMEOUT),
        _always(Unknown(Reason.LOST_ANSWER), outage=True),
    ),
    Rule("server fault", _server_fault, _OUTAGE),
    Rule("not sent", _is(NotSent), _OUTAGE),
    Rule(
        "unreadable success",
        _unreadable(is_success),
        _always(Delivered(reason=Reason.UNDECODABLE)),
    ),
    # A page with 400, 403 or a redirect comes from a proxy or a portal: it says nothing about the chat.
    Rule("unreadable refusal", _is(Undecodable), _OUTAGE),
    Rule("lost", _is(Lost), _always(Unknown(Reason.LOST_ANSWER), outage=True)),
    # A code that the Bot API does not document: costs attempts, so that it cannot go on for ever.
    Rule("undocumented", lambda _answer: True, _always(Retry(Reason.UNAVAILABLE))),
)
