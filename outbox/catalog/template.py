"""Templates of texts: compiled once, in a sandbox that knows little more than fields, conditions and lists.

A payload is data from strangers and a template may come from an application's translators. So values are always
escaped, nothing can mark a value as safe, and there is neither a call nor an operator that makes much of little:
the time and memory of a rendering stay bounded by the sizes of template and payload.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any

from babel import Locale
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.filters import FILTERS
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from outbox.catalog.template_filter import Filter, filters_of, plural_counts

BUILT_IN = (
    *("abs", "capitalize", "count", "d", "default", "first", "int", "join", "last", "length", "lower"),
    *("sort", "title", "trim", "truncate", "unique", "upper", "urlencode"),
)
"""Jinja's filters that a text may use; none of them can mark a value as safe."""

CONSTRUCTS: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Name, nodes.Const),
    *(nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test, nodes.Keyword, nodes.CondExpr, nodes.Concat),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Add, nodes.Sub),
    *(nodes.List, nodes.Tuple, nodes.Slice),
)
"""All that a template may be made of."""

FAULTS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)
"""What a payload of another shape than the template expects can raise."""


class BadTemplateError(Exception):
    """A template that cannot be used; the message says why."""


class BadPayloadError(Exception):
    """A payload that the template cannot be rendered with; never holds a value of it."""

    def __init__(self, field: str | None = None) -> None:
        self.field = field
        """The name of the missing field; None where a value is there but of no use."""
        super().__init__(f'needs the field "{field}"' if field else "cannot be made with this payload")


class MissingFieldError(UndefinedError):
    """A field that the payload does not have."""

    def __init__(self, field: str | None, message: str | None) -> None:
        self.field = field
        super().__init__(message)


class MissingField(StrictUndefined):
    """Stands for a missing field and raises its name when it is used."""

    __slots__ = ()

    def __init__(self, hint: str | None = None, obj: object = None, name: str | None = None, **_: object) -> None:
        super().__init__(hint, obj, name, partial(MissingFieldError, name))  # type: ignore[arg-type] # only called


class Sandbox(ImmutableSandboxedEnvironment):
    """Compile the templates of one language."""

    def __init__(self, locale: Locale) -> None:
        super().__init__(
            autoescape=True, undefined=MissingField, finalize=_refuse_null, trim_blocks=True, lstrip_blocks=True
        )
        self.globals.clear()
        ours = {name: _demanding(each) for name, each in filters_of(locale).items()}
        self.filters = {**{name: FILTERS[name] for name in BUILT_IN}, **ours}
        self._plural_counts = plural_counts(locale)

    def compile_text(self, source: str) -> Template:
        """Check a template and compile it.

        Raises:
            BadTemplateError: its syntax is wrong, or it uses what no text may use.

        """
        try:
            for problem in self._problems(self.parse(source)):
                raise BadTemplateError(problem)
            return self.from_string(source)
        except TemplateSyntaxError as fault:
            raise BadTemplateError(f"line {fault.lineno}: {fault.message}") from None

    def make_globals(self, _given: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Give a template no names but its payload's; Jinja's own look through nothing takes longer than most texts."""
        return {}

    def is_constant(self, source: str) -> bool:
        """Tell whether a template says the same with every payload."""
        return all(
            isinstance(node, nodes.Output | nodes.TemplateData) for node in self.parse(source).find_all(nodes.Node)
        )

    def getattr(self, obj: object, attribute: str) -> object:
        """Read a field of a JSON object; nothing else in a payload has any."""
        if isinstance(obj, LoopContext):
            return super().getattr(obj, attribute)
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return obj if isinstance(obj, Undefined) else self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """Read an item; a missing one has no name, for the name may be a value of the payload."""
        try:
            return obj[argument]  # type: ignore[index] # what cannot be indexed raises
        except (TypeError, LookupError):
            return self.undefined(obj=obj)

    def _problems(self, tree: nodes.Template) -> Iterator[str]:
        for node in tree.find_all(nodes.Node):
            if not isinstance(node, CONSTRUCTS):
                yield f"line {node.lineno or 1}: a text cannot use {type(node).__name__}"
            if isinstance(node, nodes.For) and (node.recursive or node.find(nodes.For)):
                yield f"line {node.lineno}: a loop in a loop"
            if isinstance(node, nodes.Filter):
                yield from self._filter_problems(node)

    def _filter_problems(self, node: nodes.Filter) -> Iterator[str]:
        if node.dyn_args or node.dyn_kwargs:
            yield f"line {node.lineno}: a filter's arguments must be written out"
        # two long values of a payload, one between the items of the other, would multiply
        if node.name == "join" and not all(isinstance(argument, nodes.Const) for argument in node.args):
            yield f'line {node.lineno}: "join" takes only a text that stands in the template'
        if node.name == "join" and node.kwargs:
            yield f'line {node.lineno}: "join" takes no named arguments'
        if node.name == "plural" and len(node.args) not in self._plural_counts:
            counts = " or ".join(str(count) for count in sorted(self._plural_counts))
            yield f'line {node.lineno}: "plural" takes {counts} words in this language'


def render(template: Template, payload: Mapping[str, Any]) -> str:
    """Render to HTML.

    Raises:
        BadPayloadError: a field is missing, or has a value that cannot be shown.

    """
    try:
        # `Template.render` copies the payload first
        context = template.new_context(payload, shared=True)  # type: ignore[arg-type] # only read
        return "".join(template.root_render_func(context))
    except MissingFieldError as fault:
        field = fault.field
    except FAULTS:
        field = None
    # outside of the handler: the fault's own text may hold a value of the payload
    raise BadPayloadError(field)


def _demanding(each: Filter) -> Filter:
    """Let a missing field raise its own name before a filter finds it of no use."""

    def demand(*arguments: object) -> str:
        for argument in arguments:
            if isinstance(argument, Undefined):
                str(argument)
        return each(*arguments)

    return demand


def _refuse_null(value: object) -> object:
    if value is None:
        raise ValueError("null")
    return value
