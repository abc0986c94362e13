"""Receives updates by polling, and gives each one to the handlers independently of the others."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from aiogram import Bot, Dispatcher
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramConflictError,
    TelegramUnauthorizedError,
)
from aiogram.methods import GetUpdates
from aiogram.types import Update
from aiogram.types.update import UpdateTypeLookupError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bot.telegram.partial_parsing import parse_known_parts

log = logging.getLogger(__name__)

MAX_HANDLER_SECONDS = 30.0  #: of a handler, after which its update counts as handled
DATABASE_PAUSES = (0.5, 2.0, 5.0)  #: seconds before each further attempt without a database
MAX_KNOWN_UPDATES = 1000  #: ids that are remembered, so that a repeated update is handled once
DATABASE_ERRORS = (OperationalError, InterfaceError, PoolTimeoutError)


class UpdateDispatcher:
    """Gives updates to the handlers concurrently, each one once."""

    def __init__(
        self, bot: Bot, dispatcher: Dispatcher, tell_user: Callable[[Update], Awaitable[None]]
    ) -> None:
        """Create it.

        Args:
            bot: receives the updates.
            dispatcher: knows the handlers.
            tell_user: called with an update that could not be handled.
        """
        self._bot, self._dispatcher, self._tell_user = bot, dispatcher, tell_user
        self._running: dict[int, asyncio.Task[None]] = {}
        self._handled_ids: deque[int] = deque(maxlen=MAX_KNOWN_UPDATES)
        self._is_closed = False

    def close(self) -> None:
        """Accept no more updates."""
        self._is_closed = True

    async def dispatch(self, update: Mapping[str, Any]) -> None:
        """Handle *update*; return when that is done or takes longer than MAX_HANDLER_SECONDS."""
        if self._is_closed:  # unanswered, Telegram sends it to the next process
            await asyncio.get_running_loop().create_future()
        number = update.get("update_id")
        if not isinstance(number, int):
            log.warning("an update without an id was ignored")
            return
        if number in self._handled_ids:
            return
        if number not in self._running:
            self._running[number] = asyncio.create_task(self._handle(number, update))
        await asyncio.wait({self._running[number]}, timeout=MAX_HANDLER_SECONDS)

    async def _handle(self, number: int, raw: Mapping[str, Any]) -> None:
        update = None
        try:
            if update := self._parse(raw):
                await self._feed(update)
        except Exception:
            log.exception("update %s was not handled", number)
            if update:
                await self._try_to_tell_user(update)
        finally:
            self._handled_ids.append(number)
            del self._running[number]

    def _parse(self, raw: Mapping[str, Any]) -> Update | None:
        """Return the known parts of an update; None for an unknown kind."""
        parse = partial(Update.model_validate, context={"bot": self._bot})
        update = parse_known_parts(parse, raw)
        try:
            if update is not None:
                update.event_type  # noqa: B018 - the property raises for an unknown kind
                return update
        except UpdateTypeLookupError:
            pass
        log.warning("an update of an unknown form was ignored: %s", sorted(raw)[:9])
        return None

    async def _try_to_tell_user(self, update: Update) -> None:
        try:
            await self._tell_user(update)
        except Exception:
            log.exception("the user of update %s cannot be told", update.update_id)

    async def _feed(self, update: Update) -> None:
        for pause in DATABASE_PAUSES:
            try:
                await self._dispatcher.feed_update(self._bot, update)
            except DATABASE_ERRORS as err:  # handlers tolerate that they run twice
                log.warning("the database is unavailable: %s", type(err).__name__)
                await asyncio.sleep(pause)
            else:
                return
        await self._dispatcher.feed_update(self._bot, update)


LONG_POLL_SECONDS = 25  #: for which Telegram waits for an update before it answers
REQUEST_MARGIN_SECONDS = 10  #: added to that for the request's timeout
#: between two requests while earlier updates are still handled: at first for each new one, since
#: all of them are received again; then doubled each time
FIRST_SETTLE_SECONDS, MAX_SETTLE_SECONDS = 0.02, 0.3
#: after an error, or an empty answer that came at once; doubled each time
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 10.0
EARLY_SECONDS = 1.0  #: within which an empty answer comes too early

#: handles an update, and returns when Telegram may forget it
UpdateHandler = Callable[[Mapping[str, Any]], Awaitable[None]]


class GetRawUpdates(GetUpdates):
    """getUpdates without parsing: one update of an unknown form must not block the others."""

    __returning__ = list[Any]


class UnacknowledgedUpdates:
    """Updates that were received, and that Telegram still keeps."""

    def __init__(self, handle: UpdateHandler) -> None:
        self._handle_update = handle
        self._tasks: dict[int, asyncio.Task[None]] = {}  # in the order of arrival
        self._offset: int | None = None
        self._settle_seconds = FIRST_SETTLE_SECONDS

    def add(self, updates: Sequence[Any]) -> bool:
        """Start handling those that are new; return False where none of them has an id."""
        numbered = [(number, update) for update in updates if (number := _get_update_id(update))]
        new = [(number, update) for number, update in numbered if number not in self._tasks]
        for number, update in new:
            self._tasks[number] = asyncio.create_task(self._run_handler(update))
        if new:
            self._settle_seconds = min(len(new) * FIRST_SETTLE_SECONDS, MAX_SETTLE_SECONDS)
        return bool(numbered) or not updates

    @property
    def offset(self) -> int | None:
        """The id of the first update that Telegram must keep."""
        while self._tasks and (first := next(iter(self._tasks.items())))[1].done():
            self._offset = first[0] + 1
            del self._tasks[first[0]]
        return self._offset

    async def wait_until_settled(self) -> bool:
        """Wait a little for running handlers; return whether all have ended.

        Meanwhile no other update is received, so the first waits are short.
        """
        running = [task for task in self._tasks.values() if not task.done()]
        if not running:
            return True
        _, pending = await asyncio.wait(running, timeout=self._settle_seconds)
        self._settle_seconds = min(2 * self._settle_seconds, MAX_SETTLE_SECONDS)
        return not pending

    async def _run_handler(self, update: Mapping[str, Any]) -> None:
        try:
            await self._handle_update(update)
        except Exception:
            log.exception("an update was not accepted")


async def poll(
    bot: Bot, handle: UpdateHandler, update_kinds: Sequence[str], on_answer: Callable[[], None]
) -> NoReturn:
    """Receive updates and give them to *handle*, without an end.

    Telegram forgets an update when later ones are requested. That happens after it and all before
    it were handled, so after a crash Telegram sends those again that were not.

    Where Telegram asks for a wait, RetryMiddleware refuses each request until the wait is over.

    Args:
        bot: the bot that receives them.
        handle: see UpdateHandler.
        update_kinds: the kinds to receive, in Telegram's words.
        on_answer: called after each answer of Telegram's.
    """
    updates = UnacknowledgedUpdates(handle)
    pause = empty_pause = FIRST_PAUSE_SECONDS
    while True:
        seconds = LONG_POLL_SECONDS if await updates.wait_until_settled() else 0
        method = GetRawUpdates(
            offset=updates.offset, timeout=seconds, allowed_updates=list(update_kinds)
        )
        asked_at = time.monotonic()
        try:
            received = await bot(method, request_timeout=seconds + REQUEST_MARGIN_SECONDS)
        except TelegramAPIError as err:
            _log_error(err, is_first=pause == FIRST_PAUSE_SECONDS)
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
            continue
        on_answer()
        if pause != FIRST_PAUSE_SECONDS:
            log.info("updates arrive again")
            pause = FIRST_PAUSE_SECONDS
        if not updates.add(received):
            log.warning("updates without an id were ignored")
            await asyncio.sleep(MAX_PAUSE_SECONDS)
        if received or seconds == 0 or time.monotonic() - asked_at > EARLY_SECONDS:
            empty_pause = FIRST_PAUSE_SECONDS
        else:  # a server in between does not wait for an update
            await asyncio.sleep(empty_pause)
            empty_pause = min(2 * empty_pause, MAX_PAUSE_SECONDS)


def _get_update_id(update: object) -> int:
    """Return the id; 0 where *update* has none."""
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if isinstance(number, int) else 0


def _log_error(err: TelegramAPIError, *, is_first: bool) -> None:
    """Log the first of several errors in a row."""
    if not is_first:
        return
    match err:
        case TelegramConflictError():
            log.warning("another process receives this bot's updates; waiting until it ends")
        case TelegramUnauthorizedError():
            log.error("Telegram does not accept this BOT_TOKEN")
        case _:
            log.warning("updates cannot be received: %s", type(err).__name__)
