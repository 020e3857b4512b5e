"""docs/settings.md is held to the settings."""

import re

from tests import page
from workers.configuration.settings import SECRETS, Settings

PAGE = page.read("settings.md")
ROWS = re.findall(r"^\| `([A-Z_]+)`([ ¹]*)", PAGE, re.MULTILINE)


def test_every_setting_has_its_row() -> None:
    """The page explains each setting, and no other; HTTP_BIND twice, since it means two things."""
    assert sorted(name for name, _ in ROWS) == sorted([*map(str.upper, Settings.model_fields), "HTTP_BIND"])


def test_every_secret_is_marked() -> None:
    """The page says of the secrets, and of them alone, that they may come from a file."""
    assert sorted(name for name, mark in ROWS if "¹" in mark) == sorted(SECRETS)
