"""How the system shows itself: metrics, log, spans, checks, health file, probes, systemd. Imports nothing of ours.

Nothing of this package lets a person's data or a secret out: log lines pass a gate with a closed list of fields,
the health file holds words of the code and numbers, metrics have no ids in their labels.
What serves HTTP is loaded when it is first used: FastAPI is heavy, and most commands serve nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from health.check import Check, CheckName, Counters, Health, Lag, Status, worst
from health.error import BindError, HealthError, LogSettingError, ServeError
from health.file import Probe, Report, keep, read, write
from health.log import About, Format, bound, configure, get_logger
from health.log_sampling import LogSample
from health.metrics import Metrics
from health.notify import Notifier
from health.seldom import Seldom
from health.span import Span, Spans, find_spans
from health.textfile import SUFFIX as TEXTFILE_SUFFIX
from health.textfile import write_textfile
from health.version import VERSION

if TYPE_CHECKING:
    from health.http import NO_TELEMETRY, build_app, listen, metrics_router, port_of, probe_router, serve

__all__ = [
    "NO_TELEMETRY",
    "TEXTFILE_SUFFIX",
    "VERSION",
    "About",
    "BindError",
    "Check",
    "CheckName",
    "Counters",
    "Format",
    "Health",
    "HealthError",
    "Lag",
    "LogSample",
    "LogSettingError",
    "Metrics",
    "Notifier",
    "Probe",
    "Report",
    "Seldom",
    "ServeError",
    "Span",
    "Spans",
    "Status",
    "bound",
    "build_app",
    "configure",
    "find_spans",
    "get_logger",
    "keep",
    "listen",
    "metrics_router",
    "port_of",
    "probe_router",
    "read",
    "serve",
    "worst",
    "write",
    "write_textfile",
]

_HTTP = ("NO_TELEMETRY", "build_app", "listen", "metrics_router", "port_of", "probe_router", "serve")


def __getattr__(name: str) -> object:
    if name in _HTTP:
        return getattr(import_module("health.http"), name)
    raise AttributeError(f"module 'health' has no attribute {name!r}")
