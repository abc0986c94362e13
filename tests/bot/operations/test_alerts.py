"""Alerts to admins."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.methods import SendMessage
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from backends.errors import AllBackendsFailed, BackendUnavailable, FailureKind
from backends.state_file import JsonStateFile
from bot.database.engine import create_engine, prepare_database
from bot.database.repository import KeyValueStore
from bot.database.users import UserRepository
from bot.domain.job_request import Language
from bot.operations.alerts import REPEAT_SECONDS, AdminAlerts, AlertKind
from bot.operations.backend_pool import BackendPool
from bot.telegram.limits import TelegramLimits
from bot.telegram.messenger import Messenger
from bot.ui.texts import Texts
from settings import BackendSettings, RemoteSettings, Settings, StorageSettings
from tests.backends.support.programs import MISBEHAVING_VIDEO_CLI
from tests.bot.support.recording_session import RecordingSession
from tests.support.make_clips import drawn, make_clip
from video_editing.contract.plan import make_plan
from video_editing.reading.probe import ClipLimits, probe

PROGRAM = (sys.executable, str(MISBEHAVING_VIDEO_CLI))
WORDS = {
    AlertKind.REFUSED: {"place": "modal", "why": "refused"},
    AlertKind.NO_BACKEND: {"reasons": "modal: resting"},
    AlertKind.DISK: {"free": 0.25},
    AlertKind.DATABASE: {"reason": "torn"},
    AlertKind.BUDGET: {"spent": 5.5, "budget": 5.0},
    AlertKind.PRIVACY_MODE: {},
    AlertKind.CARD: {"why": "PHOTO_INVALID_DIMENSIONS"},
    AlertKind.POISON: {"job": "a"},
    AlertKind.DRAINED: {},
    AlertKind.BROADCAST: {"sent": 5, "failed": 1},
    AlertKind.RESTARTS: {"count": 4, "minutes": 15},
}


@pytest.fixture
def session() -> RecordingSession:
    """What Telegram is asked."""
    return RecordingSession()


@pytest.fixture
def alarms(session: RecordingSession, tmp_path: Path) -> Callable[..., AdminAlerts]:
    """Makes alarms for two admins, or the given ones, as a process does that starts."""

    def made(*admins: int, people: UserRepository | None = None) -> AdminAlerts:
        bot = Bot("42:token", session=session, default=DefaultBotProperties(parse_mode="HTML"))
        who = frozenset(admins or (1, 2))
        return AdminAlerts(Messenger(bot, TelegramLimits()), Texts(), who, tmp_path, people)

    return made


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An empty database in the test's folder."""
    made = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(made)
    yield made
    await made.dispose()


def get_recipients(session: RecordingSession) -> list[int]:
    """The chats of all messages, in order."""
    return [int(message.chat_id) for message in session.get_calls(SendMessage)]


async def test_each_admin_is_told_once_an_hour(
    alarms: Callable[..., AdminAlerts], session: RecordingSession
) -> None:
    """However often it happens, and though the bot starts anew each time."""
    for _ in range(3):
        started = alarms()
        for _ in range(3):
            started.raise_alert(AlertKind.REFUSED, "modal", place="modal", why="refused")
        await started.send_pending()
    assert get_recipients(session) == [1, 2]
    assert "modal cannot be used until you repair it: it refuses our key." in session.texts[0]


async def test_after_the_hour_they_are_told_again(
    alarms: Callable[..., AdminAlerts], session: RecordingSession, tmp_path: Path
) -> None:
    """Since the cause still exists."""
    started = alarms(1)
    started.raise_alert(AlertKind.NO_BACKEND, reasons="x")
    with JsonStateFile(tmp_path / "alarms.json", float).update() as when:
        when.update({what: time.time() - REPEAT_SECONDS - 1 for what in when})
    started.raise_alert(AlertKind.NO_BACKEND, reasons="y")
    await started.send_pending()
    assert get_recipients(session) == [1, 1]


async def test_a_clock_that_was_ahead_silences_nobody(
    alarms: Callable[..., AdminAlerts], session: RecordingSession, tmp_path: Path
) -> None:
    """A time in the future does not count as within the hour."""
    with JsonStateFile(tmp_path / "alarms.json", float).update() as when:
        when["nobody:"] = time.time() + 86400
    started = alarms(1)
    started.raise_alert(AlertKind.NO_BACKEND, reasons="x")
    await started.send_pending()
    assert get_recipients(session) == [1]


