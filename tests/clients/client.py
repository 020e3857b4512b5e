"""The five clients: how each is started, and what is its own about it."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".clients"
PYTHON = ENVIRONMENTS / "python" / "bin" / "python"
NODE_FOLDER = ENVIRONMENTS / "node"


@dataclass(frozen=True, slots=True)
class Refusals:
    """How a client puts the simulator's refusals: the names of its own classes, and its words."""

    blocked: tuple[str, str]
    unknown: tuple[str, str]
    throttled: str


@dataclass(frozen=True, slots=True)
class Client:
    """One client library and the small program that uses it."""

    name: str
    program: str
    refusals: Refusals
    wrong_secret: int
    """What its webhook answers to a wrong secret."""

    def command(self) -> tuple[str, ...]:
        """Give the command; isolated, so that this project's `telegram` is not python-telegram-bot's."""
        program = str(HERE / self.program)
        if self.program.endswith(".mjs"):
            return (shutil.which("node") or "node", program)
        return (sys.executable if self.name == "aiogram" else str(PYTHON), "-I", program)

    def folder(self) -> Path:
        """Give the folder it is started in: a Node program finds its packages there."""
        return NODE_FOLDER if self.program.endswith(".mjs") else HERE

    def missing(self) -> str | None:
        """Say what it lacks on this machine."""
        if self.program.endswith(".mjs"):
            if shutil.which("node") is None:
                return "Node is missing. On Debian: apt-get install nodejs npm; then: make clients"
            return None if (NODE_FOLDER / ".ready").exists() else "The Node clients are not set up: make clients"
        if self.name != "aiogram" and not (PYTHON.parents[1] / ".ready").exists():
            return "The Python clients are not set up: make clients"
        return None


BLOCKED = "Forbidden: bot was blocked by the user"
UNKNOWN = "Bad Request: chat not found"

AIOGRAM = Client(
    "aiogram",
    "aiogram_client.py",
    Refusals(("TelegramForbiddenError", BLOCKED), ("TelegramBadRequest", UNKNOWN), "TelegramRetryAfter"),
    wrong_secret=401,
)
PYTHON_TELEGRAM_BOT = Client(
    "python-telegram-bot",
    "ptb_client.py",
    Refusals(("Forbidden", BLOCKED), ("BadRequest", "Chat not found"), "RetryAfter"),
    wrong_secret=403,
)
PYTELEGRAMBOTAPI = Client(
    "pyTelegramBotAPI",
    "pytelegrambotapi_client.py",
    Refusals(("ApiTelegramException", BLOCKED), ("ApiTelegramException", UNKNOWN), "ApiTelegramException"),
    wrong_secret=403,
)
GRAMMY = Client(
    "grammY",
    "grammy_client.mjs",
    Refusals(("GrammyError", BLOCKED), ("GrammyError", UNKNOWN), "GrammyError"),
    wrong_secret=401,
)
TELEGRAF = Client(
    "Telegraf",
    "telegraf_client.mjs",
    Refusals(("TelegramError", BLOCKED), ("TelegramError", UNKNOWN), "TelegramError"),
    wrong_secret=403,
)
CLIENTS = (AIOGRAM, PYTHON_TELEGRAM_BOT, PYTELEGRAMBOTAPI, GRAMMY, TELEGRAF)
