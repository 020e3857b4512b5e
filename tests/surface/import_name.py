"""What the pages tell applications to import, to start with `python -m`, and to install."""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tests import page
from tests.surface.source import packages

PROJECT = page.PROJECT
PAGES = (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md")))
ITEM = re.compile(r"\n(?=- |\n)")
PACKAGE = re.compile(r"\(package\s+`(\w+)`\)")
CALL = re.compile(r"\b([a-z_]+(?:\.[a-z_]+)+)\(")
STARTED = re.compile(r"python -m (\w+(?:\.\w+)*)")
INSTALLED = re.compile(r"pip install '?(vestnik[^' `]*)")


def listed() -> str:
    """Write down what others import, start and install, each with the page that says so."""
    told = sorted({line for path in PAGES for line in _told(path)})
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [extra for extra in project["optional-dependencies"] if extra != "dev"]
    programs = [f"program {name}" for name in project["scripts"]]
    wheel = f"wheel {project['name']}: {', '.join(packages())}; extras: {', '.join(extras)}"
    return "\n".join([wheel, *programs, *told]) + "\n"


def _told(path: Path) -> Iterator[str]:
    text, where = path.read_text(encoding="utf-8"), path.relative_to(PROJECT)
    for name in sorted({*_in_blocks(text), *_in_items(text)}):
        yield f"import {name}{_signature(name)} ({where})"
    for name in (started for started in STARTED.findall(text) if _ours(started)):
        yield f"python -m {name} ({where})"
    for name in INSTALLED.findall(text):
        yield f"pip install {name} ({where})"


def _ours(name: str) -> bool:
    return name.partition(".")[0] in packages()


def _in_items(text: str) -> Iterator[str]:
    """Name what an item of a list calls of a package that it names."""
    for item in ITEM.split(text):
        for package in PACKAGE.findall(item):
            yield from (f"{package}.{call}" for call in CALL.findall(item))


def _in_blocks(text: str) -> Iterator[str]:
    """Name what Python on a page imports of ours."""
    for node in (node for block in page.blocks(text, "python") for node in ast.walk(ast.parse(block))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _ours(alias.name))
        if isinstance(node, ast.ImportFrom) and node.module and _ours(node.module):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _signature(name: str) -> str:
    """Say what a function takes; fail where there is nothing of that name."""
    found = _resolve(name)
    if not callable(found):
        return ""
    taken = [each.replace(annotation=inspect.Parameter.empty) for each in inspect.signature(found).parameters.values()]
    return str(inspect.Signature(taken))


def _resolve(name: str) -> object:
    """Get what a program gets by this name."""
    module, _, rest = name.partition(".")
    found: object = import_module(module)
    for part in rest.split(".") if rest else ():
        module = f"{module}.{part}"
        found = getattr(found, part) if hasattr(found, part) else import_module(module)
    return found
