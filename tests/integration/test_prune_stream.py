"""What an open inbox shows of notifications that are taken away."""

from datetime import timedelta

from outbox.database.connection import Connection
from outbox.prune.event_prune import Ages, cutoff, prune
from tests.integration.api_stage import ApiStage
from tests.integration.inboxes import counted, ids
from tests.integration.stream_client import relayed, streaming

NONE, YEAR = timedelta(0), timedelta(days=365)
PATH = "/api/notifications"


async def test_a_stream_is_told_to_load_anew(api: ApiStage, conn: Connection) -> None:
    """Who follows an inbox when unread notifications go gets the new counter, and is told to load the list anew."""
    for number in (1, 2):
        await relayed(conn, None, number, "alice")
    await conn.execute("update outbox.delivery set state = 'sent' where phase = 'open'")
    before = await cutoff(conn, Ages(NONE, NONE))
    async with streaming(api, "alice") as client:
        assert (await client.told()).counter == (2, 2)
        await relayed(conn, api.world.signal, 3, "alice")
        assert (await client.told()).counter == (3, 3)
        assert (await prune(conn, before)).unread == 2
        told = await client.told()
    assert told.counter == (5, 1)
    assert (told.data["complete"], told.data["notifications"]) == (False, [])
    listed = (await api.get(PATH, "alice")).data
    assert ([one["link"][-1] for one in listed["notifications"]], listed["unread"]) == (["3"], 1)

    # whoever comes back with a version from before it is told the same; from after it, nothing is lacking
    async with streaming(api, "alice", since=3) as client:
        assert (await client.told()).data["complete"] is False
    async with streaming(api, "alice", since=5) as client:
        assert (await client.told()).data["complete"] is True


async def test_what_was_read_goes_in_silence(api: ApiStage, conn: Connection) -> None:
    """Read notifications that go change neither counter nor version; one that is still shown cannot be read again."""
    await relayed(conn, None, 1, "alice")
    (shown,) = await ids(conn, "alice")
    await api.post(f"{PATH}/read-all", as_="alice")
    assert (await prune(conn, await cutoff(conn, Ages(NONE, YEAR)))).notifications == 1
    assert await counted(conn, "alice") == (0, 2, 0)
    assert (await api.post(f"{PATH}/{shown}/read", as_="alice")).status == 404
