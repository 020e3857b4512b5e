"""Settings: from the environment, from files named by NAME_FILE, or from systemd credentials of that name."""

import os
import re
import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, HttpUrl, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from health import TEXTFILE_SUFFIX, LogSample
from outbox.delivery.decision import SCHEDULE
from outbox.duration import duration
from workers.configuration.address import require_shape

SECRETS = ("DATABASE_URL", "REDIS_URL", "TELEGRAM_BOT_TOKEN", "OUTBOX_CONSUMER_SECRET", "INBOX_JWT_SECRET")

ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?|https?://\[[0-9a-f:]+\](:\d+)?")

PAID_SAMPLE = 0.01
"""A thousand messages a second would be 20 GB of log a day."""

LONGEST_DELAY_S = 30 * 24 * 3600
MOST_OPERATORS = 1000
"""An event has 10,000 recipients at the most; one that cannot be emitted would stop what it tells about."""


class SettingsError(Exception):
    """A setting that is missing or malformed; the message names it and never shows a secret."""


class Settings(BaseSettings):
    """All that can be set, by the names of the environment."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    telegram_bot_token: SecretStr | None = None
    telegram_api_base: HttpUrl = HttpUrl("https://api.telegram.org")
    outbox_consumer_secret: SecretStr | None = None
    inbox_jwt_secret: SecretStr | None = None
    catalog_dir: Path = Path("catalog")
    health_file: Path | None = None
    http_bind: str | None = None
    """Where `api` serves, `127.0.0.1:8080` there by default; a worker serves its probes here too when it is set."""
    metrics_bind: str | None = None
    """Where a worker serves /metrics and its probes; nowhere by default."""
    metrics_textfile: Path | None = None
    """Where `worker --once` leaves its metrics for node_exporter."""
    log_level: str = "info"
    log_format: str = "json"
    log_sample: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    """Share of the requests of which every line is written, of the others only faults; see `sample`."""
    bot_rate: float = Field(default=25, gt=0, allow_inf_nan=False)
    """Messages per second of the bot in all."""
    chat_rate: float = Field(default=1, gt=0, allow_inf_nan=False)
    """Messages per second of one private chat."""
    group_rate_per_minute: float = Field(default=18, gt=0, allow_inf_nan=False)
    paid_broadcast: bool = False
    retry_schedule: Annotated[tuple[timedelta, ...], NoDecode] = SCHEDULE
    """Seconds to wait after each failed attempt, comma-separated; after the last the delivery dies."""
    operators: Annotated[tuple[str, ...], NoDecode] = ()
    """Recipients, comma-separated, who are told in their inbox what only an operator can mend."""
    unlink_guard_share: float = Field(default=0.05, gt=0, le=1, allow_inf_nan=False)
    """Share of the sends refused for their chats above which no link is ended any more; 1 switches the guard off."""
    digest_over: int = Field(default=5, ge=2, le=1000)
    """When more messages of one category wait for one recipient, they are folded into one, where the catalog allows."""
    webhook_url: HttpUrl | None = None
    """Where Telegram shall send updates, an https address that reaches HTTP_BIND; without it `bot` polls."""
    telegram_link_base: HttpUrl = HttpUrl("https://t.me")
    """What a binding link begins with; the simulator's page in development."""
    inbox_jwt_audience: str | None = None
    """What an end user's token must name in `aud`; it is not looked at by default."""
    inbox_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Web origins whose pages may call the API, comma-separated: `https://app.example`."""
    inbox_rate: float = Field(default=10, gt=0, allow_inf_nan=False)
    """Requests per second that one end user may make of one API process, in the long run."""
    retention: timedelta = timedelta(days=30)
    """How long `prune` keeps an event after everything about it has come to its end: 30d, 24h, 90m."""
    retention_unread: timedelta = timedelta(days=180)
    """How long `prune` waits for a notification to be read."""
    instance: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")

    @field_validator("retry_schedule", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        seconds = [float(part) for part in value.split(",")]
        if not all(0 <= delay <= LONGEST_DELAY_S for delay in seconds):
            raise ValueError(f"each delay must lie between 0 and {LONGEST_DELAY_S} seconds")
        return tuple(timedelta(seconds=delay) for delay in seconds)

    @field_validator("operators", mode="before")
    @classmethod
    def _name(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = tuple(dict.fromkeys(name for part in value.split(",") if (name := part.strip())))
        if len(names) > MOST_OPERATORS or not all(name.isprintable() for name in names):
            raise ValueError(f"it must be recipient ids with commas between them, at most {MOST_OPERATORS}")
        return names

    @field_validator("retention", "retention_unread", mode="before")
    @classmethod
    def _measure(cls, value: object) -> object:
        return duration(value) if isinstance(value, str) else value

    @field_validator("inbox_origins", mode="before")
    @classmethod
    def _allow(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        origins = tuple(dict.fromkeys(origin for part in value.split(",") if (origin := part.strip())))
        if not all(ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError("it must be origins with commas between them, each like https://app.example")
        return origins

    @field_validator("metrics_textfile")
    @classmethod
    def _collected(cls, value: Path | None) -> Path | None:
        if value is not None and (value.suffix != TEXTFILE_SUFFIX or not value.is_absolute()):
            raise ValueError(
                f"it must be an absolute path that ends in {TEXTFILE_SUFFIX}: node_exporter reads no other"
            )
        return value

    @field_validator("database_url", "redis_url", "telegram_bot_token")
    @classmethod
    def _shaped(cls, value: SecretStr | None, field: ValidationInfo) -> SecretStr | None:
        if value is not None:
            require_shape(str(field.field_name), value.get_secret_value())
        return value

    def secret(self, name: str) -> str:
        """Return a secret by its name in the environment.

        Raises:
            SettingsError: it is not set.

        """
        value: SecretStr | None = getattr(self, name.lower())
        if value is None or not value.get_secret_value():
            raise SettingsError(f"{name} is not set (nor {name}_FILE, nor a credential of that name)")
        return value.get_secret_value()

    def rotated(self, name: str) -> tuple[str, ...]:
        """Return a secret of which several may hold at once: written one after the other, with space between them.

        Raises:
            SettingsError: it is not set.

        """
        several = tuple(self.secret(name).split())
        if not several:
            raise SettingsError(f"{name} is malformed: it holds nothing but space")
        return several

    @property
    def sample(self) -> LogSample:
        """Which lines about success are written: by default all, in paid broadcast one of a hundred requests."""
        if self.log_sample is not None:
            return LogSample(self.log_sample)
        return LogSample(PAID_SAMPLE) if self.paid_broadcast else LogSample()

    @property
    def api_base(self) -> str:
        """The Bot API's address without a slash at its end."""
        return str(self.telegram_api_base).rstrip("/")


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a setting is malformed, or the file of a secret cannot be read.

    """
    values: dict[str, Any] = {name: text for name in SECRETS if (text := _from_file(name, environment)) is not None}
    return _made({name.lower(): text for name, text in values.items()})


def postgres_url(text: str, name: str) -> str:
    """Hold a URL that was given by hand to what DATABASE_URL may be.

    Raises:
        SettingsError: it is malformed; the message calls it by that name.

    """
    if not text:
        raise SettingsError(f"{name} is empty")
    try:
        return _made({"database_url": text}).secret("DATABASE_URL")
    except SettingsError as fault:
        raise SettingsError(str(fault).replace("DATABASE_URL", name, 1)) from None


def _made(values: dict[str, Any]) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as invalid:
        fault = invalid.errors(include_input=False, include_url=False, include_context=False)[0]
        name = str(fault["loc"][0]).upper()
        raise SettingsError(f"{name} is malformed: {fault['msg'].removeprefix('Value error, ')}") from None


def secret_file(name: str, environment: Mapping[str, str]) -> Path | None:
    """Tell which file a secret is read from; None where it stands in the environment, or nowhere."""
    if environment.get(name):
        return None
    if named := environment.get(f"{name}_FILE"):
        return Path(named)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    path = Path(credentials) / name if credentials else None
    return path if path is not None and path.exists() else None


def _from_file(name: str, environment: Mapping[str, str]) -> str | None:
    path = secret_file(name, environment)
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError(f"{name}_FILE cannot be read: {type(fault).__name__}") from None
