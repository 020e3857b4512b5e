"""The series that a scrape can show, read off the metrics themselves."""

from collections.abc import Iterable
from functools import cache

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from health import Metrics

OF_THE_SCRAPE = frozenset({"job", "instance"})
"""Labels that Prometheus adds to every series."""


@cache
def exposition() -> str:
    """Show every metric with a sample of it, whatever its labels."""
    metrics = Metrics(CollectorRegistry())
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase) and metric._labelnames:
            metric.labels(*("word" for _ in metric._labelnames))
    return generate_latest(metrics.registry).decode()


@cache
def known() -> dict[str, frozenset[str]]:
    """Give each series' name, as scraped, with the labels that it may have."""
    labels: dict[str, frozenset[str]] = {}
    for family in text_string_to_metric_families(exposition()):
        for sample in family.samples:
            labels[sample.name] = labels.get(sample.name, OF_THE_SCRAPE) | frozenset(sample.labels)
    return labels


def families(names: Iterable[str]) -> set[str]:
    """Take the ends off that a histogram's series have."""
    return {name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name in names}
