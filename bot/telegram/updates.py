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

MAX_HANDLER_SECONDS = 30.0  #: seconds for a handler, after which its update counts as handled
DATABASE_PAUSES = (0.5, 2.0, 5.0)  #: seconds, before each further attempt when the database is away
MAX_KNOWN_UPDATES = 1000  #: updates that are handled once, however often they are brought
DATABASE_ERRORS = (OperationalError, InterfaceError, PoolTimeoutError)


class UpdateDispatcher:
    """Gives updates to the handlers, side by side."""

    def __init__(self, bot: Bot, dispatcher: Dispatcher) -> None:
        """Remember whose handlers."""
        self._bot, self._dispatcher = bot, dispatcher
        self._running: dict[int, asyncio.Task[None]] = {}
        self._handled_ids: deque[int] = deque(maxlen=MAX_KNOWN_UPDATES)
        self._is_closed = False

    def close(self) -> None:
        """Take no more."""
        self._is_closed = True

    async def dispatch(self, update: Mapping[str, Any]) -> None:
        """Handle *update*; returns when that is done, or takes too long to be waited for."""
        if self._is_closed:  # it comes again, after us
            await asyncio.get_running_loop().create_future()
        number = update.get("update_id")
        if not isinstance(number, int):
            log.warning("an update without a number was passed over")
            return
        if number in self._handled_ids:
            return
        if number not in self._running:
            self._running[number] = asyncio.create_task(self._handle(number, update))
        await asyncio.wait({self._running[number]}, timeout=MAX_HANDLER_SECONDS)

    async def _handle(self, number: int, raw: Mapping[str, Any]) -> None:
        try:
            if update := self._parse(raw):
                await self._feed(update)
        except Exception:
            log.exception("update %s was not handled", number)
        finally:
            self._handled_ids.append(number)
            del self._running[number]

    def _parse(self, raw: Mapping[str, Any]) -> Update | None:
        """The update, if it is of a kind that is known; what is in it is nobody's business."""
        try:
            update = Update.model_validate(raw, context={"bot": self._bot})
            update.event_type  # noqa: B018 - it raises where there is none
        except (ValidationError, UpdateTypeLookupError):
            log.warning("an update of an unknown form was passed over: %s", sorted(raw)[:9])
            return None
        return update

    async def _feed(self, update: Update) -> None:
        for pause in DATABASE_PAUSES:
            try:
                await self._dispatcher.feed_update(self._bot, update)
            except DATABASE_ERRORS as err:  # handlers may do the same twice
                log.warning("the database is away: %s", type(err).__name__)
                await asyncio.sleep(pause)
            else:
                return
        await self._dispatcher.feed_update(self._bot, update)


LONG_POLL_SECONDS = 25  #: for which Telegram may wait for an update
REQUEST_MARGIN_SECONDS = 10  #: more than that, until a connection is given up
SETTLE_SECONDS = 0.3  #: between two askings while updates of before are being handled
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = (
    0.5,
    10.0,
)  #: seconds after a fault; twice as long each time

#: handles an update, and returns when Telegram may forget it
UpdateHandler = Callable[[Mapping[str, Any]], Awaitable[None]]


class GetRawUpdates(GetUpdates):
    """Updates as they come: one whose form is new must not keep all others from us."""

    __returning__ = list[Any]


class UnacknowledgedUpdates:
    """Updates that came, and that Telegram was not told to forget."""

    def __init__(self, handle: UpdateHandler) -> None:
        """Have *handle* handle them."""
        self._handle_update = handle
        self._tasks: dict[int, asyncio.Task[None]] = {}  # in the order of coming
        self._offset: int | None = None

    def add(self, updates: Sequence[Any]) -> bool:
        """Begin with those that are new, side by side; whether there was one that can be told."""
        numbered = [(number, update) for update in updates if (number := _get_update_id(update))]
        for number, update in numbered:
            if number not in self._tasks:
                self._tasks[number] = asyncio.create_task(self._run_handler(update))
        return bool(numbered) or not updates

    @property
    def offset(self) -> int | None:
        """The first that Telegram must tell us again if we die."""
        while self._tasks and (first := next(iter(self._tasks.items())))[1].done():
            self._offset = first[0] + 1
            del self._tasks[first[0]]
        return self._offset

    async def wait_until_settled(self, seconds: float) -> bool:
        """Wait so long for those that are being handled; whether there are none any more."""
        doing = [task for task in self._tasks.values() if not task.done()]
        if not doing:
            return True
        _, left = await asyncio.wait(doing, timeout=seconds)
        return not left

    async def _run_handler(self, update: Mapping[str, Any]) -> None:
        try:
            await self._handle_update(update)
        except Exception:
            log.exception("an update was not taken")


async def poll(
    bot: Bot, handle: UpdateHandler, update_kinds: Sequence[str], on_answer: Callable[[], None]
) -> NoReturn:
    """Give *handle* all updates as they come, without an end.

    Telegram forgets an update when we ask for those after it, which we do when it and all before
    it were handled: who dies before that is told again.

    Args:
        bot: whose updates they are.
        handle: see Take.
        update_kinds: of updates that are wanted, in Telegram's words.
        on_answer: called whenever Telegram did.
    """
    unconfirmed, pause = UnacknowledgedUpdates(handle), FIRST_PAUSE_SECONDS
    while True:
        seconds = LONG_POLL_SECONDS if await unconfirmed.wait_until_settled(SETTLE_SECONDS) else 0
        ask = GetRawUpdates(
            offset=unconfirmed.offset, timeout=seconds, allowed_updates=list(update_kinds)
        )
        try:
            updates = await bot(ask, request_timeout=seconds + REQUEST_MARGIN_SECONDS)
        except TelegramAPIError as err:
            _log_error(err, is_first=pause == FIRST_PAUSE_SECONDS)
            await asyncio.sleep(max(pause, _get_retry_after(err)))
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
            continue
        on_answer()
        if pause != FIRST_PAUSE_SECONDS:
            log.info("updates come again")
            pause = FIRST_PAUSE_SECONDS
        if not unconfirmed.add(updates):
            log.warning("updates without a number were passed over")
            await asyncio.sleep(MAX_PAUSE_SECONDS)


def _get_update_id(update: object) -> int:
    """Its number; 0 where it has none."""
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if isinstance(number, int) else 0


def _get_retry_after(err: TelegramAPIError) -> float:
    return err.retry_after if isinstance(err, TelegramRetryAfter) else 0


def _log_error(err: TelegramAPIError, *, is_first: bool) -> None:
    """Log a fault, once for a row of them."""
    if not is_first:
        return
    match err:
        case TelegramConflictError():
            log.warning("another process asks for this bot's updates; waiting until it is gone")
        case TelegramUnauthorizedError():
            log.error("Telegram does not know this BOT_TOKEN")
        case _:
            log.warning("no updates for now: %s", type(err).__name__)
