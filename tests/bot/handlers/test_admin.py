"""The commands of admins, which all other users are refused."""

import asyncio
import json
import logging
import re
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from time import monotonic, time
from typing import Any, cast

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.methods import (
    AnswerCallbackQuery,
    EditMessageReplyMarkup,
    EditMessageText,
    SendMessage,
)
from aiogram.types import InlineKeyboardMarkup, Update
from sqlalchemy.ext.asyncio import AsyncEngine

from backends.errors import FailureKind
from backends.factory import BackendState
from backends.resilience.circuit_breaker import BreakerState
from bot.database.audit import AuditLog
from bot.database.engine import create_engine, get_write_engine, prepare_database
from bot.database.history import History
from bot.database.jobs import JobRepository
from bot.database.repository import KeyValueStore
from bot.database.schema import jobs
from bot.database.statistics import MeasurementRepository, Statistics
from bot.database.users import UserRepository
from bot.domain.job_request import Appearance, JobRequest, Language, MediaSource, SourceKind
from bot.handlers.admin import create_admin_router
from bot.handlers.admin_backends import BackendAction, BackendButton, hash_name
from bot.handlers.admin_errors import RunningProgram
from bot.handlers.admin_queue import QueueAction, QueueButton, QueueReader
from bot.handlers.admin_stats import format_table
from bot.handlers.admin_users import BroadcastAction, BroadcastButton
from bot.jobs.operator_actions import OperatorActions
from bot.jobs.stages import Stage
from bot.jobs.supervisor import JobSupervisor, QueueEntry
from bot.operations.backend_pool import BackendPool
from bot.operations.broadcasts import Broadcasts
from bot.operations.intake import Intake
from bot.operations.logs import RecentLines
from bot.telegram.limits import TelegramLimits
from bot.telegram.messenger import Messenger
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts
from settings import BackendSettings, RemoteSettings, Settings, StorageSettings
from tests.backends.support.programs import MISBEHAVING_VIDEO_CLI
from tests.bot.support.job_rows import keep
from tests.bot.support.recording_session import RecordingSession

ADMIN, STRANGER = 7, 8
ANONYMOUS, CHANNEL = 1087968824, -1005
WORKS = (sys.executable, str(MISBEHAVING_VIDEO_CLI), "works")
WHEN = int(datetime.now(UTC).timestamp())


def person(number: int, **more: object) -> dict[str, Any]:
    """A user in the form of the Bot API."""
    return {"id": number, "is_bot": False, "first_name": "A", "language_code": "en"} | more


def chat(kind: str) -> dict[str, Any]:
    """A chat of that kind."""
    numbers = {"private": STRANGER, "group": -5, "supergroup": -1006, "channel": CHANNEL}
    return {"id": numbers[kind], "type": kind, "title": "A chat"}


@dataclass
class BotChat:
    """A bot with its real dispatcher, and its calls."""

    dispatcher: Dispatcher
    bot: Bot
    session: RecordingSession
    backend_pool: BackendPool
    key_values: KeyValueStore
    database: AsyncEngine
    jobs: "RecordedJobs"
    intake: Intake
    lines: RecentLines
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def update(self, kind: str, what: Mapping[str, Any]) -> None:
        """Feed an update."""
        update = Update.model_validate(
            {"update_id": next(self.numbers), kind: what}, context={"bot": self.bot}
        )
        await self.dispatcher.feed_update(self.bot, update)

    async def message(
        self,
        text: str,
        user: int | None = ADMIN,
        kind: str = "message",
        where: str = "private",
        **more: object,
    ) -> None:
        """Send *text*."""
        what = {"message_id": next(self.numbers), "date": WHEN, "chat": chat(where), "text": text}
        if user is not None:
            what["from"] = person(user)
        await self.update(kind, what | more)

    async def press(
        self, do: BackendAction, place: str = "", user: int = ADMIN, *, old: bool = False
    ) -> None:
        """Press a button under the list of backends."""
        data = BackendButton(do=do, place=hash_name(place) if place else "").pack()
        await self.send_press(data, user, old=old)

    async def send_press(self, data: str, user: int = ADMIN, *, old: bool = False) -> None:
        """Press a button under a message of the bot."""
        content = {"date": 0} if old else {"date": WHEN, "text": "x"}
        under = {"message_id": 5, "chat": chat("private"), **content}
        query = {"id": "1", "chat_instance": "1", "data": data, "message": under}
        await self.update("callback_query", query | {"from": person(user)})

    @property
    def last(self) -> SendMessage:
        """The bot's last message."""
        return self.session.get_calls(SendMessage)[-1]


