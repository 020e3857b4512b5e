"""Routing: where a catalog sends the events of each type, as the relay's function finds it in the database."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from outbox.catalog.load import Catalog
from outbox.database.connection import Connection
from outbox.delivery.channel import Channel


@dataclass(frozen=True, slots=True)
class Route:
    """Where the catalog sends events of one type."""

    type: str
    category: str
    channels: frozenset[Channel]
    ttl: timedelta | None = None
    """Time to live on Telegram, from the emit on, or from its deliver_at."""
    urgent: bool = False
    """May use the share of the Telegram rate that broadcasts leave free."""


class Routing(Mapping[str, Route]):
    """All routes of a catalog, by event type."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._routes = dict(routes)
        self.id = _hash(self._routes) if routes else 0
        """Names these routes in the database; 0: there are none."""

    def __getitem__(self, type_: str) -> Route:
        return self._routes[type_]

    def __iter__(self) -> Iterator[str]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)


def routes_of(catalog: Catalog) -> Routing:
    """Return where each type of the catalog goes."""
    return Routing(
        {
            name: Route(name, known.category, known.channels, known.ttl, known.urgent)
            for name, known in catalog.types.items()
        }
    )


def _hash(routes: Mapping[str, Route]) -> int:
    """Return 63 bits of a hash of all that the routes say."""
    facts = [
        [name, r.category, sorted(r.channels), None if r.ttl is None else r.ttl.total_seconds(), r.urgent]
        for name, r in sorted(routes.items())
    ]
    return int.from_bytes(hashlib.sha256(json.dumps(facts).encode()).digest()[:8]) >> 1


REGISTER = """
insert into outbox.route (routing, type, category, channels, ttl, urgent)
select $1, r.type, r.category, string_to_array(r.channels, '+'), r.ttl, r.urgent
from unnest($2::text[], $3::text[], $4::text[], $5::interval[], $6::boolean[]) r (type, category, channels, ttl, urgent)
on conflict do nothing
"""


async def register(conn: Connection, routing: Routing) -> None:
    """Write the routes where the relay's function finds them; safe to repeat."""
    routes = list(routing.values())
    await conn.execute(
        REGISTER,
        routing.id,
        list(routing),
        [route.category for route in routes],
        ["+".join(sorted(route.channels)) for route in routes],
        [route.ttl for route in routes],
        [route.urgent for route in routes],
    )
