"""The progress message: edited at intervals, only when it changes, and never in the way."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from backends.base import BackendStarted, ColdStart, EngineDowngraded, FellBack, RetryScheduled
from backends.errors import FailureKind
from bot.database.jobs import Job
from bot.domain.job_request import Language
from bot.domain.outcomes import ChatGone, MessageMissing, RetryLater
from bot.jobs.progress_message import ProgressMessage, TimeLeft, UserInterface, format_bar
from bot.jobs.stages import Stage
from bot.ui.keyboards import Keyboards
from tests.bot.support.job_runtime import JOB, TEXTS, Chat, text
from video_editing.contract.progress import Progress

EVERY = 0.2


@pytest.fixture
def chat(tmp_path: Path) -> Chat:
    """A chat that records messages."""
    return Chat(tmp_path / "sent.jsonl")


def interface_of(chat: Chat) -> UserInterface:
    """Return what a progress message needs."""
    return UserInterface(chat, TEXTS, Keyboards(TEXTS), frozenset({JOB.user}))


def status_of(chat: Chat, job: Job = JOB) -> ProgressMessage:
    """Return a progress message with short intervals."""
    shown: list[int] = []

    async def show(message: int) -> None:
        shown.append(message)

    return ProgressMessage(job, interface_of(chat), show, lambda: None, EVERY)


async def test_it_goes_on_when_the_database_does_not(chat: Chat) -> None:
    """The next change is shown nevertheless."""

    async def show(_message: int) -> None:
        raise OperationalError("a statement", None, Exception("away"))

    status = ProgressMessage(JOB, interface_of(chat), show, lambda: None, EVERY)
    status.show_stage(Stage.FETCH)
    await asyncio.sleep(0.05)
    status.show_stage(Stage.PLAN)
    await asyncio.sleep(2 * EVERY)
    await status.close()
    assert [one["text"] for one in chat.all("edit")] == [text("status-planning")]


async def test_it_is_told_at_most_so_often(chat: Chat) -> None:
    """A thousand steps forward are a few edits, with the time between them."""
    status = status_of(chat)
    status.show_stage(Stage.MATTES)
    for done in range(1000):
        status.handle_event(Progress("mattes", done, 1000, 100))
        await asyncio.sleep(0.001)
    await status.close()
    times = [one["at"] for one in (*chat.all("progress"), *chat.all("edit"))]
    assert 3 < len(times) < 12
    assert all(later - earlier > 0.9 * EVERY for earlier, later in zip(times, times[1:]))  # noqa: B905, RUF007


async def test_it_is_told_only_when_it_changes(chat: Chat) -> None:
    """What is said already is not said again."""
    status = status_of(chat)
    for _ in range(20):
        status.show_stage(Stage.COMPOSE)
        status.handle_event(Progress("edit", 50, 100, 25))
        await asyncio.sleep(0.05)
    await status.close()
    assert len(chat.progress()) <= 2


async def test_it_tells_stage_bar_and_time_left(chat: Chat) -> None:
    """And where the work is done."""
    status = status_of(chat)
    status.show_stage(Stage.MATTES)
    status.handle_event(BackendStarted("local-cpu"))
    status.handle_event(Progress("mattes", 470, 1000, 10))
    assert status.build_text() == text("status-mattes", place="local-cpu") + ("\n▰▰▰▰▱▱▱▱▱▱ 47 %")
    status.show_stage(Stage.COMPOSE)
    assert status.build_text() == text("status-compose", place="unnamed")
    await status.close()


@pytest.mark.parametrize(
    ("event", "notice"),
    [
        (
            FellBack("modal", FailureKind.UNREACHABLE),
            text("status-fell-back", place="modal", why="unreachable"),
        ),
        (ColdStart("modal"), text("status-warming", place="modal")),
        (RetryScheduled("modal", FailureKind.BUSY, 5), text("status-waiting-for", place="modal")),
        (
            EngineDowngraded("modal", "mediapipe"),
            text("status-hurried"),
        ),
    ],
)
async def test_it_tells_what_happened(chat: Chat, event: object, notice: str) -> None:
    """Until the next stage."""
    status = status_of(chat)
    status.show_stage(Stage.MATTES)
    status.handle_event(event)  # type: ignore[arg-type]
    assert notice in status.build_text()
    status.show_stage(Stage.COMPOSE)
    assert notice not in status.build_text()
    await status.close()


@pytest.mark.parametrize("language", Language)
async def test_users_are_not_told_which_backend_works(chat: Chat, language: Language) -> None:
    """That a server failed is told, and not which one; admins see names of their own servers."""
    user = replace(JOB, user=JOB.user + 1, language=language)
    for job, is_told in ((user, False), (replace(JOB, language=language), True)):
        status = status_of(chat, job)
        status.show_stage(Stage.MATTES)
        status.handle_event(BackendStarted("gpu.example.org"))
        status.handle_event(FellBack("gpu.example.org", FailureKind.UNREACHABLE))
        lines = status.build_text().split("\n")
        assert [("gpu.example.org" in line) for line in lines] == [is_told] * 2
        assert lines[0].endswith("…")
        await status.close()


async def test_a_job_that_waits_shows_for_how_long(chat: Chat) -> None:
    """In steps, so that it is not edited all the time; nothing before it is known."""
    status, shown = status_of(chat), []
    for seconds in (None, 31, 39.5, 61, 119):
        status.show_waiting(2, seconds)
        shown.append(status.build_text())
    await status.close()
    queue = "⏳ In the queue: 2 videos come before yours."
    assert shown[0] == queue
    assert shown[1] == shown[2] == f"{queue} It begins in about 40 seconds."
    assert shown[3] == shown[4] == f"{queue} It begins in about 2 minutes."


@pytest.mark.parametrize("language", Language)
async def test_a_cold_start_is_told_until_the_first_progress(
    chat: Chat, language: Language
) -> None:
    """In the user's language."""
    status = status_of(chat, replace(JOB, language=language))
    status.show_stage(Stage.MATTES)
    status.handle_event(BackendStarted("modal"))
    status.handle_event(ColdStart("modal"))
    notice = TEXTS(language, "status-warming", place="modal")
    assert status.build_text().endswith(f"\n{notice}")
    status.handle_event(Progress("mattes", 0, 100, 0))
    assert notice not in status.build_text()
    await status.close()


