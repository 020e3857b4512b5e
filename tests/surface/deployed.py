"""What an operator installs: units by their digests, scripts by what they take, rules by what they say."""

import hashlib
import re
from pathlib import Path

from tests.page import PROJECT

FOLDER = PROJECT / "deploy"
INSTALLED = {".conf", ".env", ".json", ".service", ".target", ".timer"}
USAGE = re.compile(r"<<'TEXT'\n(.*?)^TEXT$", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"^ *((?:--[a-z-]+(?: \| )?)+)\)", re.MULTILINE)
RULE = re.compile(r"^      - (alert|record): (\S+)\n((?:(?:        .*)?\n)*)", re.MULTILINE)
COMMENT = re.compile(r"^ *#.*\n", re.MULTILINE)


def units() -> str:
    """Name each file that is installed as it is, with a digest: its text is in the history."""
    files = sorted(path for path in FOLDER.rglob("*") if path.is_file() and path.suffix in INSTALLED)
    return "".join(f"{_digest(path)} {path.relative_to(FOLDER)}\n" for path in files)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def scripts() -> str:
    """Write down what each script says of itself, and which options it takes."""
    return "\n".join(_script(path) for path in sorted(FOLDER.glob("*.sh")))


def _script(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    (usage,) = USAGE.findall(text)
    taken = {option for found in OPTION.findall(text) for option in found.split(" | ")}
    return f"{path.name} takes {' '.join(sorted(taken))}\n\n{usage}\n"


def alerts() -> str:
    """Write down each rule: its name, when it fires, and with which labels and words."""
    rules = RULE.findall(COMMENT.sub("", (FOLDER / "prometheus" / "vestnik.rules.yml").read_text(encoding="utf-8")))
    return "\n".join(f"{kind} {name}\n{_outdented(body)}" for kind, name, body in rules)


def _outdented(body: str) -> str:
    return "".join(f"{line.removeprefix('      ')}\n" for line in body.splitlines() if line)
