"""The folders and modules of the product: each name says one thing, and docs/folders.md has a line for each folder."""

import ast
import re
from collections import Counter

from tests.page import PROJECT, read

PACKAGES = ("health", "inapp", "outbox", "telegram", "workers")
SIMULATOR = PROJECT / "telegram" / "simulator"
FILES = [
    path.relative_to(PROJECT)
    for package in PACKAGES
    for path in sorted((PROJECT / package).rglob("*.py"))
    # the simulator stands for Telegram, whose words are also ours: message, update, chat
    if SIMULATOR not in path.parents
]
MODULES = [path for path in FILES if path.stem not in {"__init__", "__main__"}]
FOLDERS = [path.parent for path in FILES if path.stem == "__init__"]

TWICE = {
    "error": "the errors of the package that it stands in",
    "settings": "those of a process, and /settings of the bot, whose files are named after its commands",
}
"""Stems that several modules have, and why."""
SAYS_NOTHING = {"base", "common", "helper", "helpers", "lib", "misc", "parts", "shared", "tools", "util", "utils"}


def test_no_module_is_called_as_another_one_is() -> None:
    """A stem means one module, but for those with a reason."""
    stems = Counter(path.stem for path in MODULES)
    assert {stem for stem, number in stems.items() if number > 1} == set(TWICE)


SAME = {"QuietHours": "what is decided by, and the API's model of it, whose name stands in the OpenAPI document"}
"""Classes of one name, and why."""


def test_no_class_is_called_as_another_one_is() -> None:
    """A class name means one class, but for those with a reason."""
    names = Counter(
        node.name
        for path in FILES
        for node in ast.parse((PROJECT / path).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    assert {name for name, number in names.items() if number > 1} == set(SAME)


def test_no_module_is_called_as_its_folder_is() -> None:
    """No `lane/lane.py`: the folder's name is said once, and the file's name says what of it."""
    assert [str(path) for path in MODULES if path.stem == path.parent.name] == []


def test_every_name_says_something() -> None:
    """No folder and no module is a drawer for what has no place."""
    names = {part.removesuffix(".py") for path in FILES for part in path.parts}
    assert names & SAYS_NOTHING == set()


def test_a_folder_has_its_line_on_the_page() -> None:
    """docs/folders.md lists every folder of `outbox` and `workers`, in order, each with what its docstring says."""
    listed = re.findall(r"^\| `((?:outbox|workers)/\w+)/` \| (.+) \|$", read("folders.md"), re.MULTILINE)
    assert listed == [(str(path), said(str(path))) for path in FOLDERS if str(path).count("/") == 1 and ours(str(path))]


def ours(folder: str) -> bool:
    """Tell whether the page lists the folder by itself."""
    return folder.startswith(("outbox/", "workers/"))


def said(folder: str) -> str:
    """Read the first line of what a package says of itself."""
    tree = ast.parse((PROJECT / folder / "__init__.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]