async def test_other_things_are_other_alarms(
    alarms: Callable[..., AdminAlerts], session: RecordingSession
) -> None:
    """Two backends, two kinds: three alerts."""
    started = alarms(1)
    started.raise_alert(AlertKind.REFUSED, "a", place="a", why="refused")
    started.raise_alert(AlertKind.REFUSED, "b", place="b", why="unsafe")
    started.raise_alert(AlertKind.NO_BACKEND, reasons="x")
    await started.send_pending()
    assert len(session.texts) == 3


async def test_a_budget_is_told_once_a_month(
    alarms: Callable[..., AdminAlerts], session: RecordingSession, tmp_path: Path
) -> None:
    """Not once an hour: nothing is there to mend."""
    started = alarms(1)
    started.raise_alert(AlertKind.BUDGET, "2026-11", spent=5.0, budget=5.0)
    with JsonStateFile(tmp_path / "alarms.json", float).update() as when:
        when.update({what: time.time() - 29 * 86400 for what in when})
    started.raise_alert(AlertKind.BUDGET, "2026-11", spent=6.0, budget=5.0)
    started.raise_alert(AlertKind.BUDGET, "2026-12", spent=6.0, budget=5.0)
    await started.send_pending()
    assert len(session.texts) == 2


async def test_the_budget_of_this_month_is_told_in_dollars(
    alarms: Callable[..., AdminAlerts], session: RecordingSession
) -> None:
    """Once, though each render reports it."""
    started = alarms(1)
    started.report_spent_budget(5.25, 5)
    started.report_spent_budget(5.5, 5)
    await started.send_pending()
    (text,) = session.texts
    assert "$5.25 of $5.00" in text


async def test_a_bot_that_starts_again_and_again_is_an_alarm(
    alarms: Callable[..., AdminAlerts], session: RecordingSession, database: AsyncEngine
) -> None:
    """Four starts within a quarter of an hour; starts before that do not count."""
    store = KeyValueStore(database)
    await store.put("starts", [time.time() - 1000.0] * 9)
    for _ in range(3):
        await alarms(1).check_restarts(store)
    await alarms(1).send_pending()
    assert not session.texts
    started = alarms(1)
    await started.check_restarts(store)
    await started.send_pending()
    assert "started 4 times within 15 minutes" in session.texts[0]


async def test_an_admin_who_is_gone_does_not_keep_it_from_the_others(
    alarms: Callable[..., AdminAlerts], session: RecordingSession
) -> None:
    """The admin has blocked the bot, or never written to it."""
    session.gone = {1}
    started = alarms()
    started.raise_alert(AlertKind.NO_BACKEND, reasons="x")
    await started.send_pending()
    assert get_recipients(session) == [2]


async def test_what_could_not_be_told_is_told_later(
    alarms: Callable[..., AdminAlerts], session: RecordingSession
) -> None:
    """Telegram was unavailable; each admin still gets one message."""
    session.away = True
    started = alarms()
    started.raise_alert(AlertKind.NO_BACKEND, reasons="x")
    await started.send_pending()
    assert get_recipients(session) == []
    session.away = False
    await started.send_pending()
    await started.send_pending()
    assert get_recipients(session) == [1, 2]


async def test_what_is_sounded_is_told_at_once(
    alarms: Callable[..., AdminAlerts], session: RecordingSession
) -> None:
    """While the bot runs, the check repeats by itself."""
    started = alarms(1)
    running = asyncio.create_task(started.run())
    await asyncio.sleep(0)
    started.raise_alert(AlertKind.NO_BACKEND, reasons="x")
    async with asyncio.timeout(5):
        while not session.texts:
            await asyncio.sleep(0.01)
    running.cancel()


