"""The documents hang together: all pages are in the index, and every link and path in them leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.page import PROJECT

DOCS = PROJECT / "docs"
PAGES = sorted(
    [
        *PROJECT.glob("*.md"),
        *DOCS.rglob("*.md"),
        PROJECT / "deploy" / "README.md",
        PROJECT / "tests" / "clients" / "README.md",
    ]
)
INDEX, HOW_DO_I = (DOCS / "README.md").read_text("utf-8"), (DOCS / "how-do-i.md").read_text("utf-8")
CHANGES = dict(re.findall(r"^## \.\.\. (.+)\?\n((?:(?!## ).*\n)*)", HOW_DO_I, re.MULTILINE))
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
ELSEWHERE = re.compile(r"[a-z]+://")
PATH = re.compile(r"`((?:deploy|docs|health|inapp|outbox|telegram|tests|workers)/[^` ]+)`")


def links(page: Path) -> Iterator[str]:
    """Give what a page links to within the project, pictures too."""
    for target in LINK.findall(CODE.sub("", page.read_text("utf-8"))):
        if not ELSEWHERE.match(found := "".join(target)):
            yield found


def anchors(page: Path) -> set[str]:
    """Name the headings of a page as links do."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page: Path, link: str) -> bool:
    """Tell whether there is such a file or folder, with such a heading."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link of a page is to a file or folder of the project, and to a heading that is there."""
    assert [link for link in links(page) if not leads_somewhere(page, link)] == []


def test_links_are_seen() -> None:
    """These tests see links to files, to headings, and pictures."""
    assert {"docs/images/bell.png", "docs/how-it-works.md"} <= set(links(PROJECT / "README.md"))
    assert "runbook.md#vestnikbotrefused" in set(links(DOCS / "health.md"))
    assert not leads_somewhere(DOCS / "health.md", "runbook.md#vestnikbotaccepted")


def test_every_page_is_in_the_index() -> None:
    """Whoever begins with docs/README.md finds each page of docs/, once."""
    listed = [link for link in links(DOCS / "README.md") if "/" not in link]
    assert sorted(listed) == sorted(page.name for page in DOCS.glob("*.md") if page.name != "README.md")
    assert "decisions/" in set(links(DOCS / "README.md"))


def test_the_index_says_what_one_does() -> None:
    """The pages stand in the order in which they are read."""
    assert re.findall(r"^## (.+)$", INDEX, re.MULTILINE) == ["Try", "Understand", "Build", "Operate", "Look up"]


def test_ten_changes_are_told() -> None:
    """The page knows how to make ten changes."""
    assert len(CHANGES) == 10


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_has_its_files_and_its_test(change: str) -> None:
    """Each change names one to three files and at least one test, and all of them are there."""
    (files,), (tests,) = (
        re.findall(rf"^- {kind}: (.+)$", CHANGES[change], re.MULTILINE) for kind in ("Files", "Tests")
    )
    assert 1 <= len(PATH.findall(files)) <= 3
    assert PATH.findall(tests)
    assert all(Path(path).name.startswith("test_") for path in PATH.findall(tests))
    assert [path for path in PATH.findall(files + tests) if not (PROJECT / path).is_file()] == []


def test_every_command_of_make_is_explained() -> None:
    """CONTRIBUTING.md has a row for each target, and for no other."""
    rows = re.findall(r"^\| `make ([\w-]+)", (PROJECT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    (targets,) = re.findall(r"^\.PHONY: (.+)$", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(rows) == set(targets.split())
