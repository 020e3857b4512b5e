"""What a simulator is started with."""

from dataclasses import dataclass

DEVELOPMENT_TOKEN = "1000000001:AAVestnikSimulatorDevelopmentToken0"  # noqa: S105  no secret: opens nothing but a simulator


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """Ports, tokens and limits of one simulator."""

    port: int = 8081
    """Where the Bot API answers; 0 takes a free one."""
    control_port: int = 8082
    """Where the control API answers; 0 takes a free one."""
    host: str = "127.0.0.1"
    tokens: tuple[str, ...] = (DEVELOPMENT_TOKEN,)
    """Every other token is answered 401."""
    bot_rate: float = 30
    """Messages a second of one bot."""
    chat_rate: float = 1
    """Messages a second to one chat."""
    group_rate_per_minute: float = 20
    paid_rate: float = 1000
    """Messages a second of one bot with allow_paid_broadcast."""
    longest_hold: float = 8
    """Seconds that a message over a limit is held back and then delivered; what would take longer is a 429."""
    no_limits: bool = False
    """Never hold and never answer 429."""
