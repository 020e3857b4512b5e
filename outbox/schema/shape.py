"""The shape of the schema: what stands in it, and how that differs from what the migrations give.

What the migrations of this version give is kept in `migrations/shape.json`, since production has no second database to
make them in. Not looked at, for it is the operator's: rights of other roles, comments, statistics targets, tablespaces.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from outbox.database.connection import Connection
from outbox.schema.shape_sql import QUESTIONS

FILE = "shape.json"
TUNED = frozenset({"options"})
"""Traits that operators tune: a difference is worth a line, and no fault."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One table, column, index, function, right, and so on."""

    kind: str
    name: str
    part_of: str
    """The name of the thing that it comes and goes with, or nothing."""
    traits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a schema is not what the migrations give."""

    kind: str
    name: str
    what: str
    """`missing`, `not ours`, or the trait that differs."""
    expected: str | None = None
    found: str | None = None

    @property
    def tuned(self) -> bool:
        """Tell whether it is the operator's to decide, and so no drift."""
        return self.what in TUNED

    def __str__(self) -> str:
        """Say it in one line."""
        said = f"{self.kind} {self.name}: {self.what}"
        if self.expected is None and self.found is None:
            return said
        return f"{said}: expected {self.expected or 'none'}, found {self.found or 'none'}"


async def describe(conn: Connection) -> list[Thing]:
    """Read what stands in the schema; changes nothing."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        # PostgreSQL names the schema in what it prints only where no search path finds it
        await conn.execute("set local search_path = pg_catalog")
        rows = [row for question in QUESTIONS for row in await conn.fetch(question)]
    return [_thing(row["kind"], row["name"], row["part_of"], row["traits"]) for row in rows]


def expected() -> list[Thing]:
    """Read what the migrations of this version give."""
    kept = json.loads((files("outbox.migrations") / FILE).read_text(encoding="utf-8"))
    return [Thing(kind, name, part_of, traits) for kind, name, part_of, traits in kept]


def written(things: Iterable[Thing]) -> str:
    """Write a shape as the file that keeps it: one line each, so that a change reads well."""
    kept = sorted((thing.kind, thing.name, thing.part_of, dict(thing.traits)) for thing in things)
    lines = (json.dumps(thing, ensure_ascii=False, sort_keys=True) for thing in kept)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def differences(wanted: Iterable[Thing], found: Iterable[Thing]) -> list[Difference]:
    """Compare two shapes; what is missing or not ours is named once, without its parts."""
    ours = {(thing.kind, thing.name): thing for thing in wanted}
    theirs = {(thing.kind, thing.name): thing for thing in found}
    both = sorted(ours.keys() & theirs.keys())
    changed = [difference for key in both for difference in _changes(ours[key], theirs[key])]
    return _only_in(ours, theirs, "missing") + _only_in(theirs, ours, "not ours") + changed


async def drift(conn: Connection) -> list[Difference]:
    """Name each difference between the schema and what the migrations of this version give."""
    return differences(expected(), await describe(conn))


Things = Mapping[tuple[str, str], Thing]


def _only_in(here: Things, there: Things, what: str) -> list[Difference]:
    only = [here[key] for key in sorted(here.keys() - there.keys())]
    names = {thing.name for thing in only}
    return [Difference(thing.kind, thing.name, what) for thing in only if thing.part_of not in names]


def _changes(ours: Thing, theirs: Thing) -> list[Difference]:
    traits = sorted(ours.traits.keys() | theirs.traits.keys())
    pairs = [(trait, ours.traits.get(trait), theirs.traits.get(trait)) for trait in traits]
    return [Difference(ours.kind, ours.name, trait, was, now) for trait, was, now in pairs if was != now]


def _thing(kind: str, name: str, part_of: str, traits: Mapping[str, str | None]) -> Thing:
    return Thing(kind, name, part_of, {trait: value for trait, value in traits.items() if value})
