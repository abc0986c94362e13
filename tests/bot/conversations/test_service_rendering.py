"""Talks whose videos a service makes: it has the clip already, and only the video comes back."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.backends.support.running_service import (
    TOKEN,
    create_service,
    record_requests,
    serve_app,
)
from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import (
    MARK,
    always_true,
    clip,
    make_tools,
    ordered,
    result_for,
)
from tests.bot.support.fake_telegram import Telegram, User
from tests.bot.support.programs import STAND_IN
from tests.bot.support.running_bot import ADMIN, Opener


class Service:
    """A service with the stand-in for the command line, which a test can end.

    Attributes:
        address: of the service.
        requests: method and path of each.
        folder: of its files.
        tools: of its stand-in, whose runs are recorded there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.tools = folder / "service", make_tools(folder / "service-tools")
        self.requests: list[tuple[str, str]] = []
        self.address = ""
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Serve until it is ended."""
        program = sys.executable, str(STAND_IN), str(self.tools)
        app = record_requests(create_service(self.folder, program=program), self.requests)
        self.address = await self._stack.enter_async_context(serve_app(app))

    async def end(self) -> None:
        """End it, with its child processes."""
        await self._stack.aclose()

    def count(self, method: str, path: str) -> int:
        """Return the number of requests whose path begins with *path*."""
        return sum(1 for m, p in self.requests if m == method and p.startswith(path))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """A service that runs."""
    service = Service(tmp_path)
    await service.start()
    yield service
    await service.end()


@pytest.fixture
async def bot(open_bot: Opener, service: Service, telegram: Telegram) -> BotProcess:
    """A bot with that service for mattes and videos."""
    telegram.user(ADMIN)
    settings = {
        "OVERLAY_BACKENDS": "modal,local-cpu",
        "MODAL_OVERLAY_ENDPOINT": service.address,
        "OVERLAY_TOKEN": TOKEN,
        "RENDERER": "service",
    }
    return await open_bot(**settings).start().ready()


@pytest.fixture
def ann(telegram: Telegram) -> User:
    """A user."""
    return telegram.user(7)


def places(bot: BotProcess, stage: str) -> list[str]:
    """Return who worked at *stage*, as /stats counts them."""
    rows = bot.rows(f"SELECT DISTINCT place FROM measures WHERE stage = '{stage}'")  # noqa: S608 - a word of ours
    return sorted(row["place"] for row in rows)


async def test_the_video_is_made_where_its_mattes_were_made(
    telegram: Telegram, bot: BotProcess, service: Service, ann: User
) -> None:
    """The clip is sent once, this machine renders nothing, and nothing stays at the service."""
    sent = clip()
    result = await result_for(ann, await ordered(ann, sent))
    assert MARK in result.content
    assert places(bot, "compose") == ["modal"]
    assert bot.runs("edit") == []
    assert service.count("PUT", "/renders/") == 1
    assert service.count("PUT", "/clips/") == 2  # the clip, and its mattes in one file
    await always_true(telegram, bot)
    assert [path for path in service.folder.rglob("*") if path.is_file()] == []


async def test_a_service_that_ends_in_the_middle_costs_nothing(
    telegram: Telegram, bot: BotProcess, service: Service, ann: User
) -> None:
    """This machine renders, with the mattes that are there, and the user gets one video."""
    card = await ordered(ann, clip(edit={"seconds": 2}))
    async with asyncio.timeout(15):
        while not service.count("GET", "/renders/"):
            await asyncio.sleep(0.05)
    await service.end()
    result = await result_for(ann, card, within=40)
    assert MARK in result.content
    assert len(bot.runs("edit")) == 1
    assert bot.runs("matte") == []
    await always_true(telegram, bot)
