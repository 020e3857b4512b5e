"""Event types: where each goes and how it is treated, as `catalog.toml` says."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from outbox.catalog.toml_table import TomlTable
from outbox.delivery.channel import Channel
from outbox.delivery.decision import OnUnknown
from outbox.duration import duration

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
CATEGORY = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST_SPAN = timedelta(days=365)
COLLAPSE_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type of the catalog."""

    name: str
    category: str
    """What people switch on and off in their preferences."""
    channels: frozenset[Channel]
    urgent: bool = False
    """May use the share of the Telegram rate that broadcasts leave free."""
    on_unknown: OnUnknown = "resend"
    """What to do when nobody can say whether a Telegram message arrived."""
    ttl: timedelta | None = None
    """Time to live on Telegram, from the emit on, or from its deliver_at."""
    sensitive: bool = False
    """Its Telegram message can be neither forwarded nor saved."""
    link: str | None = None
    """Template of the page that the event is about."""
    mute_button: bool = False
    """Under its Telegram message a button that switches the category off."""
    digest: bool = False
    """When many of its category wait for one recipient, one Telegram message may list them."""
    collapse_key: str | None = None
    """Template: a later event with the same key edits the Telegram message of the earlier one."""
    collapse_within: timedelta = COLLAPSE_WITHIN
    """For how long after it was sent a message is edited rather than followed by another."""
    sample: Mapping[str, object] = field(default_factory=dict)
    """A payload to try the texts with."""


def read_types(types: TomlTable) -> Mapping[str, EventType]:
    """Read the table `types`.

    Raises:
        CatalogError: names the type and the field that is wrong.

    """
    if not types.values:
        raise types.fault("has no event type")
    for name in types.values:
        if not NAME.fullmatch(name):
            raise types.fault(f'"{name}" is no name of a type; use letters, digits and . _ - :')
    return MappingProxyType({name: _read_type(name, types.table(name)) for name in types.values})


def _read_type(name: str, table: TomlTable) -> EventType:
    table.allow(
        "category",
        "channels",
        "urgent",
        "on_unknown",
        "ttl",
        "sensitive",
        "link",
        "sample",
        "mute_button",
        "digest",
        "collapse_key",
        "collapse_within",
    )
    category = table.text("category")
    if not CATEGORY.fullmatch(category):
        raise table.fault(f'"{category}" is no category; use small letters, digits and _', "category")
    return EventType(
        name=name,
        category=category,
        channels=_read_channels(table),
        urgent=table.flag("urgent"),
        on_unknown=_read_on_unknown(table),
        ttl=_read_span(table, "ttl"),
        sensitive=table.flag("sensitive"),
        link=table.optional_text("link"),
        mute_button=table.flag("mute_button"),
        digest=_read_digest(table),
        collapse_key=table.optional_text("collapse_key"),
        collapse_within=_read_span(table, "collapse_within") or COLLAPSE_WITHIN,
        sample=_read_sample(table),
    )


def _read_channels(table: TomlTable) -> frozenset[Channel]:
    names = table.texts("channels")
    known = {channel.value for channel in Channel}
    for name in names:
        if name not in known:
            raise table.fault(f'unknown channel "{name}"; there are {", ".join(sorted(known))}', "channels")
    if not names or len(set(names)) < len(names):
        raise table.fault("must name each channel once, and at least one", "channels")
    return frozenset(map(Channel, names))


def _read_on_unknown(table: TomlTable) -> OnUnknown:
    match table.optional_text("on_unknown"):
        case None | "resend":
            return "resend"
        case "hold":
            return "hold"
        case other:
            raise table.fault(f'"{other}" is neither "resend" nor "hold"', "on_unknown")


def _read_span(table: TomlTable, field: str) -> timedelta | None:
    written = table.optional_text(field)
    if written is None:
        return None
    try:
        span = duration(written)
    except ValueError:
        span = timedelta(0)
    if not span:
        raise table.fault(f'"{written}" is no length of time; write a number and s, m, h, d or w, as in "3d"', field)
    if span > LONGEST_SPAN:
        raise table.fault(f'"{written}" is longer than {LONGEST_SPAN.days} days', field)
    return span


def _read_digest(table: TomlTable) -> bool:
    digest = table.flag("digest")
    for other in ("urgent", "collapse_key"):
        if digest and table.values.get(other):
            raise table.fault(f"a type with {other} is never folded into a digest", "digest")
    return digest


def _read_sample(table: TomlTable) -> Mapping[str, object]:
    sample = table.table("sample").values if "sample" in table.values else {}
    try:
        json.dumps(sample, allow_nan=False)
    except (TypeError, ValueError):
        raise table.fault("must be possible in JSON: write dates and times as texts", "sample") from None
    return MappingProxyType(dict(sample))
