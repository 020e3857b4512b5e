"""The poller: asks Telegram for updates, and acknowledges only what is done."""

import asyncio
import time
from collections.abc import Sequence

from aiogram.methods import DeleteWebhook, GetUpdates

from health import CheckName, Health, get_logger
from telegram.answer import Answer
from telegram.bot.answer_check import WELL, ReplyBackoff, check_of, is_conflict, meets_webhook
from telegram.bot.client import Client, result_list
from telegram.bot.error import StoreAwayError
from telegram.bot.incoming import KINDS, update_id_of
from telegram.bot.stopping import pause, unless_stopped
from telegram.bot.update_intake import UpdateIntake

log = get_logger()

LONG_POLL_S = 25
SHORT_POLL_S = 2
"""While something was wrong: half a minute is too long to learn that all is well again."""
MARGIN_S = 10.0
"""How much later than promised an answer may come."""
CLEAN_S = 10.0
"""So long no other reader must have shown before there is none."""
STORE_AGAIN_S = 0.5
NUMBERLESS_PAUSE_S = 5.0


class Poller:
    """Read the updates of one bot by getUpdates."""

    def __init__(self, client: Client, reception: UpdateIntake, health: Health, stopping: asyncio.Event) -> None:
        self._client = client
        self._reception = reception
        self._health = health
        self._stopping = stopping
        self._patience = ReplyBackoff()
        self._offset: int | None = None
        self._well = False
        self._conflict_at = -CLEAN_S

    async def run(self) -> None:
        """Poll until the process stops; what is being handled then is handled to its end."""
        await self._delete_webhook()
        while not self._stopping.is_set():
            answer = await unless_stopped(self._stopping, self._poll())
            if answer is None:
                return
            updates = result_list(answer)
            if updates is None:
                await self._fail(answer)
                continue
            self._succeed()
            if await self._take(updates):
                await self._acknowledge(updates)

    async def _poll(self) -> Answer:
        seconds = LONG_POLL_S if self._well else SHORT_POLL_S
        method = GetUpdates(offset=self._offset, timeout=seconds, allowed_updates=list(KINDS))
        return await self._client.ask(method, seconds + MARGIN_S, waits=True)

    async def _delete_webhook(self) -> None:
        """Take a webhook away, for the settings say to poll; the updates that wait stay."""
        await unless_stopped(self._stopping, self._client.ask(DeleteWebhook(drop_pending_updates=False)))

    async def _fail(self, answer: Answer) -> None:
        self._well = False
        if is_conflict(answer):
            self._conflict_at = time.monotonic()
        self._health.record(CheckName.TELEGRAM, check_of(answer))
        await pause(self._stopping, self._patience.after(answer))
        if meets_webhook(answer):
            await self._delete_webhook()

    def _succeed(self) -> None:
        self._patience.reset()
        if time.monotonic() >= self._conflict_at + CLEAN_S:
            self._well = True
            self._health.record(CheckName.TELEGRAM, WELL)

    async def _take(self, updates: Sequence[object]) -> bool:
        """Handle a batch, different chats side by side; false when the process stops before all is committed."""
        # a task begins in the order in which it was made, so those of one chat stand in their row in this order
        taken = await asyncio.gather(*(self._take_one(raw) for raw in updates))
        return all(taken)

    async def _take_one(self, raw: object) -> bool:
        while True:
            try:
                await self._reception.take(raw)
            except StoreAwayError:
                if self._stopping.is_set():
                    return False
                await pause(self._stopping, STORE_AGAIN_S)
            else:
                return True

    async def _acknowledge(self, updates: Sequence[object]) -> None:
        numbers = [number for raw in updates if (number := update_id_of(raw)) is not None]
        if numbers:
            self._offset = max(numbers) + 1
        elif updates:
            # it would come again at once, and for ever
            log.error("updates_unnumbered", count=len(updates))
            await pause(self._stopping, NUMBERLESS_PAUSE_S)
