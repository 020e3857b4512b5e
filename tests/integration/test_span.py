"""Spans: the work as OpenTelemetry sees it, in the producers' traces, with nothing of a person."""

import ast
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from health import Spans
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Decision
from outbox.delivery.outcome import Delivered
from outbox.delivery.state import State
from outbox.event_log import event
from outbox.lane import lane_claim
from outbox.relay import fan_out
from tests.integration.api_stage import ApiStage, api_stage
from tests.integration.stage import PROJECT, Stage, payload
from tests.integration.test_deliver import run
from workers.delivery.attempt import attempt
from workers.delivery.delivery_span import of_attempt, tell_attempt
from workers.slices.relay import relay_slice
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import WorkerParts

TYPE = "application.accepted"
"""A type of the sample catalog."""
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"
SAY = "select set_config('outbox.traceparent', $1, true)"
CHAT = 778_899_001_122


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Take what would go to a collector."""
    return InMemorySpanExporter()


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Iterator[Spans]:
    """Set up the SDK as a program does."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield Spans(provider.get_tracer("vestnik"))
    provider.shutdown()


@pytest.fixture
def watched(parts: WorkerParts, spans: Spans) -> WorkerParts:
    """Wire a worker whose spans are seen."""
    parts.spans = spans
    return parts


async def deliver(stage: Stage, parts: WorkerParts, *traceparents: str) -> list[int]:
    """Emit an event in each of these traces, relay them together, and deliver."""
    ids = []
    for number, said in enumerate(traceparents):
        async with stage.conn.transaction():
            await stage.conn.execute(SAY, said)
            ids.append(await event.emit(stage.conn, TYPE, ["anna"], payload(number), request_id=f"r-{number}"))
    await relay_slice(parts, Slice(parts, once=True))
    await run(parts)
    return ids


def named(exporter: InMemorySpanExporter, name: str) -> Sequence[ReadableSpan]:
    """List the spans of one name."""
    return [span for span in exporter.get_finished_spans() if span.name == name]


async def test_an_attempt_is_in_the_trace_of_its_event(
    stage: Stage, watched: WorkerParts, exporter: InMemorySpanExporter
) -> None:
    """A delivery's span is a child of the span in which the producer emitted; it says what was done and came of it."""
    await stage.people({"anna": CHAT})
    (event_id,) = await deliver(stage, watched, GOOD)
    (span,) = named(exporter, "deliver telegram")
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert (f"{span.parent.span_id:016x}", span.parent.is_remote) == (SPAN, True)
    assert (span.kind, span.status.status_code) == (SpanKind.CONSUMER, StatusCode.UNSET)
    delivery_id = await stage.conn.fetchval("select id from outbox.delivery")
    assert dict(span.attributes or {}) == {
        "messaging.system": "vestnik",
        "messaging.operation.name": "deliver",
        "messaging.operation.type": "process",
        "messaging.destination.name": "telegram",
        "messaging.message.id": str(event_id),
        "vestnik.type": TYPE,
        "vestnik.delivery_id": delivery_id,
        "vestnik.request_id": "r-0",
        "vestnik.attempt": 1,
        "vestnik.outcome": "delivered",
        "vestnik.state": "sent",
    }


async def test_a_batch_of_the_relay_stands_for_itself(
    stage: Stage, watched: WorkerParts, exporter: InMemorySpanExporter
) -> None:
    """Relaying two events is one span with their number, which is nobody's child."""
    await stage.people({"anna": CHAT})
    await deliver(stage, watched, GOOD, "")
    (span,) = named(exporter, "relay")
    assert span.parent is None
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.start_time < span.end_time
    attributes = span.attributes or {}
    assert attributes["messaging.batch.message_count"] == 2
    assert attributes["vestnik.deliveries"] == 2


@pytest.mark.parametrize("said", ["", "00-00-00-00", f"00-{'0' * 32}-{SPAN}-01"])
async def test_without_a_trace_an_attempt_begins_its_own(
    stage: Stage, watched: WorkerParts, exporter: InMemorySpanExporter, said: str
) -> None:
    """An event without a trace, or with a malformed one, is delivered in a trace of its own."""
    await stage.people({"anna": CHAT})
    await deliver(stage, watched, said)
    (span,) = named(exporter, "deliver telegram")
    assert span.parent is None
    assert await stage.states() == {"sent": 1}


async def test_a_fault_is_an_error_with_its_reason(
    stage: Stage, watched: WorkerParts, exporter: InMemorySpanExporter
) -> None:
    """A refused message makes the span an error whose words are the reason; nothing quotes the message or the chat."""
    await stage.people({"anna": CHAT})
    quoted = f"Bad Request: BUTTON_URL_INVALID Ромашка {CHAT}"
    fault = {"kind": "error", "method": "sendMessage", "code": 400, "description": quoted, "times": 2}
    await stage.order("POST", "faults", fault)
    await deliver(stage, watched, GOOD)
    (span,) = named(exporter, "deliver telegram")
    attributes = span.attributes or {}
    reason = await stage.conn.fetchval("select reason from outbox.delivery")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, reason)
    assert (attributes["error.type"], attributes["vestnik.reason"]) == (reason, reason)
    assert span.events == ()
    everything = "".join(one.to_json() for one in exporter.get_finished_spans())
    for secret in ("anna", str(CHAT), "Ромашка", watched.settings.secret("TELEGRAM_BOT_TOKEN")):
        assert secret not in everything


