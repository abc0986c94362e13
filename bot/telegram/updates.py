"""From an update as it came to the handlers; what is wrong with one harms no other."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn

from aiogram import Bot, Dispatcher
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramConflictError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import GetUpdates
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


LONG_SECONDS = 25  #: for which Telegram may wait for an update
SPARE_SECONDS = 10  #: more than that, until a connection is given up
GLANCE_SECONDS = 0.3  #: between two askings while updates of before are being handled
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  #: seconds after a fault; twice as long each time

#: handles an update, and returns when Telegram may forget it
Take = Callable[[Mapping[str, Any]], Awaitable[None]]


class Updates(GetUpdates):
    """Updates as they come: one whose form is new must not keep all others from us."""

    __returning__ = list[Any]


class Unconfirmed:
    """Updates that came, and that Telegram was not told to forget."""

    def __init__(self, take: Take) -> None:
        """Have *take* handle them."""
        self._take = take
        self._tasks: dict[int, asyncio.Task[None]] = {}  # in the order of coming
        self._offset: int | None = None

    def add(self, updates: Sequence[Any]) -> bool:
        """Begin with those that are new, side by side; whether there was one that can be told."""
        numbered = [(number, update) for update in updates if (number := _number(update))]
        for number, update in numbered:
            if number not in self._tasks:
                self._tasks[number] = asyncio.create_task(self._taken(update))
        return bool(numbered) or not updates

    @property
    def offset(self) -> int | None:
        """The first that Telegram must tell us again if we die."""
        while self._tasks and (first := next(iter(self._tasks.items())))[1].done():
            self._offset = first[0] + 1
            del self._tasks[first[0]]
        return self._offset

    async def settled(self, seconds: float) -> bool:
        """Wait so long for those that are being handled; whether there are none any more."""
        doing = [task for task in self._tasks.values() if not task.done()]
        if not doing:
            return True
        _, left = await asyncio.wait(doing, timeout=seconds)
        return not left

    async def _taken(self, update: Mapping[str, Any]) -> None:
        try:
            await self._take(update)
        except Exception:
            log.exception("an update was not taken")


async def poll(
    bot: Bot, take: Take, kinds: Sequence[str], answered: Callable[[], None]
) -> NoReturn:
    """Give *take* all updates as they come, without an end.

    Telegram forgets an update when we ask for those after it, which we do when it and all before
    it were handled: who dies before that is told again.

    Args:
        bot: whose updates they are.
        take: see Take.
        kinds: of updates that are wanted, in Telegram's words.
        answered: called whenever Telegram did.
    """
    unconfirmed, pause = Unconfirmed(take), FIRST_PAUSE
    while True:
        seconds = LONG_SECONDS if await unconfirmed.settled(GLANCE_SECONDS) else 0
        ask = Updates(offset=unconfirmed.offset, timeout=seconds, allowed_updates=list(kinds))
        try:
            updates = await bot(ask, request_timeout=seconds + SPARE_SECONDS)
        except TelegramAPIError as err:
            _tell(err, first=pause == FIRST_PAUSE)
            await asyncio.sleep(max(pause, _asked_for(err)))
            pause = min(2 * pause, LONGEST_PAUSE)
            continue
        answered()
        if pause != FIRST_PAUSE:
            log.info("updates come again")
            pause = FIRST_PAUSE
        if not unconfirmed.add(updates):
            log.warning("updates without a number were passed over")
            await asyncio.sleep(LONGEST_PAUSE)


def _number(update: object) -> int:
    """Its number; 0 where it has none."""
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if isinstance(number, int) else 0


def _asked_for(err: TelegramAPIError) -> float:
    return err.retry_after if isinstance(err, TelegramRetryAfter) else 0


def _tell(err: TelegramAPIError, *, first: bool) -> None:
    """Log a fault, once for a row of them."""
    if not first:
        return
    match err:
        case TelegramConflictError():
            log.warning("another process asks for this bot's updates; waiting until it is gone")
        case TelegramUnauthorizedError():
            log.error("Telegram does not know this BOT_TOKEN")
        case _:
            log.warning("no updates for now: %s", type(err).__name__)
