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
SEEN = ("send", "copy", "forward", "create", "upload", "add", "post")
MANY = 1000  #: chats that asked for quiet, of which the past ones are forgotten then

_hurried: ContextVar[bool] = ContextVar("hurried", default=False)


class Doubtful(TelegramNetworkError):  # noqa: N818 - it says what happened
    """The call was sent whole and no answer came: it may have been done."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call is tried.

    Attributes:
        attempts: in all.
        wait: the longest "retry after" that is waited out, in seconds.
        total: seconds from the first attempt, after which no wait is begun.
        pause: seconds before the second attempt after a fault; then twice as long, and so on.
    """

    attempts: int = 5
    wait: float = 30
    total: float = 60
    pause: float = 0.5


@contextmanager
def hurried() -> Iterator[None]:
    """Calls within are made once: not repeated, and not made while their chat wants quiet."""
    before = _hurried.set(True)
    try:
        yield
    finally:
        _hurried.reset(before)


class Patient(BaseRequestMiddleware):
    """Waits where Telegram asks to, and repeats what failed in passing.

    Attributes:
        doubtful: how many calls were repeated that may have been done before, each of which people
            may have seen twice.
        repeated: how many repetitions there were in all.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._quiet: dict[object, float] = {}  # until when, by chat
        self.doubtful = self.repeated = 0

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
        if _hurried.get() or isinstance(method, GetUpdates | SendChatAction):
            return await self._attempt(make_request, bot, method)
        async for attempt in stamina.retry_context(
            _Pauses(self, self._patience, method),
            attempts=self._patience.attempts,
            timeout=self._patience.total,
            wait_initial=self._patience.pause,
            wait_jitter=self._patience.pause,
        ):
            with attempt:
                self.repeated += attempt.num > 1
                return await self._attempt(make_request, bot, method)
        raise AssertionError("unreachable")

    async def _attempt(
        self, make_request: NextRequestMiddlewareType[Any], bot: Bot, method: TelegramMethod[Any]
    ) -> Any:
        """One attempt, unless its chat still wants quiet."""
        loop, chat = asyncio.get_running_loop(), _chat(method)
        rest = self._quiet.get(chat, 0) - loop.time()
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
        if len(self._quiet) >= MANY:
            self._quiet = {chat: until for chat, until in self._quiet.items() if until > now}
        self._quiet[chat] = now + seconds


class _Pauses:
    """How long to wait before one call's next attempt, if there is to be one."""

    def __init__(self, patient: Patient, patience: Patience, method: TelegramMethod[Any]) -> None:
        self._patient, self._patience = patient, patience
        self._seen = method.__api_method__.startswith(SEEN)
        self._began = asyncio.get_running_loop().time()
        self._doubted = False

    def __call__(self, failure: Exception) -> bool | float:
        match failure:
            case TelegramRetryAfter():
                return self._wait(failure.retry_after)
            case TelegramEntityTooLarge():
                return False
            case Doubtful() if self._seen:
                return self._once_more()
            case TelegramNetworkError() | TelegramServerError():
                return True
        return False

    def _wait(self, seconds: float) -> bool | float:
        gone = asyncio.get_running_loop().time() - self._began
        if seconds > self._patience.wait or gone + seconds > self._patience.total:
            return False
        return seconds + 0.05  # a timer may ring a moment early

    def _once_more(self) -> bool:
        if self._doubted:
            return False
        self._doubted = True
        self._patient.doubtful += 1
        return True


def _chat(method: TelegramMethod[Any]) -> object:
    """Whom a "retry after" is about: a chat, or all calls of a kind that are to none."""
    return getattr(method, "chat_id", None) or method.__api_method__
