"""Every line that the product can log: its event, how grave it is, and its fields.

An event is given to a logger, or to something that hands it on to one: a function that takes the event as a parameter,
or a dataclass that keeps it. Who calls these is followed, as far as it goes.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from tests.surface.log_field import Fields, fields_of, source
from tests.surface.source import Function, Scope, default, everything, parameters

LEVELS = ("debug", "info", "warning", "error", "critical")
UNREAD = "?"
"""Begins what could not be followed to the words that it stands for."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one place of the source logs."""

    event: str
    levels: frozenset[str]
    fields: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sink:
    """A function or a class that takes an event and hands it on."""

    name: str
    scope: Scope
    takes: tuple[str, ...]
    """The names of what it takes, in order."""
    event: str
    """What it takes the event as."""
    left_out: ast.expr | None
    """The event where none is given."""
    levels: frozenset[str]
    fields: Fields
    rest: bool
    """Whether what it is given besides becomes fields."""


@cache
def lines() -> frozenset[Line]:
    """List all lines."""
    calls = [(found.node, found.scope) for found in everything() if isinstance(found.node, ast.Call)]
    logged = [(call, scope, levels) for call, scope in calls if call.args and (levels := _levels(call.func, scope))]
    return frozenset(
        line
        for call, scope, levels in logged
        for line in _follow(call.args[0], scope, levels, fields_of(call.keywords, scope))
    )


def _levels(called: ast.expr | None, scope: Scope) -> frozenset[str]:
    """Tell the levels of a logger's method, or of a name that stands for one of several."""
    match called:
        case ast.Attribute(logger, level) if level in LEVELS and _is_logger(logger, scope):
            return frozenset({level})
        case ast.Name(name) if isinstance(chosen := scope.variable(name), ast.IfExp):
            return _levels(chosen.body, scope) | _levels(chosen.orelse, scope)
        case _:
            return frozenset()


def _is_logger(value: ast.expr | None, scope: Scope) -> bool:
    match value:
        case ast.Call(ast.Name("get_logger") | ast.Attribute(_, "get_logger")):
            return True
        case ast.Name(name):
            made = scope.variable(name) or scope.module.constant(name)
            return isinstance(made, ast.Call) and _is_logger(made, scope)
        case ast.Attribute(_, "log" | "_log" | "logger" | "_logger"):
            return True
        case _:
            return False


def _follow(event: ast.expr, scope: Scope, levels: frozenset[str], fields: Fields) -> Iterator[Line]:
    """Give the lines with the words that an event stands for, here or where it comes from."""
    match event:
        case ast.Constant(str(word)):
            yield Line(word, levels, frozenset(fields))
        case ast.IfExp(_, body, orelse):
            yield from _follow(body, scope, levels, fields)
            yield from _follow(orelse, scope, levels, fields)
        case ast.Subscript(ast.Name(table)) if isinstance(known := scope.module.constant(table), ast.Dict):
            for value in known.values:
                yield from _follow(value, scope, levels, fields)
        case ast.Name(name) if (known := scope.variable(name)) is not None:
            yield from _follow(known, scope, levels, fields)
        case ast.Name(name) if (function := scope.function_with(name)) is not None:
            yield from _through(_function(function, name, scope, levels, fields))
        case ast.Attribute(ast.Name(), name) if sinks := _classes(name, levels, fields):
            for sink in sinks:
                yield from _through(sink)
        case _:
            yield Line(f"{UNREAD} {ast.unparse(event)}", levels, frozenset(fields))


def _through(sink: Sink) -> Iterator[Line]:
    """Give the lines of all that hands an event to this one."""
    for found in everything():
        if not (isinstance(found.node, ast.Call) and _calls(found.node, found.scope, sink)):
            continue
        given = _given(found.node, sink)
        event = given.get(sink.event, sink.left_out)
        if event is not None:
            yield from _follow(event, found.scope, sink.levels, _carried(found.node, found.scope, sink, given))


def _carried(call: ast.Call, scope: Scope, sink: Sink, given: Mapping[str, ast.expr]) -> Fields:
    """List the fields that a line has which is logged through another: what is left out has none."""
    own = {name: taken for name, taken in sink.fields.items() if taken is None or taken in given}
    known = {name: None if taken is None else source(given[taken], scope) for name, taken in own.items()}
    rest = [keyword for keyword in call.keywords if keyword.arg not in sink.takes] if sink.rest else []
    return {**known, **fields_of(rest, scope)}


def _given(call: ast.Call, sink: Sink) -> dict[str, ast.expr]:
    by_place = dict(zip(sink.takes, call.args, strict=False))
    return {**by_place, **{keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}}


def _calls(call: ast.Call, scope: Scope, sink: Sink) -> bool:
    match call.func:
        case ast.Name(name) if name == sink.name and sink.scope.owner is None:
            return scope.module is sink.scope.module or name in scope.module.imported
        case ast.Attribute(ast.Name(receiver), name) if name == sink.name and sink.scope.owner is not None:
            return scope.class_of(receiver) == sink.scope.owner.name
        case _:
            return False


def _function(function: Function, event: str, scope: Scope, levels: frozenset[str], fields: Fields) -> Sink:
    takes = tuple(name for name in parameters(function) if name != "self")
    rest, left_out = function.args.kwarg is not None, default(function, event)
    return Sink(function.name, scope, takes, event, left_out, levels, fields, rest)


def _classes(event: str, levels: frozenset[str], fields: Fields) -> list[Sink]:
    """Find the dataclasses that keep an event by this name, and the fields of its line beside it."""
    found = []
    for place in everything():
        if isinstance(place.node, ast.ClassDef):
            takes = tuple(_attributes(place.node))
            if event in takes and set(fields) <= set(takes):
                carried = {name: name for name in fields}
                found.append(Sink(place.node.name, place.scope, takes, event, None, levels, carried, rest=False))
    return found


def _attributes(made: ast.ClassDef) -> Iterator[str]:
    for node in made.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