async def test_without_admins_nobody_is_told(session: RecordingSession, tmp_path: Path) -> None:
    """A bot may have none."""
    bot = Bot("42:token", session=session)
    started = AdminAlerts(Messenger(bot, TelegramLimits()), Texts(), frozenset(), tmp_path)
    started.raise_alert(AlertKind.NO_BACKEND, reasons="x")
    await started.send_pending()
    assert session.calls == []


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("alarm", AlertKind)
async def test_each_alarm_has_its_text(
    alarms: Callable[..., AdminAlerts],
    session: RecordingSession,
    database: AsyncEngine,
    alarm: AlertKind,
    language: Language,
) -> None:
    """In the language that the admin chose."""
    await UserRepository(database).set_language(1, language)
    started = alarms(1, people=UserRepository(database))
    started.raise_alert(alarm, **WORDS[alarm])
    await started.send_pending()
    text = session.texts[0].lstrip("⚠️✅📣 ")
    assert "{" not in text
    assert text.isascii() == (language is Language.EN)


async def test_a_broken_database_can_be_told_of(
    alarms: Callable[..., AdminAlerts], session: RecordingSession, tmp_path: Path
) -> None:
    """The languages of users cannot be read then."""
    made = create_engine(StorageSettings(folder=tmp_path))  # without tables
    started = alarms(1, people=UserRepository(made))
    started.raise_alert(AlertKind.DATABASE, reason="overlaybot.sqlite is damaged")
    await started.send_pending()
    assert "overlaybot.sqlite is damaged" in session.texts[0]
    await made.dispose()


@pytest.mark.parametrize(
    ("failure", "count"),
    [
        (BackendUnavailable("modal", FailureKind.REFUSED), 1),
        (BackendUnavailable("modal", FailureKind.UNSAFE), 1),
        (BackendUnavailable("modal", FailureKind.UNREACHABLE), 0),
        (BackendUnavailable("modal", FailureKind.COOLING_DOWN), 0),
        (AllBackendsFailed("nobody", [BackendUnavailable("modal", FailureKind.COOLING_DOWN)]), 1),
    ],
)
async def test_only_what_an_admin_can_mend_is_an_alarm(
    alarms: Callable[..., AdminAlerts],
    session: RecordingSession,
    failure: BackendUnavailable,
    count: int,
) -> None:
    """What passes by itself is the chain's business."""
    started = alarms(1)
    started.handle_failure(failure)
    await started.send_pending()
    assert len(session.texts) == count


async def test_a_place_that_refuses_us_is_asked_once_and_told_of(
    alarms: Callable[..., AdminAlerts],
    session: RecordingSession,
    database: AsyncEngine,
    tmp_path: Path,
    unused_tcp_port: int,
) -> None:
    """The job falls back; the next one skips the backend; the admin gets one alert."""
    status = {"now": 503}
    knocks = 0

    async def door(_request: web.Request) -> web.Response:
        nonlocal knocks
        knocks += 1
        return web.Response(status=status["now"])

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", door)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    settings = Settings(
        backends=BackendSettings(names=("modal", "local-cpu")),
        remote=RemoteSettings(endpoint=f"http://127.0.0.1:{unused_tcp_port}"),
        storage=StorageSettings(folder=tmp_path),
    )
    started = alarms(1)
    pool = await BackendPool.create(settings, KeyValueStore(database), (*PROGRAM, "works"), started)
    clip = make_clip(tmp_path / "clip.mp4", drawn(30))
    plan = make_plan(probe(clip, ClipLimits()))
    status["now"] = 401
    await pool.create_chain().make_mattes(clip, plan, tmp_path / "a", lambda _: None)
    before = knocks
    await pool.create_chain().make_mattes(clip, plan, tmp_path / "b", lambda _: None)
    assert knocks == before
    await started.send_pending()
    (text,) = session.texts
    assert "modal cannot be used" in text
    await runner.cleanup()


async def test_all_places_down_is_an_alarm(
    alarms: Callable[..., AdminAlerts],
    session: RecordingSession,
    database: AsyncEngine,
    tmp_path: Path,
) -> None:
    """With each one's reason."""
    settings = Settings(
        backends=BackendSettings(names=("local-cpu",)), storage=StorageSettings(folder=tmp_path)
    )
    started = alarms(1)
    pool = await BackendPool.create(
        settings, KeyValueStore(database), (*PROGRAM, "no-model"), started
    )
    clip = make_clip(tmp_path / "clip.mp4", drawn(30))
    plan = make_plan(probe(clip, ClipLimits()))
    with pytest.raises(BackendUnavailable):
        await pool.create_chain().make_mattes(clip, plan, tmp_path / "a", lambda _: None)
    await started.send_pending()
    assert "local-cpu: no_model" in session.texts[0]
