"""What others rely on changes knowingly: it is written down, and a change of it is a change of these files."""

import re
from difflib import unified_diff

import pytest

from tests.surface.dump import FILES, FOLDER
from tests.surface.source import packages

AGAIN = "others may rely on this; if it shall change, run `make surface` and commit tests/surface"


@pytest.mark.parametrize("name", FILES)
def test_the_surface_is_what_is_written_down(name: str) -> None:
    """A file of the surface is what the code gives."""
    kept, given = (FOLDER / name).read_text(encoding="utf-8").splitlines(), FILES[name]().splitlines()
    differences = unified_diff(kept, given, f"tests/surface/{name}", "the code", lineterm="")
    assert kept == given, "\n".join([AGAIN, *differences])


def test_no_other_file_is_written_down() -> None:
    """What is kept is what is compared."""
    kept = {path.name for path in FOLDER.iterdir() if path.suffix in {".txt", ".json"}}
    assert kept == set(FILES)


def test_one_file_knows_the_code() -> None:
    """Where in the product something stands is known to `product.py` alone: whoever moves it changes one file here."""
    ours = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(packages())})\b", re.MULTILINE)
    texts = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py")}
    assert [name for name, text in sorted(texts.items()) if ours.search(text)] == ["product.py"]
