"""docs/health.md is held to what the code says of its checks."""

import ast
from collections.abc import Iterator

import pytest

from tests.page import PROJECT, read

PAGE = read("health.md")


def said(tree: ast.AST) -> Iterator[str]:
    """Give what checks that are not ok say: the words before anything that is put in."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Check" and len(call.args) > 1:
            texts = [part for part in ast.walk(call.args[1]) if isinstance(part, ast.Constant)]
            begins = str(texts[0].value).rstrip(": ") if texts else ""
            if "OK" not in ast.unparse(call.args[0]) and begins and not begins.startswith(":"):
                yield begins


DETAILS = {
    detail
    for package in ("health", "telegram", "workers")
    for file in (PROJECT / package).rglob("*.py")
    for detail in said(ast.parse(file.read_text(encoding="utf-8")))
} | {
    "another process reads this bot's updates",
    "a webhook was set",
    "the schema lacks",
    "the schema cannot be read",
    "refused (",
}
"""Those that stand in a `Check`, and those that are put together elsewhere."""


def test_details_are_found() -> None:
    """These tests see what the code says."""
    assert {
        "not checked yet",
        "out of reach",
        "behind: see vestnik status",
        "foreign cluster: run vestnik cursor rebase",
    } <= DETAILS


@pytest.mark.parametrize("detail", sorted(DETAILS))
def test_every_detail_is_explained(detail: str) -> None:
    """Whatever a check says that is not ok has its line, with what to do."""
    assert f"`{detail}" in PAGE