async def test_it_is_quiet_when_telegram_wants_quiet(chat: Chat) -> None:
    """Nothing is said before the time has come; then the latest is."""
    status = status_of(chat, replace(JOB, status=5))
    chat.edits = [RetryLater(seconds=1)]
    began = time.time()
    status.show_stage(Stage.FETCH)
    await asyncio.sleep(0.1)
    status.show_stage(Stage.PLAN)
    await asyncio.sleep(1.3)
    await status.close()
    (edit,) = chat.all("edit")
    assert edit["at"] - began > 0.95
    assert edit["text"] == text("status-planning")


async def test_a_message_that_was_deleted_is_replaced(chat: Chat) -> None:
    """By a new one, which is edited from then on."""
    status = status_of(chat, replace(JOB, status=5))
    chat.edits = [MessageMissing()]
    status.show_stage(Stage.FETCH)
    await asyncio.sleep(3 * EVERY)
    status.show_stage(Stage.PLAN)
    await asyncio.sleep(2 * EVERY)
    await status.close()
    (sent,), (edit,) = chat.all("progress"), chat.all("edit")
    assert sent["text"] == text("status-fetching")
    assert edit["message"] == status.message_id != 5


async def test_whoever_is_gone_is_told_nothing_more(chat: Chat) -> None:
    """Not even attempts are made."""
    status = status_of(chat, replace(JOB, status=5))
    chat.edits = [ChatGone()]
    status.show_stage(Stage.FETCH)
    await asyncio.sleep(2 * EVERY)
    status.show_stage(Stage.PLAN)
    await asyncio.sleep(2 * EVERY)
    await status.close()
    assert not chat.all("edit")


async def test_the_loop_is_not_held_up(chat: Chat) -> None:
    """A hundred statuses with all their progress cost no delay that anybody would feel."""
    statuses = [status_of(chat) for _ in range(100)]
    lags = []
    for done in range(50):
        for status in statuses:
            status.show_stage(Stage.MATTES)
            status.handle_event(Progress("mattes", done, 50, 10))
        began = time.monotonic()
        await asyncio.sleep(0.01)
        lags.append(time.monotonic() - began)
    await asyncio.gather(*(status.close() for status in statuses))
    assert sorted(lags)[45] < 0.25


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("edit", 0, 100, 0), "▱▱▱▱▱▱▱▱▱▱ 0 %"),
        (Progress("edit", 100, 100, 30), "▰▰▰▰▰▰▰▰▰▰ 100 %"),
        (Progress("edit", 10, 1810, 25), "▱▱▱▱▱▱▱▱▱▱ 0 %"),
        (Progress("edit", 0, 0, 0), "▱▱▱▱▱▱▱▱▱▱ 0 %"),
    ],
)
def test_bars(progress: Progress, text: str) -> None:
    assert format_bar(progress) == text


def test_the_time_left_is_told_once_it_is_known() -> None:
    """Not while it starts slowly, nor when its pace changes; then again."""
    time_left = TimeLeft()
    told = []
    for second in range(60):
        fps = 1.0 if second < 3 else 10.0 if second < 30 else 20.0
        told.append(time_left.update(Progress("mattes", 10 * second + 1, 1000, fps), second))
    assert told[:7] == [None] * 7
    assert told[7:30] == [pytest.approx(99.9 - second) for second in range(7, 30)]
    assert told[30:34] == [None] * 4
    assert told[-1] is not None
    assert TimeLeft().update(Progress("mattes", 0, 1000, 10), 0) is None


async def test_the_time_left_stands_beside_the_bar(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words, rounded up."""
    monkeypatch.setattr("bot.jobs.progress_message.LEFT_SECONDS", 0.0)
    status = status_of(chat)
    status.show_stage(Stage.MATTES)
    status.handle_event(Progress("mattes", 470, 1000, 10))
    assert status.build_text().endswith("▰▰▰▰▱▱▱▱▱▱ 47 % · about 1 minute left")
    status.handle_event(Progress("mattes", 700, 1000, 10))
    assert status.build_text().endswith("70 % · about 30 seconds left")
    await status.close()
