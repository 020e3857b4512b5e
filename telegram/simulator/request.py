"""One call on its way through a method."""

from dataclasses import dataclass

from telegram.simulator.arguments import Arguments
from telegram.simulator.journal import Call, Journal
from telegram.simulator.world import Bot, World


@dataclass(frozen=True, slots=True)
class Request:
    """What a method needs to answer."""

    world: World
    bot: Bot
    arguments: Arguments
    call: Call
    journal: Journal
    """The journal the call was opened in: a reset in between starts another."""
