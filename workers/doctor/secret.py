"""What the doctor thinks of the secrets that others sign and come with."""

from workers.doctor.finding import Finding, ok, warn
from workers.settings import Settings, SettingsError

SHORTEST = 32
"""Bytes: as long as what HS256 makes of it; a shorter one is easier to find than to guess at."""
ROTATED = ("INBOX_JWT_SECRET", "OUTBOX_CONSUMER_SECRET")
TODO = "make it anew, for example with `openssl rand -base64 48`; the old one can stay beside it for a while"


def look_at_secrets(settings: Settings) -> list[Finding]:
    """Look at the secrets that are set: who only runs workers needs none."""
    return [_judge(name, several) for name in ROTATED if (several := _set(settings, name))]


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
