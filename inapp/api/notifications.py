"""Notifications: an end user's inbox, page by page, and what they have read."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import Field, StrictInt

from health import get_logger
from inapp import notification, page_cursor, reading
from inapp.api.access import NEEDS_SESSION, Person, World
from inapp.api.dependencies import Dependencies
from inapp.api.envelope import Answer, Model, answer, responses
from inapp.api.error import ApiError, Code
from inapp.notification import LIMIT, Notification
from inapp.page_cursor import PageCursorError
from inapp.reading import Read

log = get_logger()
router = APIRouter(prefix="/api/notifications", tags=["notifications"])

MOST = 100
"""Notifications on one page."""
LONGEST_CATEGORY = 200
NO_NUL = r"^[^\x00]*$"
"""PostgreSQL's text holds every character but this one."""


class Shown(Model):
    """One notification, in the person's language."""

    id: int
    type: str
    category: str
    title: str
    body: str
    link: str | None = Field(description="A whole web address, or a path of the application itself.")
    created_at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, one: Notification) -> Self:
        """Take what people see."""
        return cls(
            id=one.id,
            type=one.type,
            category=one.category,
            title=one.title,
            body=one.body,
            link=one.link,
            created_at=one.created_at,
            read_at=one.read_at,
        )


class Inbox(Model):
    """One page of an inbox, with its counter and version of the same moment."""

    notifications: list[Shown] = Field(description="Newest first.")
    next_cursor: str | None = Field(description="For the next page; null on the last one.")
    unread: int = Field(description="All unread notifications of the person, on this page or not.")
    version: int = Field(description="Grows by one with each notification that comes or is read.")


class ReadAnswer(Model):
    """How the inbox stands after the reading."""

    unread: int
    version: int
    changed: int = Field(description="Notifications that were unread until now.")


class ReadAll(Model):
    """What to read, where it is not all."""

    up_to: StrictInt | None = Field(
        default=None, description="Id of the newest notification that was seen: what has come since stays unread."
    )


@router.get("", summary="Page through the inbox, newest first", responses=responses(*NEEDS_SESSION))
async def list_notifications(  # noqa: PLR0913, PLR0917 (parameters of the query, and handed in by name)
    person: Person,
    world: World,
    limit: Annotated[int, Query(ge=1, le=MOST)] = LIMIT,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
    unread: Annotated[bool, Query(description="Only what is unread.")] = False,  # noqa: FBT002 (a query's parameter)
    category: Annotated[str | None, Query(max_length=LONGEST_CATEGORY, pattern=NO_NUL)] = None,
) -> Answer[Inbox]:
    """Give notifications, the unread counter and the version of one moment."""
    before = None if cursor is None else _last_of(cursor)
    async with world.pool.acquire() as conn:
        page = await notification.page(
            conn, world.catalog, person, before=before, limit=limit, unread=unread, category=category
        )
    shown = [Shown.of(one) for one in page.notifications]
    next_cursor = page_cursor.write(shown[-1].id) if page.more else None
    return answer(Inbox(notifications=shown, next_cursor=next_cursor, unread=page.unread, version=page.version))


@router.post("/read-all", summary="Read all notifications", responses=responses(*NEEDS_SESSION))
async def read_all(person: Person, world: World, wanted: ReadAll | None = None) -> Answer[ReadAnswer]:
    """Mark every notification as read, or those up to an id; again is the same as once."""
    up_to = notification.LAST_ID if wanted is None or wanted.up_to is None else wanted.up_to
    async with world.pool.acquire() as conn:
        done = await reading.read_all(conn, person, up_to)
    return _answer(world, person, done)


@router.post("/{id}/read", summary="Read one notification", responses=responses(*NEEDS_SESSION, Code.NOT_FOUND))
async def read_one(person: Person, world: World, id: int) -> Answer[ReadAnswer]:  # noqa: A002 (the path's name)
    """Mark one notification as read; again is the same as once."""
    async with world.pool.acquire() as conn:
        done = await reading.read_one(conn, person, id)
    if done is None:
        raise ApiError(Code.NOT_FOUND, "there is no such notification of theirs")
    return _answer(world, person, done)


def _answer(world: Dependencies, person: str, done: Read) -> Answer[ReadAnswer]:
    """Say how the inbox stands, and tell the other windows of the person."""
    if done.changed:
        log.info("notifications_read", count=done.changed)
        world.signal.send([person])
    return answer(ReadAnswer(unread=done.unread, version=done.version, changed=done.changed))


def _last_of(cursor: str) -> int:
    try:
        return page_cursor.read(cursor)
    except PageCursorError as fault:
        raise ApiError(Code.VALIDATION_ERROR, f"cursor: {fault}") from None
