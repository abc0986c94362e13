"""Updates come in, whatever Telegram, its network and other pollers do."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from aiogram import Bot, Dispatcher, Router
from aiogram.types import Message, Update
from sqlalchemy.exc import OperationalError

from bot.telegram.client import create_bot_api_session
from bot.telegram.updates import UpdateDispatcher, poll
from tests.bot.support.fake_telegram import Telegram, User
from tests.bot.support.scripted_telegram import answer_with, connect_bot, run_scripted_server


class Listener:
    """A bot that polls, and records the texts that it receives."""

    def __init__(self, telegram: Telegram) -> None:
        self.bot = Bot(telegram.token, session=create_bot_api_session(telegram.url))
        self.received: list[str] = []
        self.slow: dict[str, asyncio.Event] = {}  #: texts whose handling takes until then
        self.broken: dict[str, list[Exception]] = {}  #: texts whose handling fails so, first
        router = Router()
        router.message.register(self._hear)
        dispatcher = Dispatcher()
        dispatcher.include_router(router)
        self.failed: list[int] = []  #: ids of updates whose users were told of an error
        self.dispatcher = UpdateDispatcher(self.bot, dispatcher, self._tell_user)
        self.answers = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to poll."""
        self._task = asyncio.create_task(
            poll(self.bot, self.dispatcher.dispatch, ["message"], self._answered)
        )

    async def stop(self) -> None:
        """As a crash does."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.bot.session.close()

    async def _tell_user(self, update: Update) -> None:
        self.failed.append(update.update_id)

    def _answered(self) -> None:
        self.answers += 1

    async def _hear(self, message: Message) -> None:
        text = message.text or ""
        if self.broken.get(text):
            raise self.broken[text].pop(0)
        if text in self.slow:
            await self.slow[text].wait()
        self.received.append(text)


@pytest.fixture
async def listener(telegram: Telegram) -> AsyncIterator[Listener]:
    """One that does not poll yet."""
    made = Listener(telegram)
    yield made
    await made.stop()


@pytest.fixture
def ann(telegram: Telegram) -> User:
    """A user."""
    return telegram.user(7)


async def test_updates_come_once_and_are_confirmed(
    telegram: Telegram, listener: Listener, ann: User
) -> None:
    """In the order in which they were sent."""
    listener.start()
    for text in "abc":
        await ann.sends_text(text)
    await telegram.until(lambda: listener.received == ["a", "b", "c"])
    await telegram.until(lambda: not telegram.updates.waiting())
    assert listener.answers


@pytest.mark.parametrize(
    "update",
    [
        {"message": {"text": "canary without a chat"}},
        {"message": "canary that is no object"},
        {"of_a_kind_to_come": {"canary": 1}},
        {},
        {"message": None},
        {"message": {"message_id": "x" * 10000, "date": {"canary": []}}},
    ],
)
async def test_what_cannot_be_read_is_passed_over(
    telegram: Telegram,
    listener: Listener,
    ann: User,
    caplog: pytest.LogCaptureFixture,
    update: dict[str, Any],
) -> None:
    """What comes with it and after it is handled; what is in it is not logged."""
    await ann.sends_text("before")
    telegram.push(**update)
    await ann.sends_text("after")
    listener.start()
    await telegram.until(lambda: listener.received == ["before", "after"])
    await telegram.until(lambda: not telegram.updates.waiting())
    assert "ignored" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize(
    "unknown",
    [
        {"forward_origin": {"type": "to come", "date": 5}},
        {"via_bot": {"id": "hidden"}, "entities": [{"type": "bold", "offset": "x", "length": 1}]},
        {"reply_to_message": {"message_id": 4}},
    ],
)
async def test_an_unknown_part_does_not_hide_the_message(
    telegram: Telegram, listener: Listener, unknown: dict[str, Any]
) -> None:
    """A new kind of origin, a hidden user: what is known of the message is handled."""
    message = {"message_id": 9, "date": 1, "chat": {"id": 7, "type": "private"}, "text": "hello"}
    telegram.push(message=message | unknown)
    listener.start()
    await telegram.until(lambda: listener.received == ["hello"])


async def test_empty_answers_that_come_at_once_are_not_asked_for_all_the_time() -> None:
    """Whatever stands between Telegram and the bot."""
    async with run_scripted_server() as server, connect_bot(server.url) as bot:
        server.answer("getUpdates", answer_with([]))
        polling = asyncio.create_task(poll(bot, ignore_update, ["message"], lambda: None))
        await asyncio.sleep(2.2)
        polling.cancel()
    assert 2 <= len(server.calls) <= 4


async def ignore_update(_update: Mapping[str, Any]) -> None:
    """Handle nothing."""


async def test_nobody_waits_for_somebody_elses_slow_handler(
    telegram: Telegram, listener: Listener, ann: User
) -> None:
    """Nor for another message of the same moment."""
    listener.slow["slow"] = asyncio.Event()
    await ann.sends_text("slow")
    listener.start()
    await asyncio.sleep(0.3)
    for _ in range(3):
        await telegram.user(8).sends_text("quick")
    await telegram.until(lambda: listener.received == ["quick"] * 3, 2)
    assert len(telegram.updates.waiting()) == 4, "confirmed before it was handled"
    listener.slow["slow"].set()
    await telegram.until(lambda: not telegram.updates.waiting())
    assert listener.received == [*["quick"] * 3, "slow"]


async def test_who_dies_in_a_handler_is_told_again(
    telegram: Telegram, listener: Listener, ann: User
) -> None:
    """An update is confirmed when it was handled, not before."""
    listener.slow["slow"] = asyncio.Event()
    await ann.sends_text("slow")
    listener.start()
    await asyncio.sleep(1)
    await listener.stop()
    another = Listener(telegram)
    another.start()
    await telegram.until(lambda: another.received == ["slow"])
    await another.stop()


async def test_an_update_that_is_brought_often_is_handled_once(
    listener: Listener, telegram: Telegram, ann: User
) -> None:
    """At the same time, and later."""
    sent = await ann.sends_text("once")
    update: Mapping[str, Any] = {"update_id": 5, "message": telegram.as_api(sent)}
    listener.slow["once"] = asyncio.Event()
    taken = [asyncio.create_task(listener.dispatcher.dispatch(update)) for _ in range(3)]
    await asyncio.sleep(0.05)
    listener.slow["once"].set()
    await asyncio.gather(*taken)
    await listener.dispatcher.dispatch(update)
    assert listener.received == ["once"]


async def test_a_database_that_is_away_is_asked_again(
    telegram: Telegram, listener: Listener, ann: User
) -> None:
    """Nothing is lost because it restarts."""
    listener.broken["kept"] = [OperationalError("SELECT 1", None, Exception("away"))] * 2
    await ann.sends_text("kept")
    listener.start()
    await telegram.until(lambda: listener.received == ["kept"])


async def test_a_handler_that_fails_is_logged_and_left(
    telegram: Telegram, listener: Listener, ann: User, caplog: pytest.LogCaptureFixture
) -> None:
    """It would fail again."""
    listener.broken["bad"] = [ValueError("a bug")]
    await ann.sends_text("bad")
    await ann.sends_text("good")
    listener.start()
    await telegram.until(lambda: listener.received == ["good"])
    await telegram.until(lambda: not telegram.updates.waiting())
    assert "was not handled" in caplog.text
    assert len(listener.failed) == 1, "its user is told"


async def test_another_poller_is_outwaited(
    telegram: Telegram, listener: Listener, ann: User, caplog: pytest.LogCaptureFixture
) -> None:
    """As at a deploy; it is logged once, not each time."""
    caplog.set_level(logging.INFO)
    conflict = telegram.fails("getUpdates", status=409, times=3, description="Conflict: other")
    listener.start()
    await telegram.until(lambda: conflict.hit == 3)
    await ann.sends_text("hello")
    await telegram.until(lambda: listener.received == ["hello"])
    assert caplog.text.count("another process receives") == 1
    assert "updates arrive again" in caplog.text


@pytest.mark.parametrize("status", [401, 429, 500, 502])
async def test_a_telegram_that_fails_is_asked_again(
    telegram: Telegram, listener: Listener, ann: User, status: int
) -> None:
    """Whatever the error is."""
    telegram.fails("getUpdates", status=status, times=2, retry_after=1)
    await ann.sends_text("hello")
    listener.start()
    await telegram.until(lambda: listener.received == ["hello"])


async def test_as_long_as_telegram_wants_it_is_left_alone(
    telegram: Telegram, listener: Listener
) -> None:
    """It is not asked before the time that it named is over."""
    telegram.fails("getUpdates", status=429, times=1, retry_after=2)
    listener.start()
    await telegram.until(lambda: len(telegram.calls.of("getUpdates")) == 2)
    first, second = telegram.calls.of("getUpdates")
    assert second.at - first.at >= 2


async def test_what_is_being_handled_is_not_begun_again(telegram: Telegram, ann: User) -> None:
    """Though Telegram brings it until it is confirmed, and a second one beside it."""
    taken = []

    async def take(update: Mapping[str, Any]) -> None:
        taken.append(update["update_id"])
        await asyncio.sleep(1 if len(taken) == 1 else 0)

    await ann.sends_text("slow")
    await ann.sends_text("quick")
    bot = Bot(telegram.token, session=create_bot_api_session(telegram.url))
    polling = asyncio.create_task(poll(bot, take, ["message"], lambda: None))
    await telegram.until(lambda: not telegram.updates.waiting())
    polling.cancel()
    await asyncio.wait({polling})
    await bot.session.close()
    assert len(telegram.calls.of("getUpdates")) > 3
    assert len(taken) == 2


async def test_a_telegram_that_is_gone_is_waited_for(
    telegram: Telegram, listener: Listener, ann: User
) -> None:
    """It comes back, and what was sent meanwhile with it."""
    telegram.down = True
    listener.start()
    await asyncio.sleep(1.2)
    telegram.down = False
    await ann.sends_text("meanwhile")
    await telegram.until(lambda: listener.received == ["meanwhile"])


async def test_garbage_is_no_end(telegram: Telegram, listener: Listener, ann: User) -> None:
    """An answer that is no JSON is as good as none."""
    telegram.fails("getUpdates", garbage=True, times=2)
    await ann.sends_text("hello")
    listener.start()
    await telegram.until(lambda: listener.received == ["hello"])


async def test_a_closed_intake_takes_nothing(
    telegram: Telegram, listener: Listener, ann: User
) -> None:
    """And confirms nothing, so the next process receives the updates."""
    listener.dispatcher.close()
    await ann.sends_text("late")
    listener.start()
    await asyncio.sleep(0.8)
    assert listener.received == []
    assert len(telegram.updates.waiting()) == 1
