"""Exit codes: what they mean, which ones a command's code names, and what docs/operating.md says of them."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType

from tests import page
from tests.surface.command import commands
from tests.surface.product import EXITS
from tests.surface.source import packages

ROW = re.compile(r"^\| (`vestnik .+?) \| .* \| (.*?) ?\|$", re.MULTILINE)
COMPUTED = "as computed"
"""Stands for a code that is known at run time only; what it can be is one of the lists above."""


def exit_codes() -> str:
    """Write down what is known of exit codes."""
    lists = [", ".join(f"{code.value} {code.name}" for code in kind) for kind in EXITS]
    rows = ROW.findall(page.read("operating.md"))
    ended = [(context.command_path, _codes(each.callback)) for each, context in commands() if each.callback]
    return "\n".join(
        [
            "what codes mean",
            *(f"  {each}" for each in lists),
            "",
            "codes that a command names itself, besides 0",
            *(f"  {path}: {', '.join(codes)}" for path, codes in ended if codes),
            "",
            "what docs/operating.md says",
            *(f"  {command}: {said}" for command, said in rows if said),
            "",
        ]
    )


def _codes(callback: FunctionType) -> list[str]:
    function = inspect.unwrap(callback)
    return sorted(_named(function.__name__, sys.modules[function.__module__], set()) - {"0"})


def _named(function: str, module: ModuleType, seen: set[tuple[str, str]]) -> set[str]:
    """Name the codes in a function, and in what it calls of the command's own code."""
    source = inspect.getsource(module)
    if (module.__name__, function) in seen or "typer" not in source:
        return set()
    seen.add((module.__name__, function))
    nodes = [part for body in _bodies(source, function) for part in ast.walk(body)]
    found = {_code(node, module) for node in nodes if isinstance(node, ast.Raise) and _is_exit(node.exc)}
    for name in {node.id for node in nodes if isinstance(node, ast.Name)}:
        known = inspect.unwrap(vars(module).get(name, _code))
        if isinstance(known, FunctionType) and known.__module__.partition(".")[0] in packages():
            found |= _named(known.__name__, sys.modules[known.__module__], seen)
    return found


def _bodies(source: str, function: str) -> Iterator[ast.AST]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function:
            yield node


def _is_exit(raised: ast.expr | None) -> bool:
    called = raised.func if isinstance(raised, ast.Call) else raised
    return isinstance(called, ast.Attribute) and called.attr == "Exit"


def _code(raised: ast.Raise, module: ModuleType) -> str:
    if not isinstance(raised.exc, ast.Call) or not raised.exc.args:
        return "0"
    return _value(raised.exc.args[0], module)


def _value(given: ast.expr, module: ModuleType) -> str:
    match given:
        case ast.Constant(int(code)):
            return str(code)
        case ast.Name(name):
            return _number(vars(module).get(name))
        case ast.Attribute(ast.Name(of), name):
            return _number(getattr(vars(module).get(of), name, None))
        case ast.Call(ast.Name("int"), [inner]):
            return _value(inner, module)
        case _:
            return COMPUTED


def _number(code: object) -> str:
    return str(int(code)) if isinstance(code, int) else COMPUTED
