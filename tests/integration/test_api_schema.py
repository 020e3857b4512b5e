"""The OpenAPI document against the API: what it says is what is answered, also to what nobody would send."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.openapi import from_dict
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from outbox.event_log.event import emit
from outbox.relay.fan_out import step
from outbox.relay.routing import routes_of
from tests.integration.api_stage import CONSUMER_SECRET, ApiStage, Reply, api_stage, assert_enveloped
from tests.integration.stage import TYPE, Stage, payload
from tests.integration.test_fan_out import link

EXAMPLES = 6
"""Requests for each endpoint that keep to the document, and as many that do not."""
ENDLESS = "/api/notifications/stream"
PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
REPEATABLE = hypothesis_settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One endpoint, to be tried with what schemathesis makes up."""

    operation: APIOperation[Any, Any, Any, Any]
    mode: GenerationMode
    url: str
    token: str

    def run(self, examples: int) -> None:
        """Make the requests; the first answer that breaks a promise is raised."""

        @hypothesis_settings(REPEATABLE, max_examples=examples)
        @given(case=self.operation.as_strategy(self.mode))
        def attempt(case: Any) -> None:
            self._ask(case)

        attempt()

    def _ask(self, case: Any) -> None:
        body = case.body
        if isinstance(body, dict) and isinstance(body.get("waitSeconds"), int | float):
            # it would be waited for
            body["waitSeconds"] = min(0, body["waitSeconds"])
        response = case.call(self.url, headers={"Authorization": f"Bearer {self.token}"})
        assert_enveloped(Reply(response.status_code, _flat(response.headers), response.json()))
        case.validate_response(response, checks=PROMISES)


def _flat(headers: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[0] for name, values in headers.items()}


def trials(document: dict[str, Any], api: ApiStage) -> Iterator[Trial]:
    """Try every endpoint with the kind of token that the document says."""
    tokens = {"endUser": api.token("anna"), "application": CONSUMER_SECRET}
    for found in from_dict(document).get_all_operations():
        operation: APIOperation[Any, Any, Any, Any] = found.ok()  # type: ignore[union-attr]  # else it is no test
        told = document["paths"][operation.path][operation.method]
        (scheme,) = told.get("security", [{"endUser": []}])[0]
        if operation.path != ENDLESS:
            for mode in GenerationMode:
                yield Trial(operation, mode, api.url, tokens[scheme])


async def test_every_answer_is_as_the_document_says(stage: Stage) -> None:
    """No request gets a 5xx, an answer outside the envelope, or one that the document does not describe."""
    async with api_stage(stage.environment) as api:
        await link(stage.conn, ["anna"])
        await emit(stage.conn, TYPE, ["anna"], payload(1))
        await step(stage.conn, routes_of(api.world.catalog))
        async with api.session.get(f"{api.url}/api/openapi.json") as answer:
            document = await answer.json()
        assert document["openapi"].startswith("3.1.")
        for trial in trials(document, api):
            # hypothesis and its client of HTTP do not know asyncio
            await asyncio.to_thread(trial.run, EXAMPLES)
