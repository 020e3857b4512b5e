"""The product's source, read as syntax: its modules, what is called in them, and where a name comes from."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeAlias

from tests.page import PROJECT

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def packages() -> list[str]:
    """Name the folders of the checkout that are packages of the product."""
    return sorted(path.parent.name for path in PROJECT.glob("*/__init__.py") if path.parent.name != "tests")


@dataclass(frozen=True)
class Module:
    """One file of the product."""

    tree: ast.Module

    @cached_property
    def imported(self) -> frozenset[str]:
        """Name what comes from other modules."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom)]
        return frozenset(alias.name for node in found for alias in node.names)

    def constant(self, name: str) -> ast.expr | None:
        """Find what a name of the module stands for."""
        return assigned(self.tree.body, name)


@dataclass(frozen=True)
class Scope:
    """Where something stands: its module, and the functions and the class around it, the innermost first."""

    module: Module
    functions: tuple[Function, ...] = ()
    owner: ast.ClassDef | None = None

    def variable(self, name: str) -> ast.expr | None:
        """Find what a name was set to in the functions around."""
        found = (assigned(function.body, name) for function in self.functions)
        return next((value for value in found if value is not None), None)

    def function_with(self, parameter: str) -> Function | None:
        """Find the function around that is given something by this name."""
        return next((function for function in self.functions if parameter in parameters(function)), None)

    def class_of(self, name: str) -> str | None:
        """Name the class of what a function around is given by this name."""
        function = self.function_with(name)
        if function is None:
            return None
        if name == "self":
            return None if self.owner is None else self.owner.name
        noted = parameters(function)[name].annotation
        return noted.id if isinstance(noted, ast.Name) else None


@dataclass(frozen=True)
class Found:
    """A piece of the source, and where it stands."""

    node: ast.AST
    scope: Scope


def parameters(function: Function) -> Mapping[str, ast.arg]:
    """List what a function is given by a name of its own, in order."""
    args = function.args
    return {arg.arg: arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)}


def default(function: Function, parameter: str) -> ast.expr | None:
    """Find what a function takes where the parameter is left out."""
    args = function.args
    ordered = [arg.arg for arg in (*args.posonlyargs, *args.args)]
    by_place = dict(zip(reversed(ordered), reversed(args.defaults), strict=False))
    by_name = {arg.arg: value for arg, value in zip(args.kwonlyargs, args.kw_defaults, strict=True) if value}
    return {**by_place, **by_name}.get(parameter)


def assigned(body: list[ast.stmt], name: str) -> ast.expr | None:
    """Find the value that some statements set a name to."""
    for node in (node for statement in body for node in ast.walk(statement)):
        match node:
            case ast.Assign([ast.Name(target)], value) | ast.AnnAssign(ast.Name(target), value=value) if target == name:
                return value
    return None


@cache
def modules() -> tuple[Module, ...]:
    """Read every file of the product."""
    files = sorted(path for package in packages() for path in (PROJECT / package).rglob("*.py"))
    return tuple(Module(ast.parse(path.read_text(encoding="utf-8"))) for path in files)


@cache
def everything() -> tuple[Found, ...]:
    """List all calls, functions and classes of the product."""
    return tuple(found for module in modules() for found in _walk(module.tree, Scope(module)))


KEPT = (ast.Call, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _walk(node: ast.AST, scope: Scope) -> Iterator[Found]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, KEPT):
            yield Found(child, scope)
        yield from _walk(child, _inside(child, scope))


def _inside(node: ast.AST, scope: Scope) -> Scope:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return Scope(scope.module, (node, *scope.functions), scope.owner)
    if isinstance(node, ast.ClassDef):
        return Scope(scope.module, scope.functions, node)
    return scope
