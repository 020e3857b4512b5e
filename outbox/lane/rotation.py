"""The rotation: whose turn it is among the event types that wait."""

from collections import Counter, deque
from collections.abc import Mapping


class Rotation:
    """Deals budgets out among types, one to each in turn, beginning with the type served longest ago.

    So while N types wait each gets its Nth of what may be sent, however small the budgets and whatever the sizes of
    the backlogs; what a type leaves over goes to those that have more.
    """

    def __init__(self) -> None:
        self._served: dict[str, int] = {}
        # for good: a type that is forgotten as soon as nothing of it waits would always come back as the first
        self._turn = 0

    def deal(self, waiting: Mapping[str, int], budget: int) -> dict[str, int]:
        """Give each type its share, no more than waits of it."""
        # a type that was never served comes before all others; the name only makes it repeatable
        queue = deque(sorted(waiting, key=lambda type_: (self._served.get(type_, 0), type_)))
        shares: Counter[str] = Counter()
        while queue and shares.total() < budget:
            type_ = queue.popleft()
            if shares[type_] == waiting[type_]:
                continue
            shares[type_] += 1
            self._turn += 1
            self._served[type_] = self._turn
            queue.append(type_)
        return dict(+shares)
