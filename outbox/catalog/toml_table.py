"""A TOML table that knows where it stands, so that each complaint about it names file, table and key."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from outbox.error import CatalogError

Value = TypeVar("Value")
KINDS = {bool: "true or false", str: "a text", list: "a list", dict: "a table"}


@dataclass(frozen=True, slots=True)
class TomlTable:
    """Keys and values, read strictly."""

    where: str
    values: Mapping[str, object]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            CatalogError: it is not there, cannot be read, or is no TOML.

        """
        try:
            return cls(path.name, tomllib.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            problem = f"not found in {path.parent}"
        except OSError as fault:
            problem = f"cannot be read: {fault.strerror}"
        except UnicodeDecodeError as fault:
            problem = f"is not UTF-8 (byte {fault.start})"
        except tomllib.TOMLDecodeError as fault:
            problem = f"is not TOML: {fault}"
        raise CatalogError(f"{path.name}: {problem}")

    def fault(self, problem: str, key: str | None = None) -> CatalogError:
        """Make the error that names this table and the key in one line."""
        place = self.where if key is None else f"{self.where}: {key}"
        return CatalogError(f"{place}: {' '.join(problem.split())}")

    def allow(self, *keys: str) -> None:
        """Refuse every other key.

        Raises:
            CatalogError: names the first key that is unknown.

        """
        for key in self.values:
            if key not in keys:
                raise self.fault(f"unknown key; there are {', '.join(keys)}", key)

    def table(self, key: str) -> "TomlTable":
        """Read a table."""
        return TomlTable(f"{self.where}: {key}", self._read(key, dict))

    def text(self, key: str) -> str:
        """Read a text that must be there and say something."""
        text = self._read(key, str)
        if not text.strip():
            raise self.fault("is empty", key)
        return text

    def optional_text(self, key: str) -> str | None:
        """Read a text that may be left out."""
        return self.text(key) if key in self.values else None

    def flag(self, key: str) -> bool:
        """Read a switch that is off when left out."""
        return self._read(key, bool) if key in self.values else False

    def texts(self, key: str) -> list[str]:
        """Read a list of texts."""
        items = self._read(key, list)
        if not all(isinstance(item, str) for item in items):
            raise self.fault("must be a list of texts", key)
        return items

    def _read(self, key: str, kind: type[Value]) -> Value:
        if key not in self.values:
            raise self.fault("is missing", key)
        value = self.values[key]
        if not isinstance(value, kind):
            raise self.fault(f"must be {KINDS[kind]}", key)
        return value
