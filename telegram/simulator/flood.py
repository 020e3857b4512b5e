"""How much one bot may send, and what happens when it sends more.

Waits of up to eight seconds (`longest_hold`) are absorbed: the answer is held and the message then delivered. A longer
wait is a 429, and whoever sends on during that wait makes it longer.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from telegram.simulator.options import SimulatorOptions

LONGEST_WAIT_SECONDS = 3600.0
CHAT_BURST_SECONDS = 5.0
"""A chat takes this many seconds' worth of messages at once; the bot as a whole, one second's."""
MINUTE_SECONDS = 60.0
IN_FLIGHT_SECONDS = 0.25
"""Calls that come this soon after a 429 were under way before its answer: they do not lengthen it."""
NEGLIGIBLE_SECONDS = 1e-6
"""Below this a wait is rounding, no wait."""


class Violation(StrEnum):
    """What a client did wrong."""

    OVER_RATE = "over_rate"
    """Sent faster than a limit allows."""
    DURING_WAIT = "during_wait"
    """Sent although it had been told to wait."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of one message."""

    hold: float = 0.0
    """Seconds until it is delivered."""
    retry_after: int | None = None
    """Whole seconds to wait instead: the answer is a 429."""
    violation: Violation | None = None


class Subject(StrEnum):
    """Whose limit it is."""

    BOT = "bot"
    """All messages of the bot."""
    PAID = "paid"
    """All its messages with allow_paid_broadcast."""
    CHAT = "chat"
    """One chat, by the second."""
    GROUP = "group"
    """One group, by the minute."""


PER_CHAT = (Subject.CHAT, Subject.GROUP)
"""A chat's own limits in the order that they are kept in; a person has only the first."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A limit that is used up at this moment."""

    subject: Subject
    chat_id: int | None
    seconds: float
    """How long it still lasts."""
    refusing: bool
    """True: calls are answered 429. False: they are held and then delivered."""

    def as_json(self) -> dict[str, object]:
        """Write the wait for the control API."""
        return {
            "subject": self.subject,
            "chat_id": self.chat_id,
            "seconds": round(self.seconds, 1),
            "refusing": self.refusing,
        }


@dataclass(slots=True)
class Limit:
    """A token bucket, and the wait that overdoing it has brought."""

    rate: float
    burst: float
    tokens: float
    filled_at: float
    wait_seconds: float = 0.0
    """How long the wait was at first: what each further call adds."""
    waits_from: float = -math.inf
    waits_until: float = -math.inf

    def shortfall(self, now: float) -> float:
        """Fill up, and give the seconds until one message fits."""
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        seconds = (1 - self.tokens) / self.rate
        return seconds if seconds > NEGLIGIBLE_SECONDS else 0.0

    def wait(self, subject: Subject, chat_id: int | None, now: float) -> Wait | None:
        """Tell what the limit makes others wait for, and change nothing."""
        if self.waits_until > now:
            return Wait(subject, chat_id, self.waits_until - now, refusing=True)
        # Each held message has taken its token in advance.
        seconds = -(self.tokens + (now - self.filled_at) * self.rate) / self.rate
        return Wait(subject, chat_id, seconds, refusing=False) if seconds > NEGLIGIBLE_SECONDS else None

    def begin_wait(self, seconds: float, now: float) -> None:
        """Close the limit."""
        self.wait_seconds, self.waits_from, self.waits_until = seconds, now, now + seconds

    def press(self, now: float) -> bool:
        """Take a call that comes during the wait; tell whether it could have known better."""
        if now - self.waits_from <= IN_FLIGHT_SECONDS:
            return False
        self.waits_until = min(self.waits_until + self.wait_seconds, now + LONGEST_WAIT_SECONDS)
        return True


class Flood:
    """The limits of one bot: the bot's, the paid one, each chat's and each group's."""

    def __init__(self, options: SimulatorOptions, now: float) -> None:
        self._options = options
        self._bot = _limit(options.bot_rate, options.bot_rate, now)
        self._paid = _limit(options.paid_rate, options.paid_rate, now)
        self._chats: dict[int, tuple[Limit, ...]] = {}

    def admit(self, chat_id: int, *, is_group: bool, paid: bool, now: float) -> Admission:
        """Decide over one message to one chat and count it against every limit it touches."""
        if self._options.no_limits:
            return Admission()
        limits = (self._paid if paid else self._bot, *self._chat(chat_id, is_group=is_group, now=now))
        waiting = [limit for limit in limits if limit.waits_until > now]
        if waiting:
            return _during_wait(waiting, now)
        worst = max(limits, key=lambda limit: limit.shortfall(now))
        seconds = worst.shortfall(now)
        if seconds > self._options.longest_hold:
            worst.begin_wait(seconds, now)
            return Admission(retry_after=math.ceil(seconds), violation=Violation.OVER_RATE)
        for limit in limits:
            limit.tokens -= 1
        return Admission(hold=seconds, violation=Violation.OVER_RATE if seconds else None)

    def waits(self, now: float) -> list[Wait]:
        """List the limits that are used up, the bot's own first, and change nothing."""
        limits: list[tuple[Subject, int | None, Limit]] = [
            (Subject.BOT, None, self._bot),
            (Subject.PAID, None, self._paid),
        ]
        for chat_id, own in self._chats.items():
            limits += [(subject, chat_id, limit) for subject, limit in zip(PER_CHAT, own, strict=False)]
        found = (limit.wait(subject, chat_id, now) for subject, chat_id, limit in limits)
        return [wait for wait in found if wait is not None]

    def _chat(self, chat_id: int, *, is_group: bool, now: float) -> tuple[Limit, ...]:
        limits = self._chats.get(chat_id)
        if limits is None:
            rate = self._options.chat_rate
            limits = (_limit(rate, rate * CHAT_BURST_SECONDS, now),)
            if is_group:
                per_minute = self._options.group_rate_per_minute
                limits += (_limit(per_minute / MINUTE_SECONDS, per_minute, now),)
            self._chats[chat_id] = limits
        return limits


def _during_wait(waiting: list[Limit], now: float) -> Admission:
    knew_better = [limit.press(now) for limit in waiting]
    seconds = max(limit.waits_until for limit in waiting) - now
    return Admission(
        retry_after=max(1, math.ceil(seconds)),
        violation=Violation.DURING_WAIT if any(knew_better) else None,
    )


def _limit(rate: float, burst: float, now: float) -> Limit:
    # A burst under one would never let a message pass.
    burst = max(1.0, burst)
    return Limit(rate, burst, burst, now)
