"""From an update as it came to the handlers; what is wrong with one harms no other."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.types import Update
from pydantic import ValidationError

log = logging.getLogger(__name__)

PATIENCE = 10.0  #: seconds for handlers, after which the next updates are taken nevertheless


class Intake:
    """Gives updates to the handlers, side by side."""

    def __init__(self, bot: Bot, dispatcher: Dispatcher) -> None:
        """Remember whose handlers."""
        self._bot, self._dispatcher = bot, dispatcher
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def close(self) -> None:
        """Take no more."""
        self._closed = True

    async def take(self, updates: Sequence[dict[str, Any]]) -> None:
        """Handle them; returns when that is done, or takes too long to be waited for."""
        if self._closed:  # they come again, after us
            await asyncio.get_running_loop().create_future()
        tasks = [asyncio.create_task(self._handled(update)) for update in updates]
        for task in tasks:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await asyncio.wait(tasks, timeout=PATIENCE)

    async def _handled(self, raw: dict[str, Any]) -> None:
        try:
            update = Update.model_validate(raw, context={"bot": self._bot})
        except ValidationError:
            log.warning("an update of an unknown form was passed over: %s", sorted(raw)[:9])
            return
        try:
            await self._dispatcher.feed_update(self._bot, update)
        except Exception:
            log.exception("update %s was not handled", update.update_id)
