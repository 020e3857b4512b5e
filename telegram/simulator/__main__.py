"""`python -m telegram.simulator`: the simulator without the rest of the product."""

import argparse

from telegram.simulator.options import DEVELOPMENT_TOKEN, SimulatorOptions
from telegram.simulator.server import run


def main() -> None:
    """Read the command line and run."""
    default = SimulatorOptions()
    parser = argparse.ArgumentParser(prog="python -m telegram.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=default.port)
    parser.add_argument("--control-port", type=int, default=default.control_port)
    parser.add_argument("--host", default=default.host)
    parser.add_argument("--token", action="append", dest="tokens", help="may be given more than once")
    parser.add_argument("--bot-rate", type=float, default=default.bot_rate)
    parser.add_argument("--chat-rate", type=float, default=default.chat_rate)
    parser.add_argument("--group-rate-per-minute", type=float, default=default.group_rate_per_minute)
    parser.add_argument("--paid-rate", type=float, default=default.paid_rate)
    parser.add_argument("--longest-hold", type=float, default=default.longest_hold)
    parser.add_argument("--no-limits", action="store_true")
    given = vars(parser.parse_args())
    given["tokens"] = tuple(given["tokens"] or (DEVELOPMENT_TOKEN,))
    run(SimulatorOptions(**given))


if __name__ == "__main__":
    main()
