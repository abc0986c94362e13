"""How often a call to Telegram is tried, and when it is left alone."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import stamina
from aiogram import Bot
from aiogram.client.session.middlewares.base import (
    BaseRequestMiddleware,
    NextRequestMiddlewareType,
)
from aiogram.exceptions import (
    TelegramEntityTooLarge,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import GetUpdates, SendChatAction, TelegramMethod

#: whose repetition would be seen: what they do is done once more
VISIBLE_METHODS = ("send", "copy", "forward", "create", "upload", "add", "post")
MAX_QUIET_CHATS = 1000  #: chats that asked for quiet, of which the past ones are forgotten then

_is_single_attempt: ContextVar[bool] = ContextVar("is_single_attempt", default=False)


class DeliveryUnknown(TelegramNetworkError):
    """The call was sent whole and no answer came: it may have been done."""


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How long a call is tried.

    Attributes:
        attempts: in all.
        max_retry_after: the longest "retry after" that is waited out, in seconds.
        max_seconds: seconds from the first attempt, after which no wait is begun.
        first_pause: seconds before the second attempt after a fault; then twice as long, and so on.
    """

    attempts: int = 5
    max_retry_after: float = 30
    max_seconds: float = 60
    first_pause: float = 0.5


@contextmanager
def limit_to_single_attempt() -> Iterator[None]:
    """Calls within are made once: not repeated, and not made while their chat wants quiet."""
    before = _is_single_attempt.set(True)
    try:
        yield
    finally:
        _is_single_attempt.reset(before)


class RetryMiddleware(BaseRequestMiddleware):
    """Waits where Telegram asks to, and repeats what failed in passing.

    Attributes:
        uncertain_repeats: repeated calls that may have succeeded before, each of which people
            may have seen twice.
        repeats: how many repetitions there were in all.
    """

    def __init__(self, limits: RetryLimits) -> None:
        self._limits = limits
        self._quiet_until: dict[object, float] = {}  # until when, by chat
        self.uncertain_repeats = self.repeats = 0

    async def __call__(
        self,
        make_request: NextRequestMiddlewareType[Any],
        bot: Bot,
        method: TelegramMethod[Any],
    ) -> Any:
        """The answer, as soon as there is one.

        Raises:
            TelegramAPIError: there is none, or it is too long to wait for.
        """
        if _is_single_attempt.get() or isinstance(method, GetUpdates | SendChatAction):
            return await self._try_once(make_request, bot, method)
        async for attempt in stamina.retry_context(
            _RetryDecision(self, self._limits, method),
            attempts=self._limits.attempts,
            timeout=self._limits.max_seconds,
            wait_initial=self._limits.first_pause,
            wait_jitter=self._limits.first_pause,
        ):
            with attempt:
                self.repeats += attempt.num > 1
                return await self._try_once(make_request, bot, method)
        raise AssertionError("unreachable")

    async def _try_once(
        self, make_request: NextRequestMiddlewareType[Any], bot: Bot, method: TelegramMethod[Any]
    ) -> Any:
        """One attempt, unless its chat still wants quiet."""
        loop, chat = asyncio.get_running_loop(), _get_quiet_key(method)
        rest = self._quiet_until.get(chat, 0) - loop.time()
        if rest > 0:
            raise TelegramRetryAfter(
                method=method, message="it said so before", retry_after=int(rest) + 1
            )
        try:
            return await make_request(bot, method)
        except TelegramRetryAfter as err:
            self._keep_quiet(chat, err.retry_after)
            raise

    def _keep_quiet(self, chat: object, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._quiet_until) >= MAX_QUIET_CHATS:
            self._quiet_until = {
                chat: until for chat, until in self._quiet_until.items() if until > now
            }
        self._quiet_until[chat] = now + seconds


class _RetryDecision:
    """How long to wait before one call's next attempt, if there is to be one."""

    def __init__(
        self, middleware: RetryMiddleware, limits: RetryLimits, method: TelegramMethod[Any]
    ) -> None:
        self._middleware, self._limits = middleware, limits
        self._is_visible = method.__api_method__.startswith(VISIBLE_METHODS)
        self._started = asyncio.get_running_loop().time()
        self._is_repeated = False

    def __call__(self, failure: Exception) -> bool | float:
        match failure:
            case TelegramRetryAfter():
                return self._decide_wait(failure.retry_after)
            case TelegramEntityTooLarge():
                return False
            case DeliveryUnknown() if self._is_visible:
                return self._allow_one_repeat()
            case TelegramNetworkError() | TelegramServerError():
                return True
        return False

    def _decide_wait(self, seconds: float) -> bool | float:
        gone = asyncio.get_running_loop().time() - self._started
        if seconds > self._limits.max_retry_after or gone + seconds > self._limits.max_seconds:
            return False
        return seconds + 0.05  # a timer may ring a moment early

    def _allow_one_repeat(self) -> bool:
        if self._is_repeated:
            return False
        self._is_repeated = True
        self._middleware.uncertain_repeats += 1
        return True


def _get_quiet_key(method: TelegramMethod[Any]) -> object:
    """Whom a "retry after" is about: a chat, or all calls of a kind that are to none."""
    return getattr(method, "chat_id", None) or method.__api_method__
