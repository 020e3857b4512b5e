"""The metrics of a process that does not stay, for node_exporter's textfile collector."""

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from health.file import put

SUFFIX = ".prom"
"""The collector reads no other files; so it does not see the one that is just being written."""


def write_textfile(path: Path, registry: CollectorRegistry) -> None:
    """Put the metrics where node_exporter finds them, whole and in one step.

    The library's own `write_to_textfile` leaves the mode to the umask, which a hardened unit sets so that node_exporter
    cannot read the file.

    Raises:
        OSError: the folder is missing or cannot be written.

    """
    put(path, generate_latest(registry).decode())
