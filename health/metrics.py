"""Every metric of the system, in base units and without ids in labels; the registry is handed in."""

from functools import cache, partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from health.version import VERSION

PREFIX = "vestnik"

LATENCY_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600)
"""Seconds from emit to sent: the idle target is 10 to 30 ms, a day of backlog ends in the last but one."""

REQUEST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 2, 3, 5, 8, 15, 30)
"""Seconds of one Bot API request: over 3 is an early sign of throttling, 8 the longest that Telegram holds one
back before it answers 429, 30 our own timeout."""


class Metrics:
    """Hold one process's metrics; label values are plain words of the code, never ids or texts."""

    def __init__(self, registry: CollectorRegistry, version: str = VERSION) -> None:
        # Each `_total` would bring a `_created` series along that nobody asked for; the library only has a
        # switch for the whole process.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library leaves this one untyped
        self.registry = registry
        self._counter = partial(Counter, namespace=PREFIX, registry=registry)
        self._gauge = partial(Gauge, namespace=PREFIX, registry=registry)
        self._histogram = partial(Histogram, namespace=PREFIX, registry=registry)
        self._log()
        self._deliveries()
        self._telegram()
        self._bot()
        self._process(version)

    def _log(self) -> None:
        self.events_relayed = self._counter(
            "events_relayed",
            "Events fanned out by the relay, by type.",
            ["type"],
        )
        self.relay_lag_seconds = self._gauge(
            "relay_lag_seconds", "Age of the oldest committed event that is not relayed yet."
        )
        self.events_waiting = self._gauge(
            "events_waiting",
            "Events that the relay has set aside: scheduled, or unrouted (the catalog lacks their type). Up to 10000.",
            ["reason"],
        )
        self.unrouted_oldest_seconds = self._gauge(
            "unrouted_oldest_seconds", "How long the oldest event of a type that the catalog lacks has been waiting."
        )
        self.oldest_open_transaction_seconds = self._gauge(
            "oldest_open_transaction_seconds", "Age of the oldest open writing transaction of the cluster."
        )
        self.outbox_bytes = self._gauge(
            "outbox_bytes", "Size on disk of a table of the outbox with its indexes.", ["table"]
        )

    def _deliveries(self) -> None:
        self.deliveries = self._counter(
            "deliveries",
            "Attempts by what came of them; reason is empty where there is none.",
            ["channel", "outcome", "reason"],
        )
        # what each message counts is kept by its labels: the library looks it up under a lock, in longer than it counts
        self.delivery = cache(self.deliveries.labels)
        self.delivery_latency_seconds = self._histogram(
            "delivery_latency_seconds", "From emit to sent.", ["channel"], buckets=LATENCY_BUCKETS
        )
        self.delivery_latency = cache(self.delivery_latency_seconds.labels)
        self.oldest_due_seconds = self._gauge(
            "oldest_due_seconds", "How long the oldest due delivery has been waiting.", ["channel"]
        )
        self.backlog = self._gauge(
            "backlog",
            "Deliveries that are not final, by state; estimated where over 2000 wait, or over 2000 are stuck.",
            ["channel", "state"],
        )
        self.dead_letter_oldest_seconds = self._gauge(
            "dead_letter_oldest_seconds", "Age of the oldest dead letter.", ["channel"]
        )
        self.possible_duplicates = self._counter(
            "possible_duplicates", "Attempts made again although the outcome of the one before is unknown.", ["channel"]
        )
        self.lease_lost = self._counter("lease_lost", "Records refused because another claim had taken the lane over.")

    def _telegram(self) -> None:
        self.telegram_requests = self._counter(
            "telegram_requests",
            "Bot API requests by method and by the answer's status code, or a word where none came.",
            ["method", "status"],
        )
        self.telegram_request = cache(self.telegram_requests.labels)
        self.telegram_request_seconds = self._histogram(
            "telegram_request_seconds", "Duration of one Bot API request.", buckets=REQUEST_BUCKETS
        )
        self.messages_degraded = self._counter(
            "messages_degraded",
            "Messages that Telegram took only without a part: a fault of the type's texts.",
            ["type", "part"],
        )
        self.telegram_rate = self._gauge(
            "telegram_rate",
            "Messages per second that the limiter allows now; under BOT_RATE after a 429 about the bot.",
        )
        self.telegram_gate_closed = self._gauge(
            "telegram_gate_closed",
            "Gates that Telegram's 429 keeps closed: bot is 0 or 1, chat a number of chats.",
            ["scope"],
        )
        self.limiter_denied = self._counter("limiter_denied", "Sends that our own limiter put off.", ["scope"])

    def _bot(self) -> None:
        self.updates = self._counter(
            "updates",
            "Updates taken from Telegram: handled, repeated, ignored, unreadable, failed.",
            ["kind", "outcome"],
        )
        self.replies_dropped = self._counter("replies_dropped", "Bot replies that could not be delivered.", ["reason"])
        self.webhook_refused = self._counter("webhook_refused", "Calls of the webhook without the secret.")

    def _process(self, version: str) -> None:
        self.http_requests = self._counter(
            "http_requests",
            "Requests to the HTTP API by method and status; status 0: whoever asked had gone before the answer.",
            ["method", "status"],
        )
        self.inbox_streams = self._gauge("inbox_streams", "Open live streams of the inbox.")
        self.unread_drift = self._gauge(
            "unread_drift",
            "Recipients whose unread counter differs from their unread notifications; anything but 0 is a fault.",
        )
        self.heartbeat_timestamp_seconds = self._gauge(
            "heartbeat_timestamp_seconds", "Unix time of the process's last heartbeat."
        )
        self.once_timestamp_seconds = self._gauge(
            "once_timestamp_seconds",
            "Unix time at which the last run of worker --once ended, by its exit code; only in METRICS_TEXTFILE.",
            ["exit_code"],
        )
        self.build_info = self._gauge("build_info", "Always 1; the version stands in the label.", ["version"])
        self.build_info.labels(version=version).set(1)
