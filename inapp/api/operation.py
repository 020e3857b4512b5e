"""One endpoint of the OpenAPI document, as the page shows it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inapp.api.json_schema import Field, Schema, Schemas

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Shape:
    """One form that JSON can have."""

    description: str
    fields: Sequence[Field]
    example: str


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent or comes back."""

    status: str
    description: str
    media_type: str
    shapes: Sequence[Shape]
    """Empty where it is no JSON."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One HTTP method of one address."""

    method: str
    path: str
    tag: str
    summary: str
    description: str
    access: Sequence[str]
    """Whose token opens it; empty: none is needed."""
    parameters: Sequence[Field]
    body: Content | None
    answers: Sequence[Content]
    refusals: Mapping[str, str]
    """By HTTP status: its codes."""

    @property
    def anchor(self) -> str:
        """Name its place on the page."""
        return f"{self.method}{self.path}".replace("/", "-").replace("{", "").replace("}", "").lower()


def read_operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Read every endpoint of a document, in its order."""
    schemas = Schemas(document.get("components", {}).get("schemas", {}))
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            yield _read(schemas, method.upper(), path, told)


def _read(schemas: Schemas, method: str, path: str, told: Mapping[str, Any]) -> Operation:
    replies = told["responses"]
    return Operation(
        method,
        path,
        next(iter(told.get("tags", ())), ""),
        told.get("summary", ""),
        told.get("description", ""),
        [scheme for one in told.get("security", ()) for scheme in one],
        [
            schemas.field(one["name"], {**one["schema"], **_described(one)}, required=one["required"], place=one["in"])
            for one in told.get("parameters", ())
        ],
        _content(schemas, "", told["requestBody"]) if "requestBody" in told else None,
        [_content(schemas, status, reply) for status, reply in replies.items() if not _refuses(status)],
        {status: reply["description"] for status, reply in sorted(replies.items()) if _refuses(status)},
    )


def _described(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"description": told["description"]} if "description" in told else {}


def _refuses(status: str) -> bool:
    return status >= "400"


def _content(schemas: Schemas, status: str, told: Mapping[str, Any]) -> Content:
    contents: Mapping[str, Mapping[str, Any]] = told.get("content", {})
    media_type, content = next(iter(contents.items()), ("", {}))
    shapes = () if media_type != JSON else [_shape(schemas, one) for one in schemas.choices(content["schema"])]
    return Content(status, told.get("description", ""), media_type, shapes)


def _shape(schemas: Schemas, schema: Schema) -> Shape:
    properties = schema.get("properties", {})
    # what is around an answer's data is the same for all
    told = schemas.resolve(properties["data"]) if {"ok", "data"} <= properties.keys() else schema
    example = json.dumps(schemas.example(schema), indent=2, ensure_ascii=False)
    return Shape(told.get("description", ""), list(schemas.fields(told)), example)
