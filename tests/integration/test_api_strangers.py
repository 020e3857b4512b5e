"""Strangers: every endpoint without a token, with a wrong one, with the other kind, and with another person's."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from inapp.api import build_api
from outbox import binding
from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.event_log.event import emit
from outbox.link import chat_link
from outbox.link.chat_link import How
from outbox.person import preference
from outbox.person.preference import Quiet
from outbox.relay.fan_out import step
from outbox.relay.routing import routes_of
from tests.integration.api_stage import CONSUMER_SECRET, ApiStage, api_stage
from tests.integration.stage import TYPE, Stage, payload

ANNAS_CHAT = 778_899_001_122
NO_BATCH = "00000000-0000-4000-8000-000000000000"
NOT_LINKED = {"linked": False, "state": None, "linkedAt": None, "since": None}
STREAM = "/api/notifications/stream"


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint: what to ask it for, and what somebody else than Anna gets."""

    kind: Literal["endUser", "application"] | None
    """Whose token opens it."""
    elses: tuple[int, Mapping[str, Any]]
    """For Boris, or for the application: the status, and some of the data or of the error."""
    body: object = None


ENDPOINTS = {
    "GET /api/notifications": Row("endUser", (200, {"notifications": [], "unread": 0})),
    "POST /api/notifications/{id}/read": Row("endUser", (404, {"code": "NOT_FOUND"})),
    "POST /api/notifications/read-all": Row("endUser", (200, {"unread": 0, "changed": 0})),
    "GET /api/notifications/stream": Row("endUser", (200, {})),
    "GET /api/preferences": Row("endUser", (200, {"language": None, "timeZone": None})),
    "PUT /api/preferences": Row("endUser", (200, {"language": "en"}), {"language": "en"}),
    "POST /api/telegram/binding": Row("endUser", (200, {})),
    "GET /api/telegram/link": Row("endUser", (200, NOT_LINKED)),
    "DELETE /api/telegram/link": Row("endUser", (200, NOT_LINKED)),
    "POST /api/telegram/session": Row(None, (401, {"code": "UNAUTHORIZED"}), {"initData": "user=1"}),
    "POST /api/outbox/events": Row("application", (200, {}), {"type": TYPE, "recipients": ["boris"]}),
    "POST /api/outbox/pull": Row("application", (200, {}), {"consumer": "books"}),
    "POST /api/outbox/ack": Row("application", (404, {"code": "NOT_FOUND"}), {"consumer": "bills", "batch": NO_BATCH}),
}
OPEN = {"/api/docs", "/api/openapi.json", "/api/health", "/api/health/ready", "/inbox/{file}.js"}
"""Addresses for everybody: they tell nothing of anybody."""


@pytest.fixture
async def annas(stage: Stage) -> AsyncIterator[ApiStage]:
    """Serve an API in which Anna has one of everything."""
    async with api_stage(stage.environment) as api:
        conn = stage.conn
        await chat_link.connect(conn, "anna", ANNAS_CHAT, How.START)
        await binding.request(conn, "anna")
        await preference.switch(conn, "anna", "jobs", Channel.TELEGRAM, enabled=False)
        await preference.set_quiet(conn, "anna", Quiet.HOLD)
        await emit(conn, TYPE, ["anna"], payload(1))
        await step(conn, routes_of(api.world.catalog))
        yield api


KEPT = """
select jsonb_build_array(
  (select jsonb_agg(to_jsonb(t)) from outbox.notification t where recipient = 'anna'),
  (select jsonb_agg(to_jsonb(t)) from outbox.inbox t where recipient = 'anna'),
  (select jsonb_agg(to_jsonb(t)) from outbox.delivery t where recipient = 'anna'),
  (select jsonb_agg(to_jsonb(t)) from outbox.preference t where recipient = 'anna'),
  (select jsonb_agg(to_jsonb(t)) from outbox.recipient t where recipient = 'anna'),
  (select jsonb_agg(to_jsonb(t)) from outbox.telegram_link t where recipient = 'anna'),
  (select jsonb_agg(to_jsonb(t)) from outbox.binding_request t where recipient = 'anna'),
  (select count(*) from outbox.event),
  (select count(*) from outbox.cursor)
)
"""


