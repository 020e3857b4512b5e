"""Which fields a line of the log has, by what the source gives for them."""

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeAlias

from tests.surface.source import Function, Scope, everything

Fields: TypeAlias = Mapping[str, str | None]
"""Fields, each with the parameter of the function around that its value is; None: it is something else."""

OPEN = "..."
"""Stands for fields that the source does not name: they come out of what is known at run time."""


def fields_of(keywords: Sequence[ast.keyword], scope: Scope) -> Fields:
    """List the fields that are given by name, and those of mappings that are spread out."""
    found: dict[str, str | None] = {}
    for keyword in keywords:
        if keyword.arg is None:
            found |= dict.fromkeys(keys(keyword.value, scope))
        else:
            found[keyword.arg] = source(keyword.value, scope)
    return found


def source(value: ast.expr, scope: Scope) -> str | None:
    """Name the parameter that a value is."""
    return value.id if isinstance(value, ast.Name) and scope.function_with(value.id) is not None else None


def keys(value: ast.expr | None, scope: Scope) -> set[str]:  # noqa: PLR0911 (a case for each form)
    """Name the keys of a mapping, whichever way it is made."""
    match value:
        case ast.Dict(names, values):
            return {key for name, inner in zip(names, values, strict=True) for key in _entry(name, inner, scope)}
        case ast.IfExp(_, body, orelse):
            return keys(body, scope) | keys(orelse, scope)
        case ast.DictComp(generators=[ast.comprehension(iter=ast.Call(ast.Attribute(mapping, "items")))]):
            return keys(mapping, scope)
        case ast.DictComp(generators=[ast.comprehension(iter=ast.Tuple(pairs))]):
            return {name for pair in pairs if isinstance(pair, ast.Tuple) for name in _word(pair.elts[0])}
        case ast.Name(name) if (known := scope.variable(name)) is not None:
            return keys(known, scope)
        case ast.Name(name) if any(
            function.args.kwarg and function.args.kwarg.arg == name for function in scope.functions
        ):
            return set()  # the caller's own: they are added where it calls
        case ast.Call(ast.Name(name)) | ast.Attribute(_, name):
            return _returned(name, scope)
        case _:
            return {OPEN}


def _entry(name: ast.expr | None, value: ast.expr, scope: Scope) -> set[str]:
    return keys(value, scope) if name is None else _word(name) or {OPEN}


def _word(value: ast.expr) -> set[str]:
    return {value.value} if isinstance(value, ast.Constant) and isinstance(value.value, str) else set()


def _returned(name: str, scope: Scope) -> set[str]:
    """Name the keys of what a function or a property returns; open where there are several of its name, or none."""
    everywhere = _functions().get(name, [])
    found = [each for each in everywhere if each[1].module is scope.module] or everywhere
    if len(found) != 1:
        return {OPEN}
    function, around = found[0]
    inside = Scope(around.module, (function, *around.functions), around.owner)
    returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    return {key for value in returns for key in keys(value, inside)}


@cache
def _functions() -> Mapping[str, list[tuple[Function, Scope]]]:
    """Find the functions of each name."""
    named: dict[str, list[tuple[Function, Scope]]] = {}
    for found in everything():
        if isinstance(found.node, ast.FunctionDef | ast.AsyncFunctionDef):
            named.setdefault(found.node.name, []).append((found.node, found.scope))
    return named
