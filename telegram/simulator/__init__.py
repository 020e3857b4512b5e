"""A Bot API server for development and tests: a world of chats, a flood model, faults on order.

It shares nothing with the code that sends, so that neither can hide the other's mistakes.
"""

from telegram.simulator.options import DEVELOPMENT_TOKEN, SimulatorOptions
from telegram.simulator.server import RunningSimulator, build_apps, run, running, serve
from telegram.simulator.world import World

__all__ = [
    "DEVELOPMENT_TOKEN",
    "RunningSimulator",
    "SimulatorOptions",
    "World",
    "build_apps",
    "run",
    "running",
    "serve",
]
