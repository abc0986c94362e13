"""What the tests of pages share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from shutil import copytree

import pytest
from playwright.async_api import Browser

from tests.bot.support.bot_process import BotProcess
from tests.bot.support.browser import browsing
from tests.bot.support.conversation import living
from tests.bot.support.fake_telegram import Telegram
from tests.bot.support.running_bot import ADMIN, RunningBot

SITE = "https://bot.example"


@pytest.fixture(scope="module")
def public_house(
    small_files: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningBot]:
    """A bot at a public address, for all talks of a module."""
    folder = tmp_path_factory.mktemp("public")
    tools, environment = copytree(small_files, folder / "tools"), {"PUBLIC_URL": SITE}
    with Telegram() as telegram, living(BotProcess(telegram, folder, tools, environment)) as made:
        telegram.user(ADMIN)
        asyncio.run(made.start().ready())
        yield RunningBot(telegram, made)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A real one."""
    async with browsing() as made:
        yield made
