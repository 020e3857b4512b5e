"""Every metric of the system, in base units and without ids in labels; the registry is handed in."""

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
        self._log(registry)
        self._deliveries(registry)
        self._telegram(registry)
        self._bot(registry)
        self._process(registry, version)

    def _log(self, registry: CollectorRegistry) -> None:
        self.events_relayed = Counter(
            "events_relayed",
            "Events fanned out by the relay; a type without a catalog entry counts as type unrouted.",
            ["type"],
            namespace=PREFIX,
            registry=registry,
        )
        self.relay_lag_seconds = Gauge(
            "relay_lag_seconds",
            "Age of the oldest committed event that is not relayed yet.",
            namespace=PREFIX,
            registry=registry,
        )
        self.oldest_open_transaction_seconds = Gauge(
            "oldest_open_transaction_seconds",
            "Age of the oldest open writing transaction of the cluster.",
            namespace=PREFIX,
            registry=registry,
        )
        self.outbox_bytes = Gauge(
            "outbox_bytes",
            "Size on disk of a table of the outbox with its indexes.",
            ["table"],
            namespace=PREFIX,
            registry=registry,
        )

    def _deliveries(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "deliveries",
            "Attempts by what came of them; reason is empty where there is none.",
            ["channel", "outcome", "reason"],
            namespace=PREFIX,
            registry=registry,
        )
        self.delivery_latency_seconds = Histogram(
            "delivery_latency_seconds",
            "From emit to sent.",
            ["channel"],
            namespace=PREFIX,
            registry=registry,
            buckets=LATENCY_BUCKETS,
        )
        self.oldest_due_seconds = Gauge(
            "oldest_due_seconds",
            "How long the oldest due delivery has been waiting.",
            ["channel"],
            namespace=PREFIX,
            registry=registry,
        )
        self.backlog = Gauge(
            "backlog",
            "Deliveries that are not final, by state; estimated where over 2000 wait, or over 2000 are stuck.",
            ["channel", "state"],
            namespace=PREFIX,
            registry=registry,
        )
        self.dead_letter_oldest_seconds = Gauge(
            "dead_letter_oldest_seconds",
            "Age of the oldest dead letter.",
            ["channel"],
            namespace=PREFIX,
            registry=registry,
        )
        self.possible_duplicates = Counter(
            "possible_duplicates",
            "Attempts made again although the outcome of the one before is unknown.",
            ["channel"],
            namespace=PREFIX,
            registry=registry,
        )
        self.lease_lost = Counter(
            "lease_lost",
            "Records refused because another claim had taken the lane over.",
            namespace=PREFIX,
            registry=registry,
        )

    def _telegram(self, registry: CollectorRegistry) -> None:
        self.telegram_requests = Counter(
            "telegram_requests",
            "Bot API requests by method and by the answer's status code, or a word where none came.",
            ["method", "status"],
            namespace=PREFIX,
            registry=registry,
        )
        self.telegram_request_seconds = Histogram(
            "telegram_request_seconds",
            "Duration of one Bot API request.",
            namespace=PREFIX,
            registry=registry,
            buckets=REQUEST_BUCKETS,
        )
        self.messages_degraded = Counter(
            "messages_degraded",
            "Messages that Telegram took only without a part: a fault of the type's texts.",
            ["type", "part"],
            namespace=PREFIX,
            registry=registry,
        )
        self.telegram_rate = Gauge(
            "telegram_rate",
            "Messages per second that the limiter allows now; under BOT_RATE after a 429 about the bot.",
            namespace=PREFIX,
            registry=registry,
        )
        self.telegram_gate_closed = Gauge(
            "telegram_gate_closed",
            "Gates that Telegram's 429 keeps closed: bot is 0 or 1, chat a number of chats.",
            ["scope"],
            namespace=PREFIX,
            registry=registry,
        )
        self.limiter_denied = Counter(
            "limiter_denied",
            "Sends that our own limiter put off.",
            ["scope"],
            namespace=PREFIX,
            registry=registry,
        )

    def _bot(self, registry: CollectorRegistry) -> None:
        self.updates = Counter(
            "updates",
            "Updates taken from Telegram: handled, repeated, ignored, unreadable, failed.",
            ["kind", "outcome"],
            namespace=PREFIX,
            registry=registry,
        )
        self.replies_dropped = Counter(
            "replies_dropped",
            "Answers of the bot that could not be brought.",
            ["reason"],
            namespace=PREFIX,
            registry=registry,
        )
        self.webhook_refused = Counter(
            "webhook_refused",
            "Calls of the webhook without the secret.",
            namespace=PREFIX,
            registry=registry,
        )

    def _process(self, registry: CollectorRegistry, version: str) -> None:
        self.http_requests = Counter(
            "http_requests",
            "Requests to the HTTP API by method and status; status 0: whoever asked had gone before the answer.",
            ["method", "status"],
            namespace=PREFIX,
            registry=registry,
        )
        self.inbox_streams = Gauge(
            "inbox_streams",
            "Open live streams of the inbox.",
            namespace=PREFIX,
            registry=registry,
        )
        self.unread_drift = Gauge(
            "unread_drift",
            "Recipients whose unread counter differs from their unread notifications; anything but 0 is a fault.",
            namespace=PREFIX,
            registry=registry,
        )
        self.heartbeat_timestamp_seconds = Gauge(
            "heartbeat_timestamp_seconds",
            "Unix time of the process's last heartbeat.",
            namespace=PREFIX,
            registry=registry,
        )
        self.once_timestamp_seconds = Gauge(
            "once_timestamp_seconds",
            "Unix time at which the last run of worker --once ended, by its exit code; only in METRICS_TEXTFILE.",
            ["exit_code"],
            namespace=PREFIX,
            registry=registry,
        )
        self.build_info = Gauge(
            "build_info",
            "Always 1; the version stands in the label.",
            ["version"],
            namespace=PREFIX,
            registry=registry,
        )
        self.build_info.labels(version=version).set(1)
