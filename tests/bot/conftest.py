"""What the tests of the bot share: a Telegram on this machine, and bots that talk over it."""

import bot  # noqa: F401 - first, for a modern SQLite

# isort: split
import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bot.support.bot_process import NURSERY, BotProcess
from tests.bot.support.conversation import always_true, living, make_tools
from tests.bot.support.fake_telegram import Telegram
from tests.bot.support.postgres_server import created, serving
from tests.bot.support.recording_session import RecordingSession
from tests.bot.support.running_bot import ADMIN, Opener, RunningBot

_numbers = itertools.count(1000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show how often tests killed a bot, and what came of it."""
    for report in terminalreporter.getreports("passed"):
        for name, counts in report.user_properties:
            if name == "kills":
                terminalreporter.write_line(f"{report.nodeid}: {counts}")


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    """One that nobody has spoken to."""
    with Telegram() as server:
        yield server


@pytest.fixture(scope="session")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stand-in passes off as its work."""
    return make_tools(tmp_path_factory.mktemp("tools"))


@pytest.fixture(scope="session", autouse=True)
def nursery() -> Iterator[None]:
    """What bots are forked from ends with the tests."""
    with NURSERY:
        yield


@pytest.fixture(autouse=True)
def every_recorded_call_is_valid() -> Iterator[None]:
    """Servers look at theirs by themselves."""
    yield
    RecordingSession.validator.require_none()


@pytest.fixture
def open_bot(telegram: Telegram, small_files: Path, tmp_path: Path) -> Iterator[Opener]:
    """Makes bots, which do not run yet; nothing of them is left."""
    with ExitStack() as stack:

        def opened(
            name: str = "bot",
            *,
            real: bool = False,
            over: Telegram = telegram,
            **environment: str,
        ) -> BotProcess:
            tools = None if real else shutil.copytree(small_files, tmp_path / name / "tools")
            made = BotProcess(over, tmp_path / name, tools, environment)
            return stack.enter_context(living(made))

        yield opened


@pytest.fixture(scope="module")
def house(small_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBot]:
    """One for all talks of a module."""
    folder = tmp_path_factory.mktemp("house")
    tools = shutil.copytree(small_files, folder / "tools")
    with Telegram() as telegram, living(BotProcess(telegram, folder, tools)) as made:
        telegram.user(ADMIN)
        asyncio.run(made.start().ready())
        yield RunningBot(telegram, made)


@pytest.fixture
async def talk(house: RunningBot) -> AsyncIterator[RunningBot]:
    """The house for one talk, at whose end holds what always does."""
    house.telegram.heals()
    (house.bot.tools or Path()).joinpath("behaviour.json").unlink(missing_ok=True)
    yield house
    house.telegram.heals()
    await always_true(house.telegram, house.bot)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real server; skips where none is installed."""
    with serving() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of each kind of database, with nothing in it."""
    if request.param == "sqlite":
        return {}
    server = request.getfixturevalue("postgres")
    return {"DATABASE_URL": created(server, f"bot{next(_numbers)}")}
