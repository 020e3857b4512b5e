"""Spans: the work as OpenTelemetry shows it, where its SDK is set up; elsewhere nothing, and nothing of it loaded.

Like a log line a span has known attributes with harmless values only, and of an exception nothing but its class.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from health.field import class_name, clean
from health.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import SpanContext, Tracer

SDK = "opentelemetry.sdk.trace"
"""Loaded by whoever sets it up: `opentelemetry-instrument`, or a program that has us in it."""

SYSTEM = "vestnik"
ATTRIBUTES = frozenset(
    {
        # of OpenTelemetry's semantic conventions
        "messaging.system", "messaging.operation.name", "messaging.operation.type", "messaging.destination.name",
        "messaging.message.id", "messaging.batch.message_count", "error.type", "http.request.method", "http.route",
        "http.response.status_code",
        # of our own
        "vestnik.type", "vestnik.delivery_id", "vestnik.request_id", "vestnik.attempt", "vestnik.outcome",
        "vestnik.state", "vestnik.reason", "vestnik.deliveries", "vestnik.notifications",
    }
)  # fmt: skip
"""All that a span can say. Never here: recipient, chat, text, payload, path, query, address."""

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work that is under way; of one that nobody watches, all methods do nothing."""

    _span: "OtelSpan | None" = None

    def tell(self, facts: Facts) -> None:
        """Add what is known by now."""
        if self._span is not None:
            self._span.set_attributes(_attributes(facts))

    def rename(self, name: str) -> None:
        """Give it the name that only the work itself has shown."""
        if self._span is not None:
            self._span.update_name(name)

    def link(self, traceparent: str) -> None:
        """Say that the work is done for another trace too."""
        if self._span is not None:
            self._span.add_link(_remote(traceparent))

    def fail(self, reason: str) -> None:
        """Say that it came to a fault, in a word of the code."""
        if self._span is not None:
            from opentelemetry.trace import StatusCode  # noqa: PLC0415 (loaded only where spans are)

            self._span.set_status(StatusCode.ERROR, str(clean(reason)))
            self._span.set_attribute("error.type", str(clean(reason)))

    @property
    def traceparent(self) -> str | None:
        """Write what makes other work a child of this one; None where nobody watches."""
        if self._span is None or not self._span.get_span_context().is_valid:
            return None
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"


NOTHING = Span()


@dataclass(frozen=True, slots=True)
class Spans:
    """Begins spans; without a tracer it does nothing."""

    tracer: "Tracer | None" = None

    @contextmanager
    def of(self, name: str, kind: str, facts: Facts, parent: str | None = None) -> Iterator[Span]:
        """Watch the work of the block, as a child of what is under way or of a `traceparent` from elsewhere.

        `kind` is the name of an OpenTelemetry `SpanKind`. An exception that leaves the block is the span's fault.
        """
        if self.tracer is None:
            yield NOTHING
            return
        from opentelemetry.trace import SpanKind, use_span  # noqa: PLC0415 (loaded only where spans are)

        context = None if parent is None else _context(parent)
        started = self.tracer.start_span(name, context, SpanKind[kind], _attributes(facts))
        span = Span(started)
        # OpenTelemetry would write an exception's message and traceback
        with use_span(started, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except Exception as fault:
                span.fail(class_name(fault))
                raise

    def note(self, name: str, kind: str, facts: Facts, began: int) -> None:
        """Show work that is done by now, which began at this time (nanoseconds)."""
        if self.tracer is None:
            return
        from opentelemetry.context import Context  # noqa: PLC0415 (as in `of`)
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 (as in `of`)

        self.tracer.start_span(name, Context(), SpanKind[kind], _attributes(facts), start_time=began).end()


def find_spans() -> Spans:
    """Take OpenTelemetry's tracer, where somebody has set up its SDK in this process."""
    if SDK not in sys.modules:
        return Spans()
    from opentelemetry.trace import get_tracer  # noqa: PLC0415 (loaded only where spans are)

    return Spans(get_tracer(SYSTEM, VERSION))


def _attributes(facts: Facts) -> dict[str, str | int | float | bool]:
    cleaned = {name: clean(value) for name, value in facts.items() if name in ATTRIBUTES}
    return {name: value for name, value in cleaned.items() if value is not None}


def _context(traceparent: str) -> "Context":
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context  # noqa: PLC0415 (as above)

    return set_span_in_context(NonRecordingSpan(_remote(traceparent)))


def _remote(traceparent: str) -> "SpanContext":
    """Read a traceparent that the caller knows to be well-formed."""
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415 (as above)

    _, trace_id, span_id, flags = traceparent.split("-")[:4]
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
