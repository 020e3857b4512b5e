"""The version that health file, metrics and command name."""

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    """Ask the installed package; a bare checkout has none and is no reason to fail."""
    try:
        return version("vestnik")
    except PackageNotFoundError:
        return "0+unknown"


VERSION = _installed()
