"""What an answer of Telegram's means for whoever receives updates: how it fares, and when to ask again."""

from dataclasses import dataclass

from health import Check, Status
from telegram.answer import Answer, Refused
from telegram.classification import classify

CONFLICT = 409
CONFLICT_PAUSE_S = 3.0
REFUSED_PAUSE_S = 60.0
"""For a bot that is refused: whoever asks more often changes nothing."""
LONGEST_FLOOD_S = 60.0
SHORTEST_S, LONGEST_S = 0.5, 5.0

WELL = Check(Status.OK, "answers")
OTHER_READER = "another process reads this bot's updates: only one may"
WEBHOOK_SET = "a webhook was set, which takes the updates away: it is deleted again"


@dataclass(slots=True)
class ReplyBackoff:
    """How long to wait after a failure: longer after each, until something succeeds."""

    _next: float = SHORTEST_S

    def reset(self) -> None:
        """Note a success."""
        self._next = SHORTEST_S

    def after(self, answer: Answer) -> float:
        """Say in how many seconds to ask again."""
        verdict = classify(answer)
        if verdict.stop_bot:
            return REFUSED_PAUSE_S
        if is_conflict(answer):
            return CONFLICT_PAUSE_S
        if verdict.gate is not None:
            return min(verdict.gate.delay.total_seconds(), LONGEST_FLOOD_S)
        pause, self._next = self._next, min(self._next * 2, LONGEST_S)
        return pause


def is_conflict(answer: Answer) -> bool:
    """Tell whether somebody else takes the updates."""
    return isinstance(answer, Refused) and answer.status == CONFLICT


def meets_webhook(answer: Answer) -> bool:
    """Tell whether it is a webhook that does."""
    return is_conflict(answer) and isinstance(answer, Refused) and "webhook" in answer.description.lower()


def check_of(answer: Answer) -> Check:
    """Say how it fares, in words of ours: Telegram's may quote what must not get out."""
    verdict = classify(answer)
    if verdict.stop_bot:
        return Check(Status.UNHEALTHY, "the token or the API base is wrong")
    if is_conflict(answer):
        return Check(Status.UNHEALTHY, WEBHOOK_SET if meets_webhook(answer) else OTHER_READER)
    if verdict.gate is not None:
        return Check(Status.DEGRADED, "asks to wait")
    if verdict.outage:
        return Check(Status.UNHEALTHY, "out of reach")
    return Check(Status.UNHEALTHY, "refuses what it is asked")
