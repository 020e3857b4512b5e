"""One call on its way through a method."""

from dataclasses import dataclass

from telegram.simulator.arguments import Arguments
from telegram.simulator.bot import Bot
from telegram.simulator.courier import Perform
from telegram.simulator.journal import Call, Journal
from telegram.simulator.long_poll import Gone
from telegram.simulator.world import World


@dataclass(frozen=True, slots=True)
class Request:
    """What a method needs to answer."""

    world: World
    bot: Bot
    arguments: Arguments
    call: Call
    journal: Journal
    """The journal the call was opened in: a reset in between starts another."""
    gone: Gone
    """Tells that the client has hung up."""
    perform: Perform
    """What a webhook's answer is executed with."""
