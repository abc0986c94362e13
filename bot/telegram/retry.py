"""Repeats calls to Telegram, and waits for as long as Telegram asks."""

import asyncio
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

#: prefixes of methods whose repetition users see: each makes something new
VISIBLE_METHODS = ("send", "copy", "forward", "create", "upload", "add", "post")
#: methods that are never repeated: poll() repeats the first, and the second is worth one attempt
SINGLE_ATTEMPT_METHODS = (GetUpdates, SendChatAction)
MAX_QUIET_CHATS = 1000  #: entries after which those that are over are removed


class DeliveryUnknown(TelegramNetworkError):
    """The call was sent completely and no answer came, so Telegram may have carried it out."""


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """For how long a call is repeated.

    Attributes:
        attempts: at most, with the first one.
        max_retry_after: the longest "retry after" that is waited for, in seconds.
        max_seconds: after the first attempt, from which on no further wait begins.
        first_pause: seconds between the first two attempts after an error; doubled each time.
    """

    attempts: int = 5
    max_retry_after: float = 30
    max_seconds: float = 60
    first_pause: float = 0.5


class RetryMiddleware(BaseRequestMiddleware):
    """Repeats calls that failed for the moment, and waits where Telegram asks for it.

    Attributes:
        uncertain_repeats: repetitions of calls that may have been carried out before, so that users
            may see their effect twice.
        repeats: all repetitions.
    """

    def __init__(self, limits: RetryLimits) -> None:
        self._limits = limits
        self._quiet_until: dict[object, float] = {}  # the loop's time, by chat
        self.uncertain_repeats = self.repeats = 0

    async def __call__(
        self,
        make_request: NextRequestMiddlewareType[Any],
        bot: Bot,
        method: TelegramMethod[Any],
    ) -> Any:
        """Return the answer of the first attempt that succeeds.

        Raises:
            TelegramAPIError: none did, or the wait would be too long.
        """
        if isinstance(method, SINGLE_ATTEMPT_METHODS):
            return await self.call_once(make_request, bot, method)
        async for attempt in stamina.retry_context(
            _RetryDecision(self, self._limits, method),
            attempts=self._limits.attempts,
            timeout=self._limits.max_seconds,
            wait_initial=self._limits.first_pause,
            wait_jitter=self._limits.first_pause,
        ):
            with attempt:
                self.repeats += attempt.num > 1
                return await self.call_once(make_request, bot, method)
        raise AssertionError("unreachable")

    async def call_once(
        self, make_request: NextRequestMiddlewareType[Any], bot: Bot, method: TelegramMethod[Any]
    ) -> Any:
        """Return the answer of a single attempt.

        Raises:
            TelegramRetryAfter: Telegram asks for a wait, or did so for this chat before.
            TelegramAPIError: the attempt failed.
        """
        loop, chat = asyncio.get_running_loop(), _get_quiet_key(method)
        seconds_left = self._quiet_until.get(chat, 0) - loop.time()
        if seconds_left > 0:
            raise TelegramRetryAfter(
                method=method,
                message="an earlier call got this answer",
                retry_after=int(seconds_left) + 1,
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
    """Decides after each failure of one call whether it is repeated, and when."""

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
        elapsed = asyncio.get_running_loop().time() - self._started
        if seconds > self._limits.max_retry_after or elapsed + seconds > self._limits.max_seconds:
            return False
        return seconds + 0.05  # a timer may fire a moment early

    def _allow_one_repeat(self) -> bool:
        if self._is_repeated:
            return False
        self._is_repeated = True
        self._middleware.uncertain_repeats += 1
        return True


def _get_quiet_key(method: TelegramMethod[Any]) -> object:
    """Return what a "retry after" applies to: a chat, or the method where it has none."""
    return getattr(method, "chat_id", None) or method.__api_method__