@dataclass
class RecordedJobs:
    """Records which jobs were to be cancelled and retried, and says which are active."""

    entries: list[QueueEntry] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)

    async def cancel(self, job_id: str, user: int | None) -> bool:
        """Record it."""
        assert user is None
        self.cancelled.append(job_id)
        return True

    async def retry(self, job_id: str) -> bool:
        """Record it."""
        self.retried.append(job_id)
        return True

    async def cancel_all(self, user: int) -> None:
        """Record whose jobs were cancelled."""
        self.cancelled.append(f"all of {user}")

    def list_queue(self) -> list[QueueEntry]:
        """Return the active jobs."""
        return self.entries


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An empty database in the test's folder."""
    made = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(made)
    yield made
    await made.dispose()


@pytest.fixture
async def talk(database: AsyncEngine, tmp_path: Path, unused_tcp_port: int) -> BotChat:
    """A bot whose chain is modal, which is down, and this machine."""
    key_values, session = KeyValueStore(database), RecordingSession()
    settings = Settings(
        backends=BackendSettings(names=("modal", "local-cpu")),
        remote=RemoteSettings(endpoint=f"http://127.0.0.1:{unused_tcp_port}"),
        storage=StorageSettings(folder=tmp_path),
    )
    bot = Bot("42:token", session=session, default=DefaultBotProperties(parse_mode="HTML"))
    backend_pool = await BackendPool.create(settings, key_values, WORKS)
    intake, recorded, jobs_stored = Intake(key_values), RecordedJobs(), JobRepository(database)
    supervisor = cast("JobSupervisor", recorded)
    statistics, lines = Statistics(database, tmp_path), RecentLines()
    messenger, users = Messenger(bot, TelegramLimits()), UserRepository(database)
    broadcasts = Broadcasts(key_values, users, messenger, lambda user: user in intake.banned)
    dispatcher = Dispatcher(
        actions=OperatorActions(supervisor, backend_pool, intake, broadcasts, AuditLog(database)),
        admins=frozenset({ADMIN, ANONYMOUS}),
        backend_pool=backend_pool,
        broadcasts=broadcasts,
        intake=intake,
        history=History(database),
        lines=lines,
        program=RunningProgram({"overlaybot": "1.2.3"}, time() - 7300),
        queue_reader=QueueReader(jobs_stored, supervisor, statistics, intake),
        statistics=statistics,
        keyboards=Keyboards(Texts()),
        limits=TelegramLimits(),
        messenger=messenger,
        texts=Texts(),
        users=users,
    )
    dispatcher.include_router(create_admin_router())
    return BotChat(
        dispatcher, bot, session, backend_pool, key_values, database, recorded, intake, lines
    )


STRANGERS: dict[str, dict[str, Any]] = {
    "private": {},
    "group": {"where": "group"},
    "supergroup": {"where": "supergroup"},
    "channel": {"user": None, "kind": "channel_post", "where": "channel"},
    "channel, edited": {"user": None, "kind": "edited_channel_post", "where": "channel"},
    "channel, by an admin": {"user": ADMIN, "kind": "channel_post", "where": "channel"},
    "anonymous admin": {
        "user": ANONYMOUS,
        "where": "supergroup",
        "sender_chat": chat("supergroup"),
    },
    "as a channel": {"user": 136817688, "where": "supergroup", "sender_chat": chat("channel")},
    "bot of a known id": {"from": person(ANONYMOUS, is_bot=True), "where": "supergroup"},
    "forwarded from an admin": {
        "forward_origin": {"type": "user", "date": WHEN, "sender_user": person(ADMIN)}
    },
    "forwarded by an admin": {
        "user": ADMIN,
        "forward_origin": {"type": "user", "date": WHEN, "sender_user": person(STRANGER)},
    },
    "edited": {"kind": "edited_message", "edit_date": WHEN},
    "in the name of an admin": {"from": person(STRANGER, username="admin", first_name="7")},
    "replying to an admin": {
        "reply_to_message": {
            "message_id": 1,
            "date": WHEN,
            "chat": chat("private"),
            "from": person(ADMIN),
            "text": "/backend",
        }
    },
}


