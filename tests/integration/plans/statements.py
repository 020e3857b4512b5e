"""Finds the statements: the constants of modules whose text is SQL."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import ModuleType

VERBS = (
    "select insert update delete merge with values table lock truncate copy do call set reset create alter drop "
    "comment grant revoke begin commit analyze vacuum listen notify declare fetch refresh reindex cluster"
)
STATEMENT = re.compile(rf"(\s|--[^\n]*\n|\()*({'|'.join(VERBS.split())})\s", re.IGNORECASE)


def statements(*packages: ModuleType) -> dict[str, str]:
    """Find the statements of packages, each by the name of its constant; one text has one name."""
    named: dict[str, str] = {}
    for package in packages:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for name in _assigned(module):
                for path, text in _texts(f"{module.__name__}.{name}", getattr(module, name, None)):
                    if STATEMENT.match(text) and text not in named:
                        named[text] = path
    return {path: text for text, path in named.items()}


def _assigned(module: ModuleType) -> list[str]:
    """Name what a module assigns itself: what it has imported is another module's."""
    names = []
    for node in ast.parse(inspect.getsource(module)).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def _texts(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Give the texts of a value and of what it holds."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(f"{path}[{key}]", item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _texts(f"{path}.{field.name}", getattr(value, field.name))
    elif isinstance(value, list | tuple | set | frozenset):
        names = getattr(value, "_fields", range(len(value)))
        for key, item in zip(names, value, strict=True):
            yield from _texts(f"{path}.{key}", item)
