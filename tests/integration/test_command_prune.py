"""`vestnik prune` as an operator types it."""

from datetime import timedelta

from outbox.cursor import consumer
from tests.integration.inboxes import MESSAGE, notify
from tests.integration.stage import Stage

HOUR = timedelta(hours=1)
REMOVED = {"events": 0, "deliveries": 0, "notifications": 0, "unread": 0, "ended_links": 0, "binding_requests": 0}


async def test_prune_tells_what_goes_and_who_holds_the_rest(stage: Stage) -> None:
    """Options go before settings; a consumer that holds events back is warned of with the command that drops it."""
    await notify(stage.conn, 2, "ann", type_=MESSAGE)
    assert stage.run("prune", "--json").facts == {"dry_run": False, "removed": REMOVED, "kept": {}, "behind": {}}

    await consumer.pull(stage.conn, "billing", 1, HOUR)
    held = stage.run("prune", "--json", RETENTION="0s", RETENTION_UNREAD="0s")
    assert (held.code, held.facts["removed"], held.facts["kept"]) == (0, REMOVED, {"consumer": 2})
    assert held.facts["behind"] == {"billing": 2}
    assert held.complaint == (
        "consumer 'billing' has not read 2 events that could go: let it pull, "
        "or forget it with `vestnik cursor drop billing`"
    )

    await consumer.drop(stage.conn, "billing")
    ages = ("--older-than", "0s", "--unread-older-than", "0s")
    told = stage.run("prune", "--dry-run", "--json", *ages)
    going = {**REMOVED, "events": 2, "notifications": 2, "unread": 2}
    assert told.facts == {"dry_run": True, "removed": going, "kept": {}, "behind": {}}
    done = stage.run("prune", *ages)
    assert (done.code, done.told) == (0, ["events_pruned"])
    assert [word in done.out for word in ("removed", "notifications", "ended links")] == [True] * 3
    assert stage.run("prune", "--older-than", "30").complaint.startswith("--older-than 30 is malformed: it must be")


async def test_prune_ends_when_postgresql_is_out_of_reach(stage: Stage) -> None:
    """A PostgreSQL that does not answer is exit code 2, as for every command."""
    assert stage.run("prune", DATABASE_URL="postgresql://a@127.0.0.1:1/b").code == 2
