"""Messages to all users: to each one once, slowly, and on after a restart."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.methods import SendMessage
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.engine import create_engine, prepare_database
from bot.database.repository import KeyValueStore
from bot.database.users import UserRepository
from bot.domain.job_request import Language
from bot.operations.broadcasts import BroadcastInProgress, Broadcasts
from bot.telegram.limits import TelegramLimits
from bot.telegram.messenger import Messenger
from settings import StorageSettings
from tests.bot.support.job_rows import USER, keep
from tests.bot.support.recording_session import RecordingSession

SEND_SECONDS = 0.02
BANNED, GONE, CHOSE = 3, 4, 5


@pytest.fixture
def session() -> RecordingSession:
    """What Telegram is asked; one user has blocked the bot."""
    session = RecordingSession()
    session.gone = {GONE}
    return session


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Users who chose a language, and one who only ordered."""
    made = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(made)
    for user in (BANNED, GONE, CHOSE):
        await UserRepository(made).set_language(user, Language.RU)
    await keep(made, "a")
    await keep(made, "b", user=CHOSE)
    yield made
    await made.dispose()


@pytest.fixture
def broadcasts(database: AsyncEngine, session: RecordingSession) -> Broadcasts:
    """As a process has them that starts."""
    return create(database, session)


def create(database: AsyncEngine, session: RecordingSession) -> Broadcasts:
    bot = Bot("42:token", session=session, default=DefaultBotProperties(parse_mode="HTML"))
    return Broadcasts(
        KeyValueStore(database),
        UserRepository(database),
        Messenger(bot, TelegramLimits()),
        lambda user: user == BANNED,
        send_seconds=SEND_SECONDS,
    )


def get_recipients(session: RecordingSession) -> list[int]:
    return [int(message.chat_id) for message in session.get_calls(SendMessage)]


async def run_until_sent(broadcasts: Broadcasts) -> tuple[int, int]:
    """Run until the end of a message; return how many got it, and how many did not."""
    ended = asyncio.get_running_loop().create_future()
    broadcasts.on_sent = lambda sent, failed: ended.set_result((sent, failed))
    running = asyncio.create_task(broadcasts.run())
    async with asyncio.timeout(10):
        counts: tuple[int, int] = await ended
    running.cancel()
    return counts


async def test_everybody_gets_it_once_and_slowly(
    broadcasts: Broadcasts, session: RecordingSession
) -> None:
    """But for who is banned; who is gone is counted. What looks like a tag is a text."""
    assert await broadcasts.prepare("1 < 2") == 3
    assert await broadcasts.confirm()
    began = time.monotonic()
    assert await run_until_sent(broadcasts) == (2, 1)
    assert time.monotonic() - began >= 3 * SEND_SECONDS
    assert get_recipients(session) == [CHOSE, USER]
    assert session.texts == ["1 &lt; 2"] * 2


async def test_nothing_is_sent_before_it_is_confirmed(
    broadcasts: Broadcasts, session: RecordingSession
) -> None:
    """And nothing after it is discarded; a second press of the button sends nothing more."""
    await broadcasts.prepare("a")
    running = asyncio.create_task(broadcasts.run())
    await asyncio.sleep(0.1)
    await broadcasts.discard()
    assert not await broadcasts.confirm()
    await broadcasts.prepare("b")
    assert await broadcasts.confirm()
    assert not await broadcasts.confirm()
    with pytest.raises(BroadcastInProgress):
        await broadcasts.prepare("c")
    async with asyncio.timeout(10):
        while len(session.texts) < 2:
            await asyncio.sleep(0.01)
    running.cancel()
    assert session.texts == ["b"] * 2


async def test_a_restart_goes_on_where_it_was(
    broadcasts: Broadcasts, database: AsyncEngine, session: RecordingSession
) -> None:
    """Who got it does not get it again."""
    await broadcasts.prepare("a")
    await broadcasts.confirm()
    running = asyncio.create_task(broadcasts.run())
    async with asyncio.timeout(10):
        while not session.texts:
            await asyncio.sleep(0.001)
        while (await broadcasts._load()).last_user < CHOSE:  # type: ignore[union-attr]  # noqa: SLF001 - what is stored
            await asyncio.sleep(0.001)
    running.cancel()
    assert await run_until_sent(create(database, session)) == (2, 1)
    assert get_recipients(session) == [CHOSE, USER]