async def test_an_exception_leaves_only_its_class(
    stage: Stage, watched: WorkerParts, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What breaks an attempt off is named by its class: message and traceback stay inside."""

    async def breaks(*_: object, **__: object) -> None:
        raise LookupError(f"anna has chat {CHAT}")

    await stage.people({"anna": CHAT})
    await stage.emit(1, "anna")
    await fan_out.step(stage.conn, watched.routes)
    (claimed,) = await lane_claim.claim(stage.conn, Channel.TELEGRAM, 1)
    monkeypatch.setattr("workers.delivery.attempt._send", breaks)
    with pytest.raises(LookupError):
        await attempt(watched, claimed)
    (span,) = named(exporter, "deliver telegram")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "LookupError")
    assert str(CHAT) not in span.to_json()


async def test_a_message_that_lists_many_is_linked_to_their_traces(
    stage: Stage, watched: WorkerParts, exporter: InMemorySpanExporter
) -> None:
    """The span of a digest is in the trace of its first event, and linked to those of the others that have one."""
    await stage.emit(1, "anna")
    await stage.people({"anna": CHAT})
    await fan_out.step(stage.conn, watched.routes)
    (head,) = await lane_claim.claim(stage.conn, Channel.TELEGRAM, 1)
    carried = [replace(head, traceparent=said) for said in (f"00-{1:032x}-{2:016x}-01", None, "malformed")]
    with of_attempt(watched.spans, replace(head, traceparent=GOOD)) as span:
        tell_attempt(span, Delivered(1), Decision(State.SENT, 0), carried)
    (seen,) = named(exporter, "deliver telegram")
    assert seen.context is not None
    assert f"{seen.context.trace_id:032x}" == TRACE
    assert [(link.context.trace_id, link.context.span_id) for link in seen.links] == [(1, 2)]
    assert (seen.attributes or {})["messaging.batch.message_count"] == 4


@pytest.fixture
async def api(stage: Stage, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiStage]:
    """Serve the HTTP API with spans that are seen."""
    monkeypatch.setattr("workers.serving.api_process.find_spans", lambda: spans)
    async with api_stage(stage.environment) as made:
        yield made


async def test_an_emit_over_http_passes_its_span_on(
    api: ApiStage, stage: Stage, exporter: InMemorySpanExporter
) -> None:
    """A request continues its caller's trace, and its events are children of the request's own span."""
    given = {"type": TYPE, "recipients": ["anna"], "payload": payload(1)}
    await api.application("POST", "/api/outbox/events", json=given, headers={"traceparent": GOOD})
    (span,) = exporter.get_finished_spans()
    assert span.context is not None
    assert span.parent is not None
    assert (span.name, span.kind) == ("POST /api/outbox/events", SpanKind.SERVER)
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, SPAN)
    stored = await stage.conn.fetchval("select traceparent from outbox.event")
    assert stored == f"00-{TRACE}-{span.context.span_id:016x}-01"


async def test_a_request_is_a_span_without_its_path(api: ApiStage, exporter: InMemorySpanExporter) -> None:
    """A span is named by the pattern of the path, never by the path or the query; probes have none."""
    await api.get("/api/notifications?category=Anna")
    await api.post("/api/notifications/778899001122/read", "anna")
    await api.get("/api/anna@example.org")
    await api.get("/api/health?who=anna")
    assert [
        (span.name, (span.attributes or {})["http.response.status_code"]) for span in exporter.get_finished_spans()
    ] == [
        ("GET /api/notifications", 401),
        ("POST /api/notifications/:id/read", 404),
        ("GET", 404),
    ]
    everything = "".join(span.to_json() for span in exporter.get_finished_spans()).lower()
    assert "anna" not in everything
    assert "778899001122" not in everything


def python(program: str) -> str:
    """Run a program of its own: what it loads and sets up holds for a whole process."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()


def test_without_the_package_nothing_is_loaded_and_nothing_missed() -> None:
    """A worker's parts work where OpenTelemetry cannot be imported, and do not try where nobody has set it up."""
    program = """
import sys
sys.modules["opentelemetry"] = None  # every import of it fails
from health import find_spans
import workers.slices.deliver, workers.delivery.delivery_span, workers.slices.relay
spans = find_spans()
with spans.of("deliver telegram", "CONSUMER", {}) as span:
    span.tell({"vestnik.type": "t"}); span.fail("markup"); span.link("x"); span.rename("y")
spans.note("relay", "CONSUMER", {}, 1)
print(span.traceparent, [name for name in sys.modules if name.startswith("opentelemetry.")])
"""
    assert python(program) == "None []"


def test_who_has_set_it_up_has_our_spans_and_no_others() -> None:
    """With a provider for the whole process our tracer is found, and FastAPI, which would tell queries, is silent."""
    program = """
import asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
from prometheus_client import CollectorRegistry
from health import Health, build_app, find_spans
app, answers = build_app(Health("api", "a1", ()), CollectorRegistry()), []
scope = {"type": "http", "method": "GET", "path": "/api/health", "query_string": b"who=anna", "headers": [],
         "http_version": "1.1", "scheme": "http", "root_path": ""}
async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}
async def send(message):
    answers.append(message.get("status"))
asyncio.run(app(scope, receive, send))
find_spans().note("relay", "CONSUMER", {}, 1)
print(answers[0], [span.name for span in exporter.get_finished_spans()])
"""
    assert python(program) == "200 ['relay']"


def test_every_application_is_silent_but_for_our_spans() -> None:
    """No FastAPI of the project is made without being told to leave telemetry alone."""
    calls = [
        call
        for folder in ("health", "inapp", "telegram", "workers")
        for file in (PROJECT / folder).rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "FastAPI"
    ]
    told = [ast.unparse(word.value) for call in calls for word in call.keywords if word.arg == "telemetry"]
    assert told == ["NO_TELEMETRY"] * len(calls)
    assert len(calls) == 5