async def ask(api: ApiStage, label: str, token: str | None) -> tuple[int, Mapping[str, Any], Mapping[str, str]]:
    """Call an endpoint about what is Anna's; give the status, the data or the error, and the headers."""
    method, _, path = label.partition(" ")
    id_ = await api.pool.fetchval("select min(id) from outbox.notification")
    path = path.replace("{id}", str(id_))
    if path == STREAM:
        headers = api.authorization(token=token)
        async with api.session.get(f"{api.url}{path}", headers=headers) as stream:
            if stream.status == 200:
                return 200, {"event": (await stream.content.readuntil(b"\n\n")).decode()}, stream.headers
    reply = await api.call(method, path, token=token, json=ENDPOINTS[label].body)
    return reply.status, reply.body.get("data") or reply.body["error"], reply.headers


def served(routes: Iterable[Any]) -> Iterator[str]:
    """Name all addresses, also those that the document does not tell."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        yield from served(inner.routes) if inner else [route.path]


async def test_every_endpoint_is_in_the_table(api: ApiStage) -> None:
    """Each endpoint of the document stands in the table with the token it wants; what else there is, is for all."""
    async with api.session.get(f"{api.url}/api/openapi.json") as answer:
        document = await answer.json()
    told = {
        f"{method.upper()} {path}": [scheme for one in operation.get("security", ()) for scheme in one]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert told == {label: [row.kind] if row.kind else [] for label, row in ENDPOINTS.items()}
    assert set(served(build_api(api.world).routes)) - document["paths"].keys() == OPEN


async def test_who_brings_no_token_that_holds(annas: ApiStage, conn: Connection) -> None:
    """Without a token, with a wrong one or with the other kind nothing is told and nothing happens: UNAUTHORIZED."""
    others = {"endUser": CONSUMER_SECRET, "application": annas.token("anna")}
    before = await conn.fetchval(KEPT)
    for label, row in ENDPOINTS.items():
        wrong = annas.token("anna", key="another application signs with this secret")
        tokens = [None, "", "wrong", wrong, others.get(row.kind or "")]
        for token in tokens if row.kind else (*tokens, annas.token("anna"), CONSUMER_SECRET):
            status, error, headers = await ask(annas, label, token)
            assert (label, token, status, error.get("code")) == (label, token, 401, "UNAUTHORIZED")
            assert headers["WWW-Authenticate"] == "Bearer"
    assert await conn.fetchval(KEPT) == before


async def test_who_brings_another_persons_token(annas: ApiStage, conn: Connection) -> None:
    """With a token of his own Boris sees nothing of Anna's, and whatever he does hers stays as it is."""
    before = await conn.fetchval(KEPT)
    for label, row in ENDPOINTS.items():
        if row.kind == "endUser":
            status, told, _ = await ask(annas, label, annas.token("boris"))
            assert (label, status, {name: told.get(name) for name in row.elses[1]}) == (label, *row.elses)
            assert "jobs/1" not in str(told)
            assert await conn.fetchval(KEPT) == before, label


async def test_who_brings_the_right_token(annas: ApiStage, conn: Connection) -> None:
    """The application is let in with its secret, and Anna finds with her token what Boris did not."""
    for label, row in ENDPOINTS.items():
        if row.kind == "application":
            status, told, _ = await ask(annas, label, CONSUMER_SECRET)
            assert (label, status, {name: told.get(name) for name in row.elses[1]}) == (label, *row.elses)
    _, told, _ = await ask(annas, f"GET {STREAM}", annas.token("anna"))
    assert '"unread":1' in told["event"]
    assert await conn.fetchval("select count(*) from outbox.event") == 2
    status, told, _ = await ask(annas, "POST /api/notifications/{id}/read", annas.token("anna"))
    assert (status, told["unread"], told["changed"]) == (200, 0, 1)
