"""The commands of docs/install.md and of other pages: what the test runs is what the page says."""

from tests import page


def blocks(name: str = "install.md") -> dict[str, list[str]]:
    """Give the blocks of commands under each heading of a page."""
    return {heading: page.blocks(text) for heading, text in page.entries(page.read(name)).items() if heading}
