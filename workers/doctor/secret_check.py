"""What the doctor thinks of the secrets: those that others sign and come with, and the files that hold them."""

from collections.abc import Mapping
from pathlib import Path

from workers.configuration.settings import SECRETS, Settings, SettingsError, secret_file
from workers.doctor.finding import Finding, ok, warn

SHORTEST = 32
"""Bytes: as long as what HS256 makes of it; a shorter one is easier to find than to guess at."""
ROTATED = ("INBOX_JWT_SECRET", "OUTBOX_CONSUMER_SECRET")
TODO = "make it anew, for example with `openssl rand -base64 48`; the old one can stay beside it for a while"


def look_at_secrets(settings: Settings) -> list[Finding]:
    """Look at the secrets that are set: who only runs workers needs none."""
    return [_judge(name, several) for name in ROTATED if (several := _set(settings, name))]


OTHERS = 0o077
"""What a file's group and everybody else may do with it."""


def look_at_files(environment: Mapping[str, str]) -> list[Finding]:
    """Look at who else may read the files that hold secrets; where none does, there is nothing to look at."""
    files = {name: file for name in SECRETS if (file := secret_file(name, environment)) is not None}
    open_ = [_judge_file(name, file) for name, file in files.items() if file.stat().st_mode & OTHERS]
    return open_ or ([ok("secret files", "only their owner may read them")] if files else [])


def _judge_file(name: str, file: Path) -> Finding:
    says = f"the file of {name} may be read by others: its mode is {file.stat().st_mode & 0o777:o}"
    return warn("secret files", says, f"chmod 600 {file}")


def _set(settings: Settings, name: str) -> tuple[str, ...]:
    try:
        return settings.rotated(name)
    except SettingsError:
        return ()


def _judge(name: str, several: tuple[str, ...]) -> Finding:
    shortest = min(len(one.encode()) for one in several)
    if shortest < SHORTEST:
        return warn(name.lower(), f"{name} holds a secret of {shortest} bytes, {SHORTEST} are the least", TODO)
    return ok(name.lower(), f"{len(several)} at a time" if len(several) > 1 else "is long enough")
