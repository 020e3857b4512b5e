from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from health import VERSION, Metrics

# The contract's metrics, by hand: name as scraped, type, labels.
CONTRACT = {
    ("vestnik_events_relayed_total", "counter", ("type",)),
    ("vestnik_deliveries_total", "counter", ("channel", "outcome", "reason")),
    ("vestnik_delivery_latency_seconds", "histogram", ("channel",)),
    ("vestnik_relay_lag_seconds", "gauge", ()),
    ("vestnik_events_waiting", "gauge", ("reason",)),
    ("vestnik_unrouted_oldest_seconds", "gauge", ()),
    ("vestnik_oldest_due_seconds", "gauge", ("channel",)),
    ("vestnik_backlog", "gauge", ("channel", "state")),
    ("vestnik_dead_letter_oldest_seconds", "gauge", ("channel",)),
    ("vestnik_possible_duplicates_total", "counter", ("channel",)),
    ("vestnik_lease_lost_total", "counter", ()),
    ("vestnik_telegram_requests_total", "counter", ("method", "status")),
    ("vestnik_telegram_request_seconds", "histogram", ()),
    ("vestnik_messages_degraded_total", "counter", ("part", "type")),
    ("vestnik_telegram_rate", "gauge", ()),
    ("vestnik_telegram_gate_closed", "gauge", ("scope",)),
    ("vestnik_limiter_denied_total", "counter", ("scope",)),
    ("vestnik_updates_total", "counter", ("kind", "outcome")),
    ("vestnik_replies_dropped_total", "counter", ("reason",)),
    ("vestnik_webhook_refused_total", "counter", ()),
    ("vestnik_oldest_open_transaction_seconds", "gauge", ()),
    ("vestnik_outbox_bytes", "gauge", ("table",)),
    ("vestnik_http_requests_total", "counter", ("method", "status")),
    ("vestnik_inbox_streams", "gauge", ()),
    ("vestnik_unread_drift", "gauge", ()),
    ("vestnik_heartbeat_timestamp_seconds", "gauge", ()),
    ("vestnik_once_timestamp_seconds", "gauge", ("exit_code",)),
    ("vestnik_build_info", "gauge", ("version",)),
}


def used(registry: CollectorRegistry) -> Metrics:
    """Make every metric show a sample."""
    metrics = Metrics(registry, version="1.2.3")
    metrics.events_relayed.labels(type="order_paid").inc()
    metrics.deliveries.labels(channel="telegram", outcome="delivered", reason="").inc(3)
    metrics.delivery_latency_seconds.labels(channel="telegram").observe(0.012)
    metrics.events_waiting.labels(reason="unrouted").set(2)
    metrics.oldest_due_seconds.labels(channel="telegram").set(4)
    metrics.outbox_bytes.labels(table="event").set(8192)
    metrics.once_timestamp_seconds.labels(exit_code="0").set(1_777_627_800)
    metrics.backlog.labels(channel="telegram", state="pending").set(7)
    metrics.dead_letter_oldest_seconds.labels(channel="telegram").set(60)
    metrics.possible_duplicates.labels(channel="telegram").inc()
    metrics.telegram_requests.labels(method="sendMessage", status="200").inc()
    metrics.telegram_request_seconds.observe(0.3)
    metrics.messages_degraded.labels(type="order_paid", part="markup").inc()
    metrics.telegram_gate_closed.labels(scope="bot").set(1)
    metrics.limiter_denied.labels(scope="chat").inc()
    metrics.updates.labels(kind="message", outcome="handled").inc()
    metrics.replies_dropped.labels(reason="flood").inc()
    metrics.http_requests.labels(method="GET", status="200").inc()
    return metrics


def scraped(registry: CollectorRegistry) -> dict[str, float]:
    """Read a scrape as Prometheus does: series by name and labels."""
    text = generate_latest(registry).decode()
    return {
        sample.name + "".join(f"{{{k}={v}}}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_metrics_are_those_of_the_contract() -> None:
    """The system has exactly the contract's metrics, with the contract's types and labels."""
    registry = CollectorRegistry()
    used(registry)
    found = set()
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found.add((name, family.type, tuple(sorted(labels))))
    assert found == CONTRACT


def test_no_series_beside_the_contract() -> None:
    """A counter brings no `_created` series along, and every series has the prefix."""
    registry = CollectorRegistry()
    used(registry)
    names = {series.split("{")[0] for series in scraped(registry)}
    assert not {name for name in names if name.endswith("_created")}
    assert all(name.startswith("vestnik_") for name in names)


def test_a_scrape_shows_what_was_counted() -> None:
    """What the process counts is what Prometheus reads."""
    registry = CollectorRegistry()
    used(registry)
    series = scraped(registry)
    assert series["vestnik_deliveries_total{channel=telegram}{outcome=delivered}{reason=}"] == 3
    assert series["vestnik_delivery_latency_seconds_bucket{channel=telegram}{le=0.01}"] == 0
    assert series["vestnik_delivery_latency_seconds_bucket{channel=telegram}{le=0.02}"] == 1
    assert series["vestnik_build_info{version=1.2.3}"] == 1


def test_two_registries_do_not_know_each_other() -> None:
    """Metrics live in the registry that was handed in and nowhere else."""
    first, second = CollectorRegistry(), CollectorRegistry()
    Metrics(first).lease_lost.inc()
    Metrics(second)
    assert scraped(first)["vestnik_lease_lost_total"] == 1
    assert scraped(second)["vestnik_lease_lost_total"] == 0
    assert scraped(second)[f"vestnik_build_info{{version={VERSION}}}"] == 1
