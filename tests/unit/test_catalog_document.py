import re
import tomllib
from dataclasses import fields
from pathlib import Path

from outbox.catalog.event_type import EventType
from outbox.catalog.load import load
from outbox.catalog.template import BUILT_IN

DOCUMENT = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text(encoding="utf-8")


def examples() -> list[str]:
    """Read the document's TOML."""
    return re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)


def test_the_documents_example_is_a_catalog(tmp_path: Path) -> None:
    """What a developer copies works."""
    catalog_toml, en = examples()
    (tmp_path / "catalog.toml").write_text(catalog_toml, encoding="utf-8")
    (tmp_path / "en.toml").write_text(en, encoding="utf-8")
    catalog = load(tmp_path)
    payload = {"id": 17, "amount": "978897.91", "currency": "USD", "job": "Reels"}
    text = catalog.render("payout.paid", "en", payload)
    assert (text.title, text.body) == ("Payout sent: $978,897.91", "Job: Reels")
    assert text.link == "https://market.example/payouts/17"


def test_the_document_explains_every_field_of_a_type() -> None:
    """Every field but the name has its line, and stands in the example."""
    known = {field.name for field in fields(EventType)} - {"name"}
    assert known <= set(re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE))
    assert known == set(tomllib.loads(examples()[0])["types"]["payout.paid"])


def test_the_document_names_every_filter_of_jinjas() -> None:
    """`d` is only short for `default`."""
    named = DOCUMENT[DOCUMENT.index("Of Jinja's own filters") :]
    assert set(re.findall(r"`(\w+)`", named)) == set(BUILT_IN) - {"d"}
