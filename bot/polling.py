"""Asking Telegram for updates: one that cannot be read is passed over, another poller outwaited."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramConflictError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import GetUpdates

log = logging.getLogger(__name__)

LONG_SECONDS = 25  #: for which Telegram may wait for an update
SPARE_SECONDS = 10  #: more than that, until a connection is given up
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0  #: seconds after a fault; twice as long each time


class Updates(GetUpdates):
    """Updates as they come: one whose form is new must not keep all others from us."""

    __returning__ = list[dict[str, Any]]


async def poll(
    bot: Bot,
    take: Callable[[Sequence[dict[str, Any]]], Awaitable[None]],
    kinds: Sequence[str],
    answered: Callable[[], None],
) -> None:
    """Give *take* all updates as they come, without an end.

    Telegram forgets those that were taken at the next asking; who dies before is told again.

    Args:
        bot: whose updates they are.
        take: returns when they may be forgotten.
        kinds: of updates that are wanted, in Telegram's words.
        answered: called whenever Telegram did.
    """
    offset, pause = None, FIRST_PAUSE
    while True:
        try:
            updates = await bot(
                Updates(offset=offset, timeout=LONG_SECONDS, allowed_updates=list(kinds)),
                request_timeout=LONG_SECONDS + SPARE_SECONDS,
            )
        except TelegramAPIError as err:
            _tell(err, first=pause == FIRST_PAUSE)
            await asyncio.sleep(max(pause, _asked_for(err)))
            pause = min(2 * pause, LONGEST_PAUSE)
            continue
        answered()
        pause = FIRST_PAUSE
        if updates:
            await take(updates)  # type: ignore[arg-type]
            offset = 1 + max(_number(update) for update in updates)  # type: ignore[arg-type]


def _number(update: dict[str, Any]) -> int:
    number = update.get("update_id")
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
