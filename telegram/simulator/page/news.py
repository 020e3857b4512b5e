"""What has changed since a page last asked."""

import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass, field

from pydantic import BaseModel, Field

from telegram.simulator.chat import Chat
from telegram.simulator.page.row import as_text, row
from telegram.simulator.world import World

PAUSE_SECONDS = 0.3
"""How long a page waits until it asks again."""
SHARE = 10
"""A page may cost the simulator one part in so many of its time: a large world is asked less often."""


class Question(BaseModel):
    """What a page knows already and what it shows."""

    epoch: str = ""
    """The world that its knowledge is of: a reset and a restart begin another."""
    revision: int = 0
    chat: int | None = None
    """The conversation that is open."""
    last: int = Field(100, ge=1, le=10_000)
    """How many of its messages are shown."""
    digest: str = ""
    """Which state of the conversation is shown."""
    calls_after: int | None = None
    """The last call that is shown; None: the list of calls is closed."""
    calls: int = Field(200, ge=1, le=1_000)


@dataclass(slots=True)
class News:
    """One world's changes, numbered: any number of pages ask for what is newer than they know."""

    world: World
    _journal: object = None
    _epoch: str = ""
    _revision: int = 0
    _rows: dict[int, dict[str, object]] = field(default_factory=dict)
    _changed: dict[int, int] = field(default_factory=dict)
    """By chat: the revision of its last change."""

    def since(self, question: Question) -> dict[str, object]:
        """Answer a page."""
        began = time.perf_counter()
        self._look()
        whole = question.epoch != self._epoch
        known = -1 if whole else question.revision
        answer: dict[str, object] = {
            "epoch": self._epoch,
            "revision": self._revision,
            "whole": whole,
            "chats": [self._rows[chat_id] for chat_id, revision in self._changed.items() if revision > known],
            "conversation": self._conversation(question),
            "strip": self._strip(),
            "calls": self._calls(question, whole=whole),
            "bots": [{"id": bot.bot_id, "username": bot.username} for bot in self.world.bots.values()],
        }
        answer["pause_seconds"] = max(PAUSE_SECONDS, SHARE * (time.perf_counter() - began))
        return answer

    def _look(self) -> None:
        if self._journal is not self.world.journal:
            # A reset makes a new journal: what pages know is of a world that is gone.
            self._journal, self._epoch = self.world.journal, secrets.token_hex(8)
            self._revision, self._rows, self._changed = 0, {}, {}
        next_revision = self._revision + 1
        for chat_id, chat in self.world.chats.items():
            seen = row(chat)
            if self._rows.get(chat_id) != seen:
                self._rows[chat_id], self._changed[chat_id] = seen, next_revision
                self._revision = next_revision

    def _conversation(self, question: Question) -> dict[str, object] | None:
        """Give the open conversation, or None when it looks as the page shows it."""
        chat = None if question.chat is None else self.world.chat(question.chat)
        if chat is None:
            return None
        shown = _shown(chat, question.last)
        digest = hashlib.blake2b(json.dumps(shown).encode(), digest_size=12).hexdigest()
        return None if digest == question.digest else {**shown, "digest": digest}

    def _strip(self) -> dict[str, object]:
        now, journal = time.monotonic(), self.world.journal
        faults = [
            {"kind": each.kind, "method": each.method, "chat": as_text(each.chat_id), "left": each.left()}
            for each in self.world.faults.orders
        ]
        waits = [
            wait.as_json() | {"chat_id": as_text(wait.chat_id)}
            for bot in self.world.bots.values()
            for wait in bot.flood.waits(now)
        ]
        return {
            **asdict(journal.counters),
            "rate_last_second": journal.rate_last_second(now),
            "waits": waits,
            "faults": [fault for fault in faults if fault["left"] != 0],
        }

    def _calls(self, question: Question, *, whole: bool) -> list[dict[str, object]]:
        if question.calls_after is None:
            return []
        known = 0 if whole else question.calls_after
        return [
            call.as_json() | {"chat_id": as_text(call.chat_id)}
            for call in self.world.journal.last(question.calls)
            if call.number > known
        ]


def _shown(chat: Chat, count: int) -> dict[str, object]:
    messages = [message.as_seen() for message in chat.messages[-count:]]
    return {"id": str(chat.chat_id), "total": len(chat.messages), "messages": messages}
