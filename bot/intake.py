"""From an update as it came to the handlers; what is wrong with one harms no other."""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.types import Update
from aiogram.types.update import UpdateTypeLookupError
from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

log = logging.getLogger(__name__)

PATIENCE = 30.0  #: seconds for a handler, after which its update counts as handled
PAUSES = (0.5, 2.0, 5.0)  #: seconds, before each further attempt when the database is away
KNOWN = 1000  #: updates that are handled once, however often they are brought
AWAY = (OperationalError, InterfaceError, PoolTimeoutError)


class Intake:
    """Gives updates to the handlers, side by side."""

    def __init__(self, bot: Bot, dispatcher: Dispatcher) -> None:
        """Remember whose handlers."""
        self._bot, self._dispatcher = bot, dispatcher
        self._doing: dict[int, asyncio.Task[None]] = {}
        self._handled: deque[int] = deque(maxlen=KNOWN)
        self._closed = False

    def close(self) -> None:
        """Take no more."""
        self._closed = True

    async def take(self, update: Mapping[str, Any]) -> None:
        """Handle *update*; returns when that is done, or takes too long to be waited for."""
        if self._closed:  # it comes again, after us
            await asyncio.get_running_loop().create_future()
        number = update.get("update_id")
        if not isinstance(number, int):
            log.warning("an update without a number was passed over")
            return
        if number in self._handled:
            return
        if number not in self._doing:
            self._doing[number] = asyncio.create_task(self._handle(number, update))
        await asyncio.wait({self._doing[number]}, timeout=PATIENCE)

    async def _handle(self, number: int, raw: Mapping[str, Any]) -> None:
        try:
            if update := self._read(raw):
                await self._feed(update)
        except Exception:
            log.exception("update %s was not handled", number)
        finally:
            self._handled.append(number)
            del self._doing[number]

    def _read(self, raw: Mapping[str, Any]) -> Update | None:
        """The update, if it is of a kind that is known; what is in it is nobody's business."""
        try:
            update = Update.model_validate(raw, context={"bot": self._bot})
            update.event_type  # noqa: B018 - it raises where there is none
        except (ValidationError, UpdateTypeLookupError):
            log.warning("an update of an unknown form was passed over: %s", sorted(raw)[:9])
            return None
        return update

    async def _feed(self, update: Update) -> None:
        for pause in PAUSES:
            try:
                await self._dispatcher.feed_update(self._bot, update)
            except AWAY as err:  # handlers may do the same twice
                log.warning("the database is away: %s", type(err).__name__)
                await asyncio.sleep(pause)
            else:
                return
        await self._dispatcher.feed_update(self._bot, update)
