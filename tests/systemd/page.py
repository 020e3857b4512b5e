"""The commands of docs/install.md: what the test runs is what the page says."""

from tests import page

PAGE = page.read("install.md")


def blocks() -> dict[str, list[str]]:
    """Give the blocks of commands under each heading."""
    return {heading: page.blocks(text) for heading, text in page.entries(PAGE).items() if heading}