@pytest.mark.parametrize("command", ["/backend local-cpu", "/backend@overlay_bot local-cpu"])
@pytest.mark.parametrize("how", STRANGERS)
async def test_nobody_else_changes_the_chain(
    talk: BotChat, how: str, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Every other user is refused in every kind of chat; that is logged, and nothing changes.

    In a group, a command that does not name the bot may be another bot's: it is not answered.
    """
    with caplog.at_level(logging.WARNING, "bot.handlers.admin"):
        await talk.message(command, **{"user": STRANGER} | STRANGERS[how])
    assert talk.backend_pool.is_automatic
    assert await talk.key_values.get("places") is None
    if "where" in STRANGERS[how] and "@" not in command:
        assert not talk.session.texts
        return
    assert talk.session.texts == ["This is for the admins of this bot."]
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("refused a command of admins to ")


COMMANDS = ("/backend", "/stats", "/queue", "/errors", "/ban", "/unban", "/drain", "/broadcast")


@pytest.mark.parametrize("command", COMMANDS)
async def test_nobody_else_reads_anything(talk: BotChat, command: str) -> None:
    """Each command of admins is for them alone."""
    await talk.message(command, STRANGER)
    assert talk.session.texts == ["This is for the admins of this bot."]


async def test_commands_to_other_bots_are_theirs(talk: BotChat) -> None:
    """In a group with several bots we are silent."""
    await talk.message("/backend@other_bot local-cpu", ADMIN, where="group")
    assert talk.session.calls == []
    assert talk.backend_pool.is_automatic


@pytest.mark.parametrize("do", BackendAction)
async def test_nobody_else_presses_the_buttons(talk: BotChat, do: BackendAction) -> None:
    """They hang in a group maybe, where all see them."""
    await talk.press(do, "local-cpu", STRANGER)
    (answer,) = talk.session.calls
    assert isinstance(answer, AnswerCallbackQuery)
    assert answer.show_alert
    assert answer.text == "This is for the admins of this bot."
    assert talk.backend_pool.is_automatic


async def test_a_refusal_is_in_the_language_of_who_asks(talk: BotChat) -> None:
    """As all messages of the bot."""
    await talk.message("/stats", **{"from": person(STRANGER, language_code="ru")})
    assert talk.session.texts == ["Это только для админов бота."]


async def test_an_admin_sees_the_chain(talk: BotChat, database: AsyncEngine) -> None:
    """Each backend with its state, speed, cost and last use, in the order of asking."""
    await MeasurementRepository(database).record_stage("a", "mattes", "local-cpu", 5, 0.25)
    await talk.message("/backend")
    assert talk.last.text.split("\n\n") == [
        "<b>Backends</b>, first to last, as in OVERLAY_BACKENDS",
        "1. 🟢 <b>modal</b>: available\n$1.10 an hour of work",
        (
            "2. 🟢 <b>local-cpu</b>: available\n"
            "objects: 13 frames a second (a guess)\n"
            "today $0.25, last used 0 s ago"
        ),
    ]
    assert buttons(talk.last.reply_markup) == [
        ["🧪 modal", "⏸ Off"],
        ["🧪 local-cpu", "⬆️", "⏸ Off"],
        ["Auto", "Refresh"],
    ]


async def test_a_measured_speed_is_no_guess(talk: BotChat, tmp_path: Path) -> None:
    BackendState(tmp_path).estimates.set_speed("local-cpu", "rembg", 4)
    await talk.message("/backend")
    assert talk.last.text.endswith("\nobjects: 4 frames a second")


async def test_the_last_failure_is_shown_with_its_reason_and_the_price(talk: BotChat) -> None:
    """Found by a test of the backend, which is one press away and written down."""
    await talk.press(BackendAction.TEST, "modal")
    answer = talk.session.get_calls(AnswerCallbackQuery)[-1].text
    assert answer == "modal cannot be used; the list says why."
    edited = talk.session.get_calls(EditMessageText)[-1].text
    assert edited is not None
    assert "$1.10 an hour of work" in edited
    assert "last failed 0 s ago: it cannot be reached" in edited
    entries = await AuditLog(talk.database).list_latest()
    assert [(one.actor, one.action, one.outcome) for one in entries] == [
        (str(ADMIN), "test", "unavailable")
    ]


async def test_a_backend_is_switched_off_after_a_question(talk: BotChat) -> None:
    """A slip of the thumb costs nothing."""
    await talk.press(BackendAction.ASK_OFF, "modal")
    assert all(health.is_enabled for health in talk.backend_pool.get_health())
    asked = talk.session.get_calls(EditMessageReplyMarkup)[-1].reply_markup
    assert buttons(asked) == [["⏸ Yes, switch modal off"], ["← Back"]]
    await talk.press(BackendAction.OFF, "modal")
    assert not talk.backend_pool.get_health()[0].is_enabled


def buttons(keyboard: object) -> list[list[str]]:
    """The labels of the buttons, row by row."""
    assert isinstance(keyboard, InlineKeyboardMarkup)
    return [[button.text for button in row] for row in keyboard.inline_keyboard]


@pytest.mark.parametrize("where", ["private", "group", "supergroup"])
@pytest.mark.parametrize("kind", ["message", "edited_message"])
async def test_an_admin_names_who_is_first(talk: BotChat, where: str, kind: str) -> None:
    """In any chat; the answer names the backends that come next."""
    await talk.message("/backend@overlay_bot  Local-CPU ", where=where, kind=kind)
    assert talk.backend_pool.names == ("local-cpu", "modal")
    assert talk.last.text.startswith(
        "local-cpu is asked first from now on; where it fails, then: modal. "
        "Running jobs stay where they are.\n\n"
    )


async def test_an_admin_goes_back_to_the_settings(talk: BotChat) -> None:
    """By the word auto."""
    await talk.message("/backend local-cpu")
    assert not talk.backend_pool.is_automatic
    await talk.message("/backend auto")
    assert talk.backend_pool.is_automatic


async def test_a_place_that_is_not_there_is_not_taken(talk: BotChat) -> None:
    """The answer names those that are; nothing of the question comes back as markup."""
    await talk.message("/backend <b>")
    assert talk.last.text.startswith("There is no such backend. There are: modal, local-cpu, auto")
    assert talk.backend_pool.is_automatic


async def test_the_buttons_change_the_chain(talk: BotChat) -> None:
    """Each has its effect, and the message shows it."""
    await talk.press(BackendAction.UP, "local-cpu")
    assert talk.backend_pool.names == ("local-cpu", "modal")
    await talk.press(BackendAction.OFF, "local-cpu")
    assert [health.is_enabled for health in talk.backend_pool.get_health()] == [False, True]
    await talk.press(BackendAction.OFF, "local-cpu")  # again, by an admin with an older message
    assert [health.is_enabled for health in talk.backend_pool.get_health()] == [False, True]
    edited = talk.session.get_calls(EditMessageText)[-1]
    assert "⏸ <b>local-cpu</b>: off" in (edited.text or "")
    assert buttons(edited.reply_markup)[0] == ["🧪 local-cpu", "▶️ On"]
    await talk.press(BackendAction.ON, "local-cpu")
    assert all(health.is_enabled for health in talk.backend_pool.get_health())
    await talk.press(BackendAction.AUTO)
    assert talk.backend_pool.is_automatic
    assert len(talk.session.get_calls(AnswerCallbackQuery)) == 5


async def test_the_last_place_cannot_be_switched_off(talk: BotChat) -> None:
    """The answer to the press says why."""
    await talk.press(BackendAction.OFF, "modal")
    await talk.press(BackendAction.OFF, "local-cpu")
    answer = talk.session.get_calls(AnswerCallbackQuery)[-1]
    assert answer.text == "local-cpu is the last backend, so it stays on."
    assert [health.is_enabled for health in talk.backend_pool.get_health()] == [False, True]


async def test_buttons_of_other_settings_do_nothing(talk: BotChat) -> None:
    """A message from before a restart may show backends that the settings no longer name."""
    await talk.press(BackendAction.UP, "local-gpu")
    assert talk.session.get_calls(AnswerCallbackQuery)[0].text == (
        "There is no such backend. There are: modal, local-cpu"
    )


async def test_a_button_under_a_message_that_is_too_old_works(talk: BotChat) -> None:
    """Telegram sends only its id; the order changes nevertheless."""
    await talk.press(BackendAction.UP, "local-cpu", old=True)
    assert talk.backend_pool.names == ("local-cpu", "modal")
    assert talk.session.get_calls(EditMessageText) == []


async def test_refresh_shows_the_chain_again(talk: BotChat) -> None:
    """After a check of unavailable backends."""
    await talk.press(BackendAction.RECHECK)
    assert talk.session.get_calls(AnswerCallbackQuery)[0].text == "Checking the backends…"
    assert len(talk.session.get_calls(EditMessageText)) == 1


@pytest.mark.parametrize("language", Language)
async def test_each_state_of_a_place_has_its_words(
    talk: BotChat, language: Language, tmp_path: Path
) -> None:
    """A cooldown, a failure before it, an unavailable backend, one that is off."""
    known, states = BackendState(tmp_path), []
    for rest in (
        BreakerState(failures=2, until=monotonic() + 40),
        BreakerState(failures=1, until=0),
    ):
        with known.breaker_states.update() as rests:
            rests["modal"] = rest
        await talk.message("/backend", **{"from": person(ADMIN, language_code=language.value)})
        states.append(talk.last.text.split("\n\n")[1].split("\n")[0])
    assert (
        states
        == {
            Language.EN: [
                "1. 🔴 <b>modal</b>: failed 2 times, is not asked for 40 s",
                "1. 🟡 <b>modal</b>: failed once, the next job tries it",
            ],
            Language.RU: [
                "1. 🔴 <b>modal</b>: не справился 2 раза, не трогаем ещё 40 сек.",
                "1. 🟡 <b>modal</b>: не справился 1 раз, попробует следующая задача",
            ],
        }[language]
    )
    words = [
        Texts()(language, "admin-why", why=why.value)
        for why in (FailureKind.UNSAFE, FailureKind.REFUSED)
    ]
    assert len(set(words)) == 2


async def test_two_admins_at_once_lose_nothing(talk: BotChat) -> None:
    """Each change is made to what the other left."""
    await asyncio.gather(
        talk.press(BackendAction.UP, "local-cpu"), talk.press(BackendAction.OFF, "modal")
    )
    assert talk.backend_pool.names == ("local-cpu", "modal")
    assert [health.is_enabled for health in talk.backend_pool.get_health()] == [True, False]


async def test_stats_say_how_jobs_went(talk: BotChat, database: AsyncEngine) -> None:
    """Jobs, times, costs and the queue, narrow enough for a phone."""
    await keep(database, "a", state="done", created=WHEN - 100, ended=WHEN)
    await MeasurementRepository(database).record_stage(
        "a", "mattes", "a-rather-long-name.example.org", 5, 0.25
    )
    await talk.message("/stats")
    text = talk.last.text
    assert "success     100%  100%  100%" in text
    assert "mattes" in text
    assert "a-rather-long…" in text
    assert "today $0.25" in text
    assert "<b>Queue</b>: 0 running, 0 waiting, 0 parked" in text
    assert max(map(len, text.split("\n"))) <= 60
    rows = [
        line for part in text.split("<pre>")[1:] for line in part.split("</pre>")[0].split("\n")
    ]
    assert max(map(len, rows)) <= 36


async def test_stats_say_why_jobs_failed_who_came_and_how_long_they_waited(
    talk: BotChat, database: AsyncEngine
) -> None:
    """All over the same seven days, and the days of a month as bars."""
    for number in range(3):
        await keep(database, f"d{number}", state="done", created=WHEN - 90, started=WHEN - 60.0)
    await keep(database, "other", state="done", user=5)
    await keep(database, "old", state="failed", fault="truncated", ended=WHEN - 8 * 86400.0)
    for number in range(2):
        await keep(database, f"f{number}", state="failed", fault="corrupt", ended=float(WHEN))
    async with get_write_engine(database).begin() as connection:
        await connection.execute(jobs.update().where(jobs.c.ended.is_(None)).values(ended=WHEN))
    await talk.message("/stats")
    text = talk.last.text
    assert "<b>Failures</b>, 7 days\n<pre>corrupt  2</pre>" in text
    assert "<b>Formats</b>, 7 days\n<pre>video  4</pre>" in text
    assert re.search(r"users +\d +2 +2", text)
    assert re.search(r"waiting +3 +30.0 +30.0", text)
    assert re.search(r"at most 4\n<code>▁{29}█</code>", text)


async def test_stats_of_an_empty_bot_can_be_read(talk: BotChat) -> None:
    """Nothing is divided by nothing."""
    await talk.message("/stats")
    assert "–" in talk.last.text


async def test_the_queue_names_jobs_and_nothing_of_users(
    talk: BotChat, database: AsyncEngine
) -> None:
    """Who, how long, since when, how far, and why it waits; not what."""
    clip = MediaSource(kind=SourceKind.VIDEO, file_id="x", seconds=42)
    order = JobRequest(clip=clip, look=Appearance(engine="rvm")).model_dump(mode="json")
    await keep(database, "r", state="running", stage="mattes", order=order)
    await keep(database, "p", state="parked", due=WHEN + 600.0)
    await keep(database, "u")
    await keep(database, "t", user=5)
    rows = {job.id: job for job in await JobRepository(database).list_open()}
    talk.jobs.entries = [
        QueueEntry(rows["r"], Stage.MATTES, True, None, 0.63, "local-cpu"),
        QueueEntry(rows["t"], None, False, 0, None, ""),
        QueueEntry(rows["u"], None, False, 1, None, ""),
        QueueEntry(rows["p"], None, False, None, None, ""),
    ]
    await talk.message("/queue")
    text = talk.last.text
    assert "1 running, 2 waiting, 1 parked" in text
    assert "1. ▶️ user 123456789, 0:42, best, mattes 63%, local-cpu, " in text
    assert "2. ⏸ user 5, ?, auto, 0 before it, " in text
    assert "3. ⏸ user 123456789, ?, auto, waits for another video of the user, " in text
    assert "4. ⏳ user 123456789, ?, auto, no backend is available, tried again in 9 min, " in text
    assert "GB are free" in text
    assert "example.org" not in text
    assert buttons(talk.last.reply_markup) == [
        ["1", "2", "3", "4"],
        ["⛔ Pause intake", "🔄 Refresh"],
    ]


async def test_a_job_is_cancelled_or_retried_from_the_queue(
    talk: BotChat, database: AsyncEngine
) -> None:
    """Only one that is in a pause can go on now; both are in the audit log."""
    await keep(database, "p", state="parked", due=WHEN + 600.0)
    await keep(database, "w")
    await talk.send_press(QueueButton(do=QueueAction.JOB, job="w").pack())
    shown = talk.session.get_calls(EditMessageText)[-1]
    assert buttons(shown.reply_markup) == [["✖ Cancel"], ["← Back"]]
    await talk.send_press(QueueButton(do=QueueAction.JOB, job="p").pack())
    shown = talk.session.get_calls(EditMessageText)[-1]
    assert buttons(shown.reply_markup) == [["✖ Cancel", "↻ Now"], ["← Back"]]
    await talk.send_press(QueueButton(do=QueueAction.RETRY, job="p").pack())
    await talk.send_press(QueueButton(do=QueueAction.CANCEL, job="w").pack())
    assert (talk.jobs.retried, talk.jobs.cancelled) == (["p"], ["w"])
    entries = await AuditLog(database).list_latest()
    assert [(one.action, one.subject) for one in entries] == [("cancel", "w"), ("retry", "p")]


async def test_the_intake_is_paused_from_the_queue(talk: BotChat) -> None:
    """The message says so, and offers to resume it."""
    await talk.send_press(QueueButton(do=QueueAction.PAUSE).pack())
    assert talk.intake.is_paused
    shown = talk.session.get_calls(EditMessageText)[-1]
    assert "New videos are not accepted" in (shown.text or "")
    assert buttons(shown.reply_markup)[0][0] == "▶️ Resume intake"
    await talk.send_press(QueueButton(do=QueueAction.RESUME).pack())
    assert not talk.intake.is_paused


@pytest.mark.parametrize("do", QueueAction)
async def test_nobody_else_presses_the_buttons_of_the_queue(talk: BotChat, do: QueueAction) -> None:
    """Whatever their id says."""
    await talk.send_press(QueueButton(do=do, job="x").pack(), STRANGER)
    (answer,) = talk.session.get_calls(AnswerCallbackQuery)
    assert answer.text == "This is for the admins of this bot."
    assert not talk.intake.is_paused
    assert not talk.jobs.cancelled
    assert not talk.jobs.retried


async def test_errors_say_what_runs_what_failed_and_what_was_logged(
    talk: BotChat, database: AsyncEngine
) -> None:
    """Each reason can be tried again; no traceback comes into the chat."""
    await keep(database, "f", state="failed", fault="corrupt", ended=time())
    line = {
        "message": 'a "bad" <thing>',
        "level": "error",
        "logger": "bot.x",
        "exception": "T" * 99,
    }
    talk.lines.append(json.dumps(line), error_at=time())
    talk.lines.append(json.dumps(line | {"message": "all is well"}))
    await talk.message("/errors")
    assert talk.last.text == (
        "<b>Versions</b>: overlaybot 1.2.3, up for 2 h\n\n"
        "<b>Failures</b>, 7 days\ncorrupt: 1, last 0 s ago\n\n"
        "<b>Errors in the log</b> since the start\n"
        '0 s ago, bot.x: <code>a "bad" &lt;thing&gt;</code>'
    )
    assert buttons(talk.last.reply_markup) == [["↻ Try again: corrupt"]]
    await talk.send_press(QueueButton(do=QueueAction.RETRY, job="f").pack())
    assert talk.jobs.retried == ["f"]


async def test_a_user_is_banned_and_the_jobs_end(talk: BotChat) -> None:
    """Until the ban ends; the list says who is banned, and admins cannot be."""
    await talk.message("/ban 5")
    assert talk.intake.banned == {5}
    assert talk.jobs.cancelled == ["all of 5"]
    assert talk.last.text.startswith("User 5 is banned")
    await talk.message("/ban")
    assert "Banned users: 5" in talk.last.text
    await talk.message(f"/ban {ADMIN}")
    assert talk.intake.banned == {5}
    await talk.message("/unban 5")
    assert not talk.intake.banned
    entries = await AuditLog(talk.database).list_latest()
    assert [(one.action, one.subject) for one in entries] == [("unban", "5"), ("ban", "5")]


async def test_the_queue_is_drained(talk: BotChat, database: AsyncEngine) -> None:
    """New jobs are refused, and the end of the last one will be told."""
    await keep(database, "r", state="running")
    await talk.message("/drain")
    assert talk.intake.is_draining
    assert "One job is open." in talk.last.text
    await talk.send_press(QueueButton(do=QueueAction.RESUME).pack())
    assert not talk.intake.is_draining


async def test_a_message_to_all_is_shown_and_confirmed(
    talk: BotChat, database: AsyncEngine
) -> None:
    """As it will look, with the number of users."""
    await keep(database, "a")
    await talk.message("/broadcast We are <back>!")
    assert talk.last.text == "We are &lt;back&gt;!"
    assert buttons(talk.last.reply_markup) == [["📣 Send to 1 users"], ["Discard"]]
    await talk.send_press(BroadcastButton(do=BroadcastAction.SEND).pack())
    await talk.send_press(BroadcastButton(do=BroadcastAction.SEND).pack())
    begun, again = [call.text for call in talk.session.get_calls(AnswerCallbackQuery)]
    assert (begun or "").startswith("I am sending it")
    assert (again or "").startswith("There is nothing to do")
    await talk.message("/broadcast More!")
    assert talk.last.text.startswith("Another message is being sent")


@pytest.mark.parametrize("do", BroadcastAction)
async def test_nobody_else_sends_to_all(talk: BotChat, do: BroadcastAction) -> None:
    await talk.message("/broadcast Hello")
    await talk.send_press(BroadcastButton(do=do).pack(), STRANGER)
    assert talk.session.get_calls(AnswerCallbackQuery)[-1].text == (
        "This is for the admins of this bot."
    )
    await talk.send_press(BroadcastButton(do=BroadcastAction.SEND).pack())
    assert await AuditLog(talk.database).list_latest()


async def test_a_long_queue_fits_one_message(talk: BotChat, database: AsyncEngine) -> None:
    """The rest is counted."""
    for i in range(100):
        await keep(database, f"{i}")
    await talk.message("/queue")
    assert "… and 85 more" in talk.last.text
    assert len(talk.last.text) < 4096


def test_a_table_is_aligned_and_harmless() -> None:
    """Names to the left, numbers to the right; no markup in it."""
    assert (
        format_table([["", "n"], ["a<b", "10"], ["c", "9"]])
        == "<pre>      n\na&lt;b  10\nc     9</pre>"
    )


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("command", [*COMMANDS, "/backend modal", "/ban 5", "/unban 5", "/ban 7"])
async def test_all_is_said_in_both_languages(
    talk: BotChat, language: Language, command: str
) -> None:
    """No text lacks a word or a value."""
    await talk.message(command, **{"from": person(ADMIN, language_code=language.value)})
    assert "{" not in talk.last.text
    assert "admin-" not in talk.last.text
