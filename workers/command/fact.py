"""What orders have changed, in the log: said once PostgreSQL has it, and not said where nothing has changed.

Who has ordered it is not in it, nor whom it is about: that is kept in PostgreSQL.
"""

from collections.abc import Sequence

from health import get_logger
from outbox.link import Linked
from outbox.outcome import Reason

log = get_logger()


def tell(event: str, count: int, **about: object) -> None:
    """Log that so many have changed, and what is known `about` them; what is None is left out."""
    if count:
        log.info(event, count=count, **{name: value for name, value in about.items() if value is not None})


def tell_linked(linked: Sequence[Linked]) -> None:
    """Log what linking many has changed."""
    people = {one.recipient for one in linked}
    tell("links_imported", sum(not one.renewed or one.turned for one in linked))
    lost_by_them = sum(one.displaced_chat is not None for one in linked)
    lost_by_others = sum(one.displaced_recipient not in {None, *people} for one in linked)
    tell("links_displaced", lost_by_them + lost_by_others)
    tell("deliveries_skipped", sum(one.skipped for one in linked), reason=Reason.NO_LINK)
