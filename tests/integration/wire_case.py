"""What can go wrong between the sender and a person, and all that must follow: by hand, row for row."""

from dataclasses import dataclass, replace
from datetime import timedelta

from outbox.delivery.outcome import Delivered, Reason, Reject, Retry, Snooze, Unknown
from outbox.link.chat_state import LinkState
from telegram.answer import Phase
from telegram.simulator import DEVELOPMENT_TOKEN
from telegram.simulator.fault import Fault, FaultKind
from telegram.verdict import Degrade, EditFault, FloodWait, GateScope, LinkChange, Verdict

CHAT, GROUP, SUPERGROUP = 1001, -55, -1001234567890


@dataclass(frozen=True, slots=True)
class Page:
    """A page with this status, from somebody between us and Telegram."""

    status: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An address that is no Bot API, or a token that is not ours."""

    path: str = ""
    token: str = DEVELOPMENT_TOKEN


@dataclass(frozen=True, slots=True)
class NoPort:
    """Nobody listens."""


Trouble = Fault | Page | Elsewhere | NoPort | None


@dataclass(frozen=True, slots=True)
class Case:
    """What goes wrong on the wire, and all that must follow."""

    rule: str
    trouble: Trouble
    verdict: Verdict
    arrived: int = 0
    """Messages that people see afterwards."""


def says(code: int, description: str, *, retry_after: int | None = None, migrate_to: int | None = None) -> Fault:
    """Let Telegram answer so, each time it is asked."""
    return Fault(
        FaultKind.ERROR, code=code, description=description, retry_after=retry_after, migrate_to_chat_id=migrate_to
    )


def flood(description: str, wait: float, scope: GateScope, retry_after: int | None = None) -> Case:
    """Make a case of a 429."""
    gate = FloodWait(scope, timedelta(seconds=wait))
    verdict = Verdict(Snooze(timedelta(seconds=wait), Reason.FLOOD), gate=gate, status=429)
    return Case("flood", says(429, description, retry_after=retry_after), verdict)


def refused(rule: str, code: int, description: str, verdict: Verdict) -> Case:
    """Make a case of a refusal."""
    return Case(rule, says(code, description), replace(verdict, status=code))


BLOCKED = Verdict(Reject(Reason.BLOCKED), link=LinkChange(LinkState.BLOCKED))
UNREACHABLE = Verdict(Reject(Reason.UNREACHABLE), link=LinkChange(LinkState.UNREACHABLE))
NOT_FOUND = Verdict(Reject(Reason.CHAT_NOT_FOUND), link=LinkChange(LinkState.UNREACHABLE, after=timedelta(hours=1)))
FORBIDDEN = Verdict(
    Retry(Reason.FORBIDDEN, timedelta(minutes=1)), link=LinkChange(LinkState.SUSPENDED, after=timedelta(hours=24))
)
NO_RIGHTS = Verdict(Reject(Reason.NO_RIGHTS), link=LinkChange(LinkState.SUSPENDED, tell_owner=True))
BAD_MESSAGE = Verdict(Reject(Reason.BAD_MESSAGE))
BAD_REQUEST = Verdict(Reject(Reason.BAD_REQUEST))
BOT_REFUSED = Verdict(Snooze(timedelta(seconds=10), Reason.BOT_REFUSED), stop_bot=True)
OUTAGE = Verdict(Retry(Reason.UNAVAILABLE), outage=True)
NOT_SENT = replace(OUTAGE, phase=Phase.CONNECTING)
LOST = Verdict(Unknown(Reason.LOST_ANSWER), outage=True, phase=Phase.SENT)
NOTHING_DEGRADED = Verdict(Reject(Reason.TOPIC), requests=2)
REPAIRED_IN_VAIN = {
    "topic": replace(NOTHING_DEGRADED, degraded=Degrade.TOPIC),
    "markup": replace(NOTHING_DEGRADED, outcome=Reject(Reason.MARKUP), degraded=Degrade.MARKUP),
    "too long": replace(NOTHING_DEGRADED, outcome=Reject(Reason.BAD_MESSAGE), degraded=Degrade.LENGTH),
    "button": replace(NOTHING_DEGRADED, outcome=Reject(Reason.BAD_MESSAGE), degraded=Degrade.BUTTON),
}

CASES = [
    Case("taken", None, Verdict(Delivered(1), status=200), arrived=1),
    flood("Too Many Requests: retry after 17", 17, GateScope.CHAT, 17),
    flood("Too Many Requests: retry after 5", 5, GateScope.BOT, 5),
    flood("Too Many Requests: retry after 60", 60, GateScope.BOT, 60),
    flood("Too Many Requests", 30, GateScope.BOT),
    Case(
        "flood",
        Page(429),
        Verdict(
            Snooze(timedelta(seconds=30), Reason.FLOOD),
            gate=FloodWait(GateScope.BOT, timedelta(seconds=30)),
            status=429,
        ),
    ),
    Case(
        "migrated",
        says(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to=SUPERGROUP),
        Verdict(Retry(Reason.CHAT_NOT_FOUND), migrate_to=SUPERGROUP, status=400, requests=2),
    ),
    refused("blocked", 403, "Forbidden: bot was blocked by the user", BLOCKED),
    refused("unreachable", 403, "Forbidden: user is deactivated", UNREACHABLE),
    refused("unreachable", 403, "Forbidden: bot can't initiate conversation with a user", UNREACHABLE),
    refused("unreachable", 403, "Forbidden: bot was kicked from the group chat", UNREACHABLE),
    refused("unreachable", 403, "Forbidden: bot was kicked from the supergroup chat", UNREACHABLE),
    refused("unreachable", 403, "Forbidden: bot was kicked from the channel chat", UNREACHABLE),
    refused("unreachable", 403, "Forbidden: bot is not a member of the channel chat", UNREACHABLE),
    refused("unreachable", 403, "Forbidden: the group chat was deleted", UNREACHABLE),
    refused("chat not found", 400, "Bad Request: chat not found", NOT_FOUND),
    refused("chat not found", 400, "Bad Request: PEER_ID_INVALID", NOT_FOUND),
    refused("other 403", 403, "Forbidden: bot can't send messages to the user", FORBIDDEN),
    refused("other 403", 403, "Forbidden", FORBIDDEN),
    refused("no rights", 400, "Bad Request: not enough rights to send text messages to the chat", NO_RIGHTS),
    refused("no rights", 400, "Bad Request: have no write access to the chat", NO_RIGHTS),
    refused("no rights", 400, "Bad Request: CHAT_WRITE_FORBIDDEN", NO_RIGHTS),
    refused("no rights", 400, "Bad Request: CHAT_RESTRICTED", NO_RIGHTS),
    *(
        refused("topic", 400, f"Bad Request: {words}", REPAIRED_IN_VAIN["topic"])
        for words in ("message thread not found", "TOPIC_CLOSED", "TOPIC_DELETED")
    ),
    refused(
        "markup",
        400,
        "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        REPAIRED_IN_VAIN["markup"],
    ),
    refused("too long", 400, "Bad Request: message is too long", REPAIRED_IN_VAIN["too long"]),
    refused("too long", 400, "Bad Request: text is too long", REPAIRED_IN_VAIN["too long"]),
    *(
        refused("button", 400, f"Bad Request: {words}", REPAIRED_IN_VAIN["button"])
        for words in (
            "BUTTON_DATA_INVALID",
            "BUTTON_URL_INVALID",
            "inline keyboard button URL 'http://x' is invalid: Wrong HTTP URL",
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
            "can't parse reply keyboard markup JSON object",
        )
    ),
    refused("empty", 400, "Bad Request: message text is empty", BAD_MESSAGE),
    refused("empty", 400, "Bad Request: text must be non-empty", BAD_MESSAGE),
    refused("bot refused", 401, "Unauthorized", BOT_REFUSED),
    refused("bot refused", 404, "Not Found", BOT_REFUSED),
    refused("bot refused", 421, "Misdirected Request", BOT_REFUSED),
    refused("bot refused", 400, "Logged out", BOT_REFUSED),
    Case("bot refused", Elsewhere(token="4242:another-bots-token"), replace(BOT_REFUSED, status=401)),
    Case("bot refused", Elsewhere(path="/nowhere"), replace(BOT_REFUSED, status=404)),
    Case("bot refused", Page(404), replace(BOT_REFUSED, status=404)),
    # to a message that is sent anew these mean no more than any other 400
    refused("not modified", 400, "Bad Request: message is not modified", replace(BAD_REQUEST, edit=EditFault.SAME)),
    refused("not editable", 400, "Bad Request: message to edit not found", replace(BAD_REQUEST, edit=EditFault.GONE)),
    refused("other 400", 400, "Bad Request: something new", BAD_REQUEST),
    refused("other 400", 413, "Request Entity Too Large", BAD_REQUEST),
    Case("gateway timeout", Page(504), Verdict(Unknown(Reason.LOST_ANSWER), outage=True, status=504)),
    refused("server fault", 500, "Internal Server Error: restart", OUTAGE),
    refused("server fault", 502, "Bad Gateway", OUTAGE),
    refused("server fault", 504, "Gateway Timeout", OUTAGE),
    Case("server fault", Fault(FaultKind.HTML_502), replace(OUTAGE, status=502)),
    Case("server fault", Page(503), replace(OUTAGE, status=503)),
    Case("not sent", NoPort(), NOT_SENT),
    Case(
        "unreadable success",
        Fault(FaultKind.BAD_JSON),
        Verdict(Delivered(None, Reason.UNDECODABLE), status=200),
        arrived=1,
    ),
    Case("unreadable refusal", Page(403), replace(OUTAGE, status=403)),
    Case("unreadable refusal", Page(400), replace(OUTAGE, status=400)),
    Case("unreadable refusal", Page(307), replace(OUTAGE, status=307)),
    Case("lost", Fault(FaultKind.CLOSE_BEFORE), LOST),
    Case("lost", Fault(FaultKind.CLOSE_AFTER_DELIVERY), LOST, arrived=1),
    Case("lost", Fault(FaultKind.HANG), LOST),
    refused("undocumented", 409, "Conflict: something new", Verdict(Retry(Reason.UNAVAILABLE))),
]


def name_of(case: Case) -> str:
    """Name a case by its rule and what goes wrong."""
    match case.trouble:
        case Fault(kind=FaultKind.ERROR, code=code, description=description):
            return f"{case.rule}-{code} {description}"
        case Fault(kind=kind):
            return f"{case.rule}-{kind}"
        case other:
            return f"{case.rule}-{other}"
