"""Settings: type, default, and for whom they are, as docs/settings.md and the units say."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.page import PROJECT
from tests.surface.product import SECRET, settings

ROW = re.compile(r"^\| `([A-Z_]+)`[ ¹]*(\(.+?\))?[ ¹]*\|(.*?)\|(.*)\|$", re.MULTILINE)
"""A setting may have several rows, each with the processes that it speaks of in brackets."""
UNTOLD = {"title", "anyOf", "default", "writeOnly"}


def listed() -> str:
    """Write down each setting by its name in the environment."""
    rows = ROW.findall(_text("docs/settings.md"))
    return "\n".join(line for name, one in sorted(settings().items()) for line in _lines(name.upper(), one, rows))


def _lines(name: str, schema: Mapping[str, Any], rows: Sequence[tuple[str, str, str, str]]) -> Iterator[str]:
    yield name
    yield f"  type: {' or '.join(_type(one) for one in schema.get('anyOf', [schema]))}"
    yield f"  default: {json.dumps(schema['default'], ensure_ascii=False) if 'default' in schema else 'made'}"
    for whose, usual, meaning in (cells for of, *cells in rows if of == name):
        yield f"  docs/settings.md: {f'{whose} ' if whose else ''}{usual.strip() or '-'} | {meaning.strip()}"
    if name in SECRET:
        yield f"  secret: also {name}_FILE, or a credential; {', '.join(_units(name)) or 'no unit'} loads it"
    yield ""


def _type(schema: Mapping[str, Any]) -> str:
    told = {name: value for name, value in schema.items() if name not in UNTOLD}
    kind = told.pop("type", "anything")
    items = [f"of {_type(told.pop('items'))}"] if "items" in told else []
    return ", ".join([kind, *items, *(f"{name} {value}" for name, value in sorted(told.items()))])


def _units(name: str) -> list[str]:
    folder = PROJECT / "deploy" / "systemd"
    units = sorted(path.name for path in folder.glob("*.service"))
    return [
        unit for unit in units if re.search(rf"^LoadCredential={name}:", _text(f"deploy/systemd/{unit}"), re.MULTILINE)
    ]


def _text(path: str) -> str:
    return (PROJECT / path).read_text(encoding="utf-8")
