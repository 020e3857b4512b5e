"""What others see of the product, from where it stands in the code: no other file of this folder imports any of it."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

import typer
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

import health
from health import Health, Metrics
from health.field import BOUND, OPERATIONAL
from inapp.api import Dependencies, build_api
from inapp.api.error import STATUS
from outbox.catalog.event_type import EventType
from outbox.catalog.own_catalog import OwnCatalog
from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Outcome, Reason
from outbox.delivery.state import MOVES, State
from telegram.simulator import SimulatorOptions, World, build_apps
from telegram.simulator.method import METHODS
from workers.configuration.settings import SECRETS, Settings
from workers.main import SHORT, app
from workers.process.exit_code import Exit

SHORTCUTS: Mapping[str, Sequence[str]] = SHORT
"""What is short for a command."""
SECRET: Sequence[str] = SECRETS
"""The settings that may come from a file."""
EXITS: Sequence[type[IntEnum]] = (Exit, health.Probe)
"""What an exit code means: of a worker, and of what shows health files."""
SIMULATED: Iterable[str] = METHODS
"""The methods of the Bot API that the simulator answers."""


def command() -> Any:
    """Make the command with all that is under it."""
    return typer.main.get_command(app)


def settings() -> Mapping[str, Any]:
    """Describe the settings as JSON schema does, by the fields' names."""
    described: Mapping[str, Any] = Settings.model_json_schema()["properties"]
    return described


def metrics() -> list[MetricWrapperBase]:
    """Make all metrics of a process."""
    made = vars(Metrics(CollectorRegistry())).values()
    return [metric for metric in made if isinstance(metric, MetricWrapperBase)]


def served() -> Mapping[str, FastAPI]:
    """Build what is served over HTTP, by where it is; nothing stands behind it."""
    given = dict.fromkeys(field.name for field in dataclasses.fields(Dependencies))
    world: dict[str, Any] = {**given, "origins": ()}
    probes = health.build_app(Health("worker", "worker-1", ()), CollectorRegistry())
    _, control = build_apps(World(SimulatorOptions()))
    return {"api": build_api(Dependencies(**world)), "METRICS_BIND": probes, "simulator": control}


def words() -> Mapping[str, Iterable[object]]:
    """List the closed sets of words that stand in rows, labels, fields, answers and files."""
    return {
        "channel": Channel,
        "state of a delivery": State,
        "move of a delivery": (f"{old} -> {new}" for old, others in MOVES.items() for new in others),
        "outcome of an attempt": (kind.__name__.lower() for kind in Outcome.__args__),
        "reason": Reason,
        "check of a process": health.CheckName,
        "status of a check": health.Status,
        "code and status of a refusal over HTTP": (f"{code} {status}" for code, status in STATUS.items()),
        "field of the log, bound": BOUND,
        "field of the log": OPERATIONAL,
        "field of an event type in the catalog": (field.name for field in dataclasses.fields(EventType)),
        "event type of Vestnik's own": OwnCatalog.load().file.table("types").values,
    }
