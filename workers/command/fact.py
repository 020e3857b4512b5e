"""What orders have changed, in the log: said once PostgreSQL has it, and not said where nothing has changed.

Who has ordered it is not in it, nor whom it is about: that is kept in PostgreSQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from health import get_logger
from outbox.delivery.outcome import Reason
from outbox.link.chat_link import Linked

log = get_logger()


def tell(event: str, count: int, **about: object) -> None:
    """Log that so many have changed, and what is known `about` them; what is None is left out."""
    if count:
        log.info(event, count=count, **{name: value for name, value in about.items() if value is not None})


@dataclass(slots=True)
class LinkTally:
    """What linking many has changed, in as many transactions as it took."""

    imported: int = 0
    """Links that are new, or lead to another topic."""
    displaced: int = 0
    """Links that ended for them."""
    skipped: int = 0
    """Deliveries that waited for these."""

    def add(self, linked: Sequence[Linked]) -> None:
        """Count what one transaction has changed."""
        people = {one.recipient for one in linked}
        self.imported += sum(not one.renewed or one.turned for one in linked)
        self.displaced += sum(one.displaced_chat is not None for one in linked)
        # who has got another chat in the same transaction is counted above
        self.displaced += sum(one.displaced_recipient not in {None, *people} for one in linked)
        self.skipped += sum(one.skipped for one in linked)

    def log(self) -> None:
        """Log it, a line for each."""
        tell("links_imported", self.imported)
        tell("links_displaced", self.displaced)
        tell("deliveries_skipped", self.skipped, reason=Reason.NO_LINK)
