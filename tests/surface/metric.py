"""Metrics: name as scraped, type, labels, help, and a histogram's buckets."""

from collections.abc import Iterator

from prometheus_client.metrics import Histogram, MetricWrapperBase

from tests.surface.product import metrics


def listed() -> str:
    """Write down each metric."""
    ordered = sorted(metrics(), key=lambda metric: metric._name)
    return "\n".join(line for metric in ordered for line in _lines(metric))


def _lines(metric: MetricWrapperBase) -> Iterator[str]:
    name = f"{metric._name}_total" if metric._type == "counter" else metric._name
    yield f"{name} {metric._type} {{{', '.join(metric._labelnames)}}}"
    yield f"  {metric._documentation}"
    if isinstance(metric, Histogram):
        bounds = metric._kwargs["buckets"]
        yield f"  buckets: {', '.join(f'{bound:g}' for bound in bounds)}"
    yield ""
