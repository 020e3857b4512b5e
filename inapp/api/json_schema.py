"""JSON schemas in words: the fields that a value has, what each can be, and an example."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

DEEPEST = 6
"""Objects inside objects that are told; a schema may contain itself."""
TYPES: Mapping[str, str] = {
    "string": "text",
    "integer": "number",
    "boolean": "true or false",
    "array": "list",
    "null": "null",
}
FORMATS: Mapping[str, str] = {"date-time": "time, RFC 3339", "uuid": "UUID"}
BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "minLength": "characters: at least",
    "maxLength": "characters: at most",
    "minItems": "entries: at least",
    "maxItems": "entries: at most",
    "pattern": "matches",
    "default": "by default",
}
SAMPLES: Mapping[str, object] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True}
FORMAT_SAMPLES = {"date-time": "2026-03-31T09:30:00Z", "uuid": "3f2b8c1e-5d1a-4c55-9b1f-0a6f4f6d2c11"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a value, or one parameter."""

    name: str
    """With the fields it lies in: `data.items[].id`."""
    type: str
    required: bool
    description: str = ""
    bounds: str = ""
    place: str = ""
    """Of a parameter: query, path or header."""


@dataclass(frozen=True, slots=True)
class Schemas:
    """The schemas of one OpenAPI document."""

    components: Mapping[str, Schema]

    def resolve(self, schema: Schema) -> Schema:
        """Follow a reference; what stands beside it holds too."""
        if "$ref" not in schema:
            return schema
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        return {**self.resolve(self.components[schema["$ref"].rpartition("/")[2]]), **beside}

    def choices(self, schema: Schema) -> Sequence[Schema]:
        """Tell which schemas a value may follow: one, or several that exclude null."""
        schema = self.resolve(schema)
        several = [self.resolve(one) for one in _choices(schema) if one.get("type") != "null"]
        return several or [schema]

    def type_of(self, schema: Schema) -> str:
        """Say what a value can be."""
        schema = self.resolve(schema)
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return " or ".join(json.dumps(value) for value in schema["enum"])
        if choices := _choices(schema):
            return " or ".join(dict.fromkeys(self.type_of(one) for one in choices))
        if schema.get("type") == "array":
            return f"list of {self.type_of(schema.get('items', {}))}"
        if schema.get("type") == "object":
            return self._object_type(schema)
        type_ = str(schema.get("type", "anything"))
        return FORMATS.get(schema.get("format", ""), TYPES.get(type_, type_))

    def _object_type(self, schema: Schema) -> str:
        rest = schema.get("additionalProperties")
        if "properties" in schema or not isinstance(rest, Mapping):
            return "object"
        keys = self.type_of(schema["propertyNames"]) if "propertyNames" in schema else "text"
        return f"object: {keys} → {self.type_of(rest)}"

    def fields(self, schema: Schema, prefix: str = "", depth: int = 0) -> Iterator[Field]:
        """Tell the fields of an object, and those of the objects in it."""
        schema = self._inner(schema)
        required = schema.get("required", ())
        for name, value in schema.get("properties", {}).items():
            yield self.field(f"{prefix}{name}", value, required=name in required)
            inner, sign = self._inner(value), "."
            if inner.get("type") == "array":
                inner, sign = self._inner(inner.get("items", {})), "[]."
            if depth < DEEPEST:
                yield from self.fields(inner, f"{prefix}{name}{sign}", depth + 1)

    def field(self, name: str, schema: Schema, *, required: bool, place: str = "") -> Field:
        """Tell one field."""
        inner = {**self._inner(schema), **schema}
        bounds = ", ".join(_bound(inner, key) for key in BOUNDS if inner.get(key) not in (None, [], {}))
        words = schema.get("description") or ""
        return Field(name, self.type_of(schema), required, words, bounds, place)

    def _inner(self, schema: Schema) -> Schema:
        """Look past `or null`, and past whatever else a value can be."""
        schema = self.resolve(schema)
        choices = [one for one in _choices(schema) if one.get("type") != "null"]
        return self._inner(choices[0]) if choices else schema

    def example(self, schema: Schema, depth: int = 0) -> object:
        """Make up a value."""
        inner = self._inner(schema)
        given = _given(schema) or _given(self.resolve(schema)) or _given(inner)
        if given:
            return given[0]
        match inner.get("type"):
            case "object":
                return self._example_object(inner, depth)
            case "array":
                return [self.example(inner.get("items", {}), depth + 1)] if depth < DEEPEST else []
            case type_:
                return FORMAT_SAMPLES.get(inner.get("format", ""), SAMPLES.get(str(type_)))

    def _example_object(self, schema: Schema, depth: int) -> object:
        properties = schema.get("properties", {}) if depth < DEEPEST else {}
        return {name: self.example(value, depth + 1) for name, value in properties.items()}


def _choices(schema: Schema) -> Sequence[Schema]:
    chosen: Sequence[Schema] = schema.get("anyOf") or schema.get("oneOf") or ()
    return chosen


def _given(schema: Schema) -> Sequence[object]:
    """Tell the values that the schema names itself, the best one first."""
    default = schema.get("default")
    named = [*schema.get("examples", ()), *schema.get("enum", ()), *([] if default is None else [default])]
    return [*named, schema["const"]] if "const" in schema else named


def _bound(schema: Schema, key: str) -> str:
    value = schema[key]
    return f"{BOUNDS[key]} {value if key == 'pattern' else json.dumps(value)}"
