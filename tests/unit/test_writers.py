"""docs/writers.md: who writes what, read from the statements themselves."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.page import PROJECT, read

PACKAGES = ("inapp", "outbox", "telegram", "workers")
WRITES = re.compile(r"\b(?:insert\s+into|update|delete\s+from|truncate)\s+outbox\.(\w+)", re.IGNORECASE)
FUNCTION = re.compile(r"^CREATE FUNCTION outbox\.(\w+)\(.*?AS \$(\w*)\$(.*?)\$\2\$;", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \| (.+) \|$", re.MULTILINE)


def in_modules() -> Iterator[tuple[str, str]]:
    """Give each table that a text of a module writes to, with the module."""
    for package in PACKAGES:
        for path in sorted((PROJECT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    for table in WRITES.findall(node.value):
                        yield table, f"`{path.relative_to(PROJECT)}`"


def in_functions() -> Iterator[tuple[str, str]]:
    """Give each table that a function of the schema writes to, with the function."""
    schema = (PROJECT / "outbox" / "schema.sql").read_text(encoding="utf-8")
    for name, _, body in FUNCTION.findall(schema):
        for table in WRITES.findall(body):
            yield table, f"`outbox.{name}()`"


def writers() -> Mapping[str, str]:
    """Name the writers of each table, functions first."""
    found = defaultdict[str, dict[str, None]](dict)
    for table, writer in (*sorted(in_functions()), *in_modules()):
        found[table][writer] = None
    return {table: ", ".join(found[table]) for table in sorted(found)}


def test_the_page_names_every_writer_and_no_other() -> None:
    """Each table has a row with the functions and modules whose statements write to it."""
    assert dict(ROW.findall(read("writers.md"))) == writers()
