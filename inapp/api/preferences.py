"""Preferences: what an end user wants to get, how, and when."""

from datetime import time
from typing import Annotated

from fastapi import APIRouter
from pydantic import ConfigDict, Field, StrictBool, StringConstraints

from health import get_logger
from inapp import preference_view
from inapp.api.access import NEEDS_SESSION, Person, World
from inapp.api.envelope import Answer, Model, answer, responses
from inapp.api.error import ApiError, Code
from outbox.catalog.language import language_key
from outbox.catalog.load import Catalog
from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Reason
from outbox.delivery.time_zone import find_zone
from outbox.person import preference as store
from outbox.person.preference import Preferences, Quiet, Switch

log = get_logger()
router = APIRouter(prefix="/api/preferences", tags=["preferences"])

Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""Local time, hours and minutes."""


class QuietHours(Model):
    """When Telegram messages come without a sound or are held, in the person's time zone."""

    mode: Quiet = Field(description="`silent`: without a sound; `hold`: when the hours are over; `off`: as ever")
    from_: Clock = Field(alias="from", examples=["22:00"])
    until: Clock = Field(description="earlier than `from`: midnight lies between", examples=["08:00"])


class CategoryPreference(Model):
    """One category, and where it goes."""

    category: str = Field(examples=["jobs"])
    name: str = Field(description="in the person's language", examples=["Jobs"])
    channels: dict[Channel, bool] = Field(
        description="whether it is on; only channels that the category uses",
        examples=[{"telegram": True, "inapp": True}],
    )


class PersonPreferences(Model):
    """All that a person can choose."""

    language: str | None = Field(description="chosen; null: the application's word for it holds", examples=["en"])
    languages: list[str] = Field(description="those that the texts exist in", examples=[["en", "ru"]])
    time_zone: str | None = Field(
        description="chosen, as in the IANA database; null: the application's word for it holds",
        examples=["Europe/Riga"],
    )
    quiet_hours: QuietHours
    categories: list[CategoryPreference]


class Change(Model):
    """A change; what it does not name stays as it is."""

    model_config = ConfigDict(extra="forbid")


class QuietHoursChange(Change):
    """A change of the quiet hours."""

    mode: Quiet | None = None
    from_: Clock | None = Field(None, alias="from", examples=["22:00"])
    until: Clock | None = Field(None, examples=["08:00"])


class CategoryChange(Change):
    """A change of one category."""

    category: str = Field(examples=["jobs"])
    name: str | None = Field(None, description="taken, and of no effect")
    channels: dict[Channel, StrictBool] = Field(examples=[{"telegram": False}])


class PreferencesChange(Change):
    """What shall be different; the whole answer of GET is one, too."""

    language: str | None = Field(None, description="one of `languages`; null takes the choice back", examples=["en"])
    languages: list[str] | None = Field(None, description="taken, and of no effect")
    time_zone: str | None = Field(
        None, description="as in the IANA database; null takes the choice back", examples=["Europe/Riga"]
    )
    quiet_hours: QuietHoursChange = QuietHoursChange()
    categories: list[CategoryChange] = Field(default_factory=list)


@router.get("", responses=responses(*NEEDS_SESSION))
async def get_preferences(person: Person, world: World) -> Answer[PersonPreferences]:
    """Show what the person has chosen, and what there is to choose."""
    async with world.pool.acquire() as conn:
        return answer(_shown(await store.read(conn, person), world.catalog))


@router.put("", responses=responses(*NEEDS_SESSION))
async def put_preferences(change: PreferencesChange, person: Person, world: World) -> Answer[PersonPreferences]:
    """Change all that is named, or nothing; what waits on Telegram follows at once."""
    switches = _read_switches(change, world.catalog)
    language, zone = _read_language(change, world.catalog), _read_zone(change)
    async with world.pool.acquire() as conn, conn.transaction():
        before = await store.read(conn, person)
        # lanes before people, as everywhere: the language locks no lane
        skipped = await store.switch_all(conn, person, switches) if switches else 0
        await _change_hours(conn, person, change.quiet_hours)
        if "time_zone" in change.model_fields_set:
            await store.set_zone(conn, person, zone)
        if "language" in change.model_fields_set:
            await store.set_language(conn, person, language)
        chosen = await store.read(conn, person)
    if chosen != before:
        log.info("preferences_changed")
    if skipped:
        log.info("deliveries_skipped", reason=Reason.MUTED, count=skipped)
    return answer(_shown(chosen, world.catalog))


async def _change_hours(conn: Connection, person: str, hours: QuietHoursChange) -> None:
    if hours.model_fields_set:
        await store.set_quiet(conn, person, hours.mode, _time(hours.from_), _time(hours.until))


def _time(clock: str | None) -> time | None:
    return None if clock is None else time.fromisoformat(clock)


def _read_switches(change: PreferencesChange, catalog: Catalog) -> list[Switch]:
    known = preference_view.channels_of(catalog)
    switches = []
    for place, one in enumerate(change.categories):
        if one.category not in known:
            raise _invalid(f"categories[{place}].category", f"there are {', '.join(known)}")
        if not known[one.category].issuperset(one.channels):
            used = ", ".join(channel for channel in Channel if channel in known[one.category])
            raise _invalid(f"categories[{place}].channels", f"{one.category} goes to {used} only")
        switches += preference_view.switch(catalog, one.category, one.channels)
    return switches


def _read_language(change: PreferencesChange, catalog: Catalog) -> str | None:
    if change.language is None:
        return None
    found = catalog.languages.get(language_key(change.language))
    if found is None:
        raise _invalid("language", f"there are {', '.join(_languages(catalog))}")
    return found.name


def _read_zone(change: PreferencesChange) -> str | None:
    if change.time_zone is not None and find_zone(change.time_zone) is None:
        raise _invalid("timeZone", "it is no time zone of the IANA database")
    return change.time_zone


def _invalid(field: str, words: str) -> ApiError:
    return ApiError(Code.VALIDATION_ERROR, f"{field}: {words}")


def _languages(catalog: Catalog) -> list[str]:
    return [language.name for language in catalog.languages.values()]


def _shown(chosen: Preferences, catalog: Catalog) -> PersonPreferences:
    names = catalog.language(chosen.language or chosen.locale).categories
    return PersonPreferences(
        language=preference_view.chosen_language(chosen, catalog),
        languages=_languages(catalog),
        time_zone=chosen.zone,
        quiet_hours=QuietHours(
            mode=chosen.quiet, from_=f"{chosen.quiet_from:%H:%M}", until=f"{chosen.quiet_until:%H:%M}"
        ),
        categories=[
            CategoryPreference(category=category, name=names[category], channels=channels)
            for category, channels in preference_view.switches(chosen, catalog).items()
        ],
    )
