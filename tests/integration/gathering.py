"""A catalog whose messages are gathered: into digests, or into one that is edited."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from outbox.event_log import event
from outbox.relay import fan_out
from tests.integration.stage import Stage, payload
from workers.wiring.worker_parts import WorkerParts

NOTE, HELD, OTHER, ALONE = "note.list", "note.held", "other.list", "note.alone"
"""Of one category and listed; as that, and must not arrive twice; of another category; of the first, not listed."""
STATUS, SECRET = "status.changed", "status.secret"
"""Each edits the message that has its key; the second is urgent, sensitive, and must not arrive twice."""

CATALOG = """
default_language = "en"
base_url = "https://market.example"
[types."note.list"]
category = "notes"
channels = ["telegram"]
digest = true
link = "/jobs/{{ number }}"
[types."note.held"]
category = "notes"
channels = ["telegram"]
on_unknown = "hold"
digest = true
link = "/jobs/{{ number }}"
[types."note.alone"]
category = "notes"
channels = ["telegram"]
link = "/jobs/{{ number }}"
[types."other.list"]
category = "others"
channels = ["telegram"]
digest = true
link = "/jobs/{{ number }}"
[types."status.changed"]
category = "notes"
channels = ["telegram"]
collapse_key = "job/{{ key }}"
collapse_within = "1h"
[types."status.secret"]
category = "notes"
channels = ["telegram"]
urgent = true
sensitive = true
on_unknown = "hold"
collapse_key = "job/{{ key }}"
collapse_within = "1h"
"""
TEXT = """
[types."{name}"]
title = "{word} {{{{ number }}}}"
body = "-"
"""
WORDS = {NOTE: "Note", HELD: "Held", OTHER: "Other", ALONE: "Alone", STATUS: "Status", SECRET: "Secret"}


def with_catalog(stage: Stage) -> Stage:
    """Give a stage this catalog."""
    return replace(stage, environment={**stage.environment, "CATALOG_DIR": str(write(stage.folder / "catalog"))})


def write(folder: Path) -> Path:
    """Write the catalog's files."""
    folder.mkdir()
    (folder / "catalog.toml").write_text(CATALOG, encoding="utf-8")
    texts = "".join(TEXT.format(name=name, word=word) for name, word in WORDS.items())
    head = 'generic = "Something"\n[categories]\nnotes = "Notes"\nothers = "Others"\n'
    (folder / "en.toml").write_text(head + texts, encoding="utf-8")
    return folder


async def queue(stage: Stage, parts: WorkerParts, who: str, *types: str, first: int = 1) -> None:
    """Let messages of these types wait for somebody, numbered in their order."""
    for number, type_ in enumerate(types, first):
        await event.emit(stage.conn, type_, [who], payload(number) | {"number": number})
    await relay_all(stage, parts)


async def relay_all(stage: Stage, parts: WorkerParts) -> None:
    """Relay whatever is emitted."""
    while await fan_out.peek(stage.conn, parts.routes):
        await fan_out.step(stage.conn, parts.routes)


async def shown(stage: Stage, chat_id: int) -> list[str]:
    """Give what a chat shows: titles of single messages, titles of digests between bars."""
    return [_shown(message) for message in await stage.order("GET", f"chats/{chat_id}/messages")]


def _shown(message: Mapping[str, Any]) -> str:
    text: str = message["text"]
    if "\n\n• " not in text:
        return text.split("\n", maxsplit=1)[0]
    return "|".join(line.removeprefix("• ") for line in text.split("\n\n")[1].split("\n"))


async def rows(stage: Stage) -> list[tuple[str, str | None, int, int | None]]:
    """Give state, reason, attempts and message id of all deliveries in their order."""
    found = await stage.conn.fetch("select state, reason, attempts, message_id from outbox.delivery order by id")
    return [tuple(row) for row in found]
