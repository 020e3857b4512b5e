"""GET /api/notifications: the inbox, page by page."""

import base64

from outbox.database.connection import Connection
from outbox.person.recipient import Profile, save
from tests.integration.api_stage import ApiStage
from tests.integration.inboxes import MESSAGE, ids, notify

PATH = "/api/notifications"


async def test_a_notification_says_all_that_people_see(api: ApiStage, conn: Connection) -> None:
    """A notification has id, type, category, title, body, link and times, in the language of its reader."""
    await save(conn, [Profile("ann", locale="en")])
    await notify(conn, 1, "ann", "bob")
    reply = await api.get(PATH, as_="ann")
    assert (reply.status, reply.data["unread"], reply.data["version"], reply.data["nextCursor"]) == (200, 1, 1, None)
    (shown,) = reply.data["notifications"]
    assert shown.pop("createdAt").endswith("Z")
    assert shown == {
        "id": (await ids(conn, "ann"))[0],
        "type": "payout.paid",
        "category": "money",
        "title": "Payout sent: 10.00\N{NO-BREAK SPACE}RUB",
        "body": "Job: Ролик (Ромашка).",
        "link": "https://market.example/jobs/1",
        "readAt": None,
    }
    (russian,) = (await api.get(PATH, as_="bob")).data["notifications"]
    assert russian["title"].startswith("Выплата отправлена: ")


async def test_an_inbox_that_got_nothing_is_empty(api: ApiStage, conn: Connection) -> None:
    """Somebody unknown has an empty inbox at version 0; others' notifications are not theirs."""
    await notify(conn, 2, "bob")
    data = (await api.get(PATH, as_="ann")).data
    assert data == {"notifications": [], "nextCursor": None, "unread": 0, "version": 0}


async def walk(api: ApiStage, recipient: str, **asked: str) -> list[list[int]]:
    """Follow the cursors from page to page: the ids of each."""
    pages: list[list[int]] = []
    cursor = None
    while not pages or cursor is not None:
        given = asked if cursor is None else {**asked, "cursor": cursor}
        data = (await api.get(PATH, as_=recipient, params=given)).data
        pages.append([one["id"] for one in data["notifications"]])
        cursor = data["nextCursor"]
    return pages


async def test_pages_go_from_the_newest_to_the_oldest(api: ApiStage, conn: Connection) -> None:
    """Pages follow each other without a gap or a repetition, newest first; the last one has no cursor."""
    await notify(conn, 6, "ann", "bob")
    a, b, c, d, e, f = await ids(conn, "ann")
    assert await walk(api, "ann", limit="4") == [[f, e, d, c], [b, a]]
    assert await walk(api, "ann", limit="3") == [[f, e, d], [c, b, a]]
    assert await walk(api, "ann") == [[f, e, d, c, b, a]]


async def test_what_comes_while_somebody_pages_shifts_nothing(api: ApiStage, conn: Connection) -> None:
    """The next page goes on where the last one ended, although newer notifications have come."""
    await notify(conn, 4, "ann")
    a, b, c, d = await ids(conn, "ann")
    first = (await api.get(PATH, as_="ann", params={"limit": "2"})).data
    await notify(conn, 3, "ann")
    second = (await api.get(PATH, as_="ann", params={"limit": "2", "cursor": first["nextCursor"]})).data
    assert [one["id"] for one in first["notifications"] + second["notifications"]] == [d, c, b, a]
    assert (second["nextCursor"], second["unread"], second["version"]) == (None, 7, 7)


async def test_unread_and_category_leave_out_the_others(api: ApiStage, conn: Connection) -> None:
    """Pages of what is unread, of a category, or of both have those alone; the counter still counts all."""
    await notify(conn, 3, "ann")
    await notify(conn, 3, "ann", type_=MESSAGE)
    a, b, c, d, e, f = await ids(conn, "ann")
    for one in (b, e):
        await api.post(f"{PATH}/{one}/read", as_="ann")
    assert await walk(api, "ann", limit="3", unread="true") == [[f, d, c], [a]]
    assert await walk(api, "ann", limit="2", category="messages") == [[f, e], [d]]
    assert await walk(api, "ann", unread="true", category="money") == [[c, a]]
    assert await walk(api, "ann", category="nothing") == [[]]
    reply = await api.get(PATH, as_="ann", params={"category": "nothing", "unread": "true"})
    assert (reply.data["unread"], reply.data["version"]) == (4, 8)


def encoded(data: bytes) -> str:
    """Write bytes as cursors are written."""
    return base64.urlsafe_b64encode(data).decode()


NO_CURSORS = [
    "",
    "7",
    "не число",
    encoded(b"\x02" + bytes(7) + b"\x07"),
    encoded(b"\x01" + bytes(8)),
    encoded(b"\x01" + b"\xff" * 8),
    encoded(b"\x01" + bytes(8) + b"\x07"),
    encoded(b"\x01" + bytes(7) + b"\x07") + "=",
    "A" * 2000,
]


async def test_a_cursor_of_no_page_is_refused(api: ApiStage) -> None:
    """A cursor that no page ended with is a VALIDATION_ERROR that names it."""
    for cursor in NO_CURSORS:
        reply = await api.get(PATH, as_="ann", params={"cursor": cursor})
        assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
        assert reply.message == "cursor: it is none that a page was given with"


OUT_OF_RANGE = [
    ("limit", "0"),
    ("limit", "101"),
    ("limit", "ten"),
    ("unread", "maybe"),
    ("category", "a\0b"),
    ("category", "c" * 201),
]


async def test_a_parameter_out_of_range_is_refused(api: ApiStage) -> None:
    """A limit outside 1 to 100, or a filter that is none, is a VALIDATION_ERROR that names it."""
    for field, value in OUT_OF_RANGE:
        reply = await api.get(PATH, as_="ann", params={field: value})
        assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
        assert f"{field}: " in reply.message


async def test_the_inbox_shows_what_can_be_said(api: ApiStage, conn: Connection) -> None:
    """A notification whose texts lack a field, or whose event is gone, is shown under its category's name."""
    await save(conn, [Profile("ann", locale="en")])
    await notify(conn, 2, "ann")
    await conn.execute("update outbox.event set payload = '{}' where id = 1")
    await conn.execute("delete from outbox.event where id = 2")
    shown = (await api.get(PATH, as_="ann")).data["notifications"]
    assert [(one["title"], one["body"], one["link"]) for one in shown] == [("Money", "", None)] * 2
