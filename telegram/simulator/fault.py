"""Faults on order."""

import random
from dataclasses import dataclass, field
from enum import StrEnum

from telegram.simulator.refusal import RefusedError

DEFAULT_CODE = 500
DEFAULT_DESCRIPTIONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
}


class FaultKind(StrEnum):
    """What goes wrong."""

    ERROR = "error"
    """An error answer of the API; nothing is delivered."""
    LATENCY = "latency"
    """The call is worked on `seconds` later."""
    CLOSE_BEFORE = "close_before"
    """The connection drops and nothing is delivered."""
    CLOSE_AFTER_DELIVERY = "close_after_delivery"
    """The message is delivered, then the connection drops without an answer."""
    HTML_502 = "html_502"
    """A proxy's error page; nothing is delivered."""
    LATE_ANSWER = "late_answer"
    """The message is delivered at once, the answer comes `seconds` later."""
    BAD_JSON = "bad_json"
    """The message is delivered, the answer is cut short."""
    HANG = "hang"
    """No answer and nothing delivered, until `seconds` are over or the client gives up."""


@dataclass(slots=True)
class Fault:
    """One order: what goes wrong, for whom and how often."""

    kind: FaultKind
    method: str | None = None
    """A method in any case; None is every method."""
    chat_id: int | None = None
    times: int | None = None
    """How often it still strikes; None is for ever."""
    probability: float = 1.0
    seed: int | None = None
    code: int = DEFAULT_CODE
    description: str | None = None
    """The whole text as on the wire, with its prefix."""
    retry_after: int | None = None
    migrate_to_chat_id: int | None = None
    seconds: float | None = None
    number: int = 0
    struck: int = 0
    """How often it has struck."""
    chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Start the order's own row of chances, so that a seed repeats it."""
        self.chance = random.Random(self.seed)  # noqa: S311  chances of a simulated fault, no secret

    def strikes(self, method: str, chat_id: int | None) -> bool:
        """Decide over one call, and count it down."""
        if self.method is not None and self.method.lower() != method.lower():
            return False
        if self.chat_id is not None and self.chat_id != chat_id:
            return False
        if self.times is not None and self.struck >= self.times:
            return False
        if self.probability < 1 and self.chance.random() >= self.probability:
            return False
        self.struck += 1
        return True

    def left(self) -> int | None:
        """Tell how often it can still strike; None is for ever."""
        return None if self.times is None else self.times - self.struck

    def refusal(self) -> RefusedError:
        """Give the ordered error."""
        description = self.description or DEFAULT_DESCRIPTIONS.get(self.code, "Bad Request")
        if self.description is None and self.retry_after is not None:
            description = f"{description}: retry after {self.retry_after}"
        parameters = {"retry_after": self.retry_after, "migrate_to_chat_id": self.migrate_to_chat_id}
        given = {name: value for name, value in parameters.items() if value is not None}
        return RefusedError(self.code, description, **given)


class FaultBook:
    """Every order that still stands."""

    def __init__(self) -> None:
        self.orders: list[Fault] = []
        self._numbers = 0

    def add(self, fault: Fault) -> Fault:
        """Take an order and number it."""
        self._numbers += 1
        fault.number = self._numbers
        self.orders.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all orders."""
        self.orders.clear()

    def strike(self, method: str, chat_id: int | None) -> Fault | None:
        """Give the first order that strikes this call."""
        return next((fault for fault in self.orders if fault.strikes(method, chat_id)), None)
