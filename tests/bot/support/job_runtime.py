# ruff: noqa: ARG002 - what stands for Telegram takes what Telegram takes
"""All that jobs and cards need, in one process: the real thing but for Telegram and the network.

As a script it is a bot that dies at a given method:
``job_runtime.py FOLDER PROGRAM_FOLDER WHERE``, WHERE being a method of what is below, or
"nowhere".
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from inspect import isawaitable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    import bot  # noqa: F401 - first, for a modern SQLite

from aiogram.exceptions import TelegramBadRequest
from aiogram.types import InlineKeyboardMarkup
from dbos import _dbos
from sqlalchemy.ext.asyncio import AsyncEngine

from backends.base import OverlayBackend
from backends.local.backend import LocalBackend
from backends.local.process import ProcessLimits as ChildLimits
from backends.local.video_cli import VideoCli
from backends.rendering.base import LocalRenderer, Renderer
from bot.database.drafts import DraftRepository
from bot.database.engine import build_system_url, create_engine, prepare_database
from bot.database.jobs import Job, JobOrder, JobRepository, JobState
from bot.database.repository import KeyValueStore
from bot.database.statistics import MeasurementRepository
from bot.domain.job_request import (
    Appearance,
    Destination,
    JobRequest,
    Language,
    MediaSource,
    Requester,
    SourceKind,
)
from bot.domain.outcomes import (
    ChatGone,
    Delivered,
    MessageEdited,
    MessageMissing,
    MessageUnchanged,
    Rejected,
    ResultRendered,
    RetryLater,
)
from bot.jobs import dbos_runtime as durable
from bot.jobs.active_job import ActiveJobs
from bot.jobs.draft_files import DraftFiles
from bot.jobs.fair_queue import FairQueue
from bot.jobs.progress_message import UserInterface
from bot.jobs.retry_policy import Backoff, RetryPolicy
from bot.jobs.stages import JobStages
from bot.jobs.supervisor import JobSupervisor
from bot.jobs.workflow import JobWorkflow
from bot.jobs.workspace import Workspace
from bot.operations.intake import Intake
from bot.preview_cards import PreviewCards, PreviewRenderer
from bot.telegram.limits import TelegramLimits
from bot.telegram.uploads import NO_STILLS, ResultStills
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts, TextValue
from settings import StorageSettings

STAND_IN = Path(__file__).parent / "programs" / "fake_video_cli.py"
CHILD = ChildLimits(max_seconds=60, stall_seconds=30, max_memory=2_000_000_000, nice=0)
QUICK = Backoff(
    after_error=0.05, after_unavailable=0.1, maximum=0.3, give_up_after=0.5, startup_quiet=0.2
)
TEXTS = Texts()
CLIP = MediaSource(kind=SourceKind.VIDEO, file_id="clip", size=1000, seconds=3)
JOB = Job(
    id="job",
    origin="draft:x",
    user=7,
    chat=8,
    topic=None,
    reply_to=None,
    language=Language.EN,
    order=JobRequest(clip=CLIP, look=Appearance()),
    state=JobState.RUNNING,
    stage="",
    status=None,
    cancelled=False,
    attempts=0,
    deaths=0,
    furthest="",
    due=0,
    pauses=0,
    created=0,
    started=None,
    parked=None,
    ended=None,
    fault=None,
    result=None,
    file_id=None,
    told=False,
    noticed=0,
)


def stand_in(folder: Path, **behaviour: object) -> tuple[str, ...]:
    """The program that only looks busy, with what it needs in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "behaviour.json").write_text(json.dumps(behaviour))
    for name in ("result.mp4", "result.webm", "result.gif", "result.mov", "result.jpg"):
        (folder / name).write_bytes(b"a result")
    return sys.executable, "-S", "-E", str(STAND_IN), str(folder)  # which starts sooner


class Chat:
    """Everything that people were sent, in order; kept in a file, as Telegram keeps it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.answers: list[
            RetryLater | ChatGone | MessageMissing
        ] = []  #: what the next results and texts meet
        self.edits: list[RetryLater | ChatGone | MessageMissing] = []  #: the same for edits
        self.cards: list[ChatGone | Rejected | TelegramBadRequest] = []  #: what the next cards meet
        self.actions: list[str] = []  #: that were shown at the top of the chat
        self.seconds = 0.0  #: that sending a result takes
        self.delete_seconds = 0.0  #: that removing a message takes
        self.on_redraw: Callable[[], object] = lambda: None  #: called as a card is changed
        self.breaks = 0  #: how often a message cannot be removed, by a fault of ours

    async def send_text(
        self,
        destination: Destination,
        text: str,
        *,
        keyboard: InlineKeyboardMarkup | None = None,
        is_retried: bool = True,
    ) -> int | RetryLater | ChatGone:
        """See Messenger; a text with buttons is a progress message, and always arrives."""
        if keyboard is None and self.answers:
            answer = self.answers.pop(0)
            assert not isinstance(answer, MessageMissing)
            return answer
        kind = "text" if keyboard is None else "progress"
        return self._write(kind, text=text, chat=destination.chat)

    async def edit_text(
        self,
        chat: int,
        message: int,
        text: str,
        *,
        keyboard: InlineKeyboardMarkup | None = None,
        is_retried: bool = True,
    ) -> MessageEdited | MessageUnchanged | MessageMissing | RetryLater | ChatGone:
        """See Messenger."""
        if self.edits:
            return self.edits.pop(0)
        self._write("edit", message=message, text=text)
        return MessageEdited()

    async def send_result(
        self,
        job: Job,
        rendered: ResultRendered,
        keyboard: InlineKeyboardMarkup | None = None,
        *,
        file: Path,
        stills: ResultStills = NO_STILLS,
        caption: str = "",
    ) -> Delivered | RetryLater | ChatGone | Rejected:
        """See Messenger."""
        assert file.stat().st_size
        await asyncio.sleep(self.seconds)
        if self.answers:
            answer = self.answers.pop(0)
            assert not isinstance(answer, MessageMissing)
            return answer
        return Delivered(message=self._write("result", job=job.id), file_id="sent")

    async def send_action(self, destination: Destination, action: str) -> None:
        """See Messenger."""
        self.actions.append(action)

    async def send_photo(
        self,
        destination: Destination,
        photo: Path,
        text: str,
        *,
        keyboard: InlineKeyboardMarkup | None = None,
    ) -> int | RetryLater | ChatGone | Rejected:
        """See Messenger."""
        if not self.cards:
            return await self._shown("card", photo)
        answer = self.cards.pop(0)
        if isinstance(answer, TelegramBadRequest):
            raise answer
        return answer

    async def edit_photo(
        self,
        chat: int,
        message: int,
        photo: Path,
        text: str,
        *,
        keyboard: InlineKeyboardMarkup | None = None,
        is_retried: bool = True,
    ) -> MessageEdited | MessageUnchanged | MessageMissing | RetryLater | ChatGone:
        """See Messenger."""
        if self.edits:
            return self.edits.pop(0)
        await self._shown("redraw", photo)
        if isawaitable(done := self.on_redraw()):
            await done
        return MessageEdited()

    async def edit_keyboard(
        self, chat: int, message: int, keyboard: InlineKeyboardMarkup | None = None
    ) -> MessageEdited:
        """See Messenger."""
        rows = keyboard.inline_keyboard if keyboard else []
        labels = [button.text for row in rows for button in row]
        self._write("keyboard", message=message, labels=labels)
        return MessageEdited()

    async def _shown(self, kind: str, photo: Path) -> int | RetryLater | ChatGone:
        assert photo.stat().st_size
        if self.answers:
            answer = self.answers.pop(0)
            assert not isinstance(answer, MessageMissing)
            return answer
        return self._write(kind, words=words_of(photo))

    async def delete_message(self, chat: int, message: int) -> object:
        """See Messenger."""
        if self.breaks:
            self.breaks -= 1
            raise ZeroDivisionError
        await asyncio.sleep(self.delete_seconds)
        self._write("delete", message=message)
        return MessageEdited()

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All that was sent of one kind."""
        if not self._file.exists():
            return []
        messages = map(json.loads, self._file.read_text().splitlines())
        return [one for one in messages if one["kind"] == kind]

    def ends(self) -> list[str]:
        """Return the last messages of jobs: texts that are no progress, and a word per result."""
        texts = [one["text"] for one in self.all("text")]
        return [*texts, *(["result"] * len(self.all("result")))]

    def progress(self) -> list[str]:
        """Return the texts of progress messages, sent before edited."""
        return [one["text"] for one in self.all("progress") + self.all("edit")]

    def _write(self, kind: str, **what: object) -> int:
        with self._file.open("a") as file:
            file.write(json.dumps({"kind": kind, "at": time.time()} | what) + "\n")
        return len(self._file.read_text().splitlines())


def words_of(made: Path) -> list[str]:
    """With which the stand-in was asked for what it made."""
    _, found, record = made.read_bytes().rpartition(b"\nmade of ")
    return list(json.loads(record)["words"]) if found else []


class Files:
    """Sources, by file id or link, with what lies there."""

    def __init__(self) -> None:
        self.there: dict[str, bytes | Exception] = {"clip": b"a clip"}
        self.fetched: list[str] = []
        self.seconds = 0.0

    async def fetch(self, source: MediaSource, path: Path) -> None:
        """As Downloads does."""
        await asyncio.sleep(self.seconds)
        found = self.there[source.file_id or source.link]
        if isinstance(found, Exception):
            raise found
        self.fetched.append(source.file_id or source.link)
        path.write_bytes(found)


def text(key: str, **values: TextValue) -> str:
    """Return a text in English."""
    return TEXTS(Language.EN, key, **values)


def failure(code: str, **details: TextValue) -> str:
    """Return the text of a failure in English."""
    return TEXTS.describe_failure(Language.EN, code, details)


class Workshop:
    """Jobs at work in a folder."""

    def __init__(
        self,
        folder: Path,
        program: Sequence[str],
        *,
        at_once: int = 2,
        waiting: int = 500,
        pace: Backoff = QUICK,
    ) -> None:
        self.storage = StorageSettings(folder=folder)
        self.folder = folder
        self.engine: AsyncEngine = create_engine(self.storage)
        self.ledger, self.measures = JobRepository(self.engine), MeasurementRepository(self.engine)
        self.chat, self.files, self.folders = (
            Chat(folder / "sent.jsonl"),
            Files(),
            Workspace(folder),
        )
        self.place: OverlayBackend = LocalBackend("local-cpu", "cpu", CHILD, program=program)
        self.renderer: Renderer = LocalRenderer(CHILD, program)
        self.command = VideoCli("local", CHILD, program)
        self.limits = TelegramLimits(upload_bytes=1_000_000)
        self.poisoned: list[str] = []
        self.free, self.draft_bytes = 10_000_000_000, 0  # each draft's files take some of them
        self.turns = FairQueue(at_once)
        self.stages = JobStages(
            self.folders, self.files, lambda: self.place, self.renderer, self.command, self.limits
        )
        self.interface = UserInterface(self.chat, TEXTS, Keyboards(TEXTS))
        self.active_jobs = ActiveJobs(
            self.ledger, self.turns, self.interface, backoff=pace, edit_seconds=0.05
        )
        self.workflow = JobWorkflow(
            self.ledger,
            self.measures,
            self.stages,
            self.active_jobs,
            RetryPolicy(self.ledger, pace, self.poisoned.append),
            self.interface,
        )
        self.drafts = DraftRepository(self.engine, series_seconds=0)
        self.draft_files = DraftFiles(self.folders, self.drafts, self.ledger, self._free)
        self.intake = Intake(KeyValueStore(self.engine))
        self.jobs = JobSupervisor(
            self.ledger,
            self.active_jobs,
            self.workflow,
            self.turns,
            make_room=self.draft_files.make_room,
            intake=self.intake,
            max_waiting=waiting,
        )
        self.cards = PreviewCards(
            self.drafts,
            PreviewRenderer(self.files, self.command, self.draft_files),
            self.interface,
            limits=TelegramLimits(),
            retry_seconds=0.1,
        )

    async def _free(self) -> int:
        return self.free - self.draft_bytes * len(list(self.folders.drafts.glob("*")))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Work, until the block ends."""
        # The one that DBOS lends a loop ends with it.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4))
        self.folder.mkdir(parents=True, exist_ok=True)
        await prepare_database(self.engine)
        durable.launch(build_system_url(self.storage), poll_seconds=0.02)
        await self.jobs.resume()
        await self.cards.resume()
        try:
            yield
        finally:
            await self.cards.stop()
            await self.jobs.stop()
            await asyncio.to_thread(durable.shut_down)
            _dbos._get_or_create_dbos_registry().instance_info_map.clear()  # noqa: SLF001 - for the next bot of this process
            await self.engine.dispose()

    async def accept(self, user: int = 7, origin: str = "draft:x", **order: Any) -> Job | None:
        """A job of *user*."""
        given = {"clip": CLIP, "look": Appearance()} | order
        order = JobOrder(JobRequest(**given), Destination(user), origin)
        return next(iter(await self.jobs.accept([order], Requester(user, Language.EN))), None)

    async def accept_series(self, *clips: MediaSource, user: int = 7) -> list[Job]:
        """Jobs of *user* that one press asks for."""
        orders = [
            JobOrder(
                JobRequest(clip=clip, look=Appearance()),
                Destination(user, reply_to=number),
                f"clip:x:{number}",
            )
            for number, clip in enumerate(clips, 1)
        ]
        return await self.jobs.accept(orders, Requester(user, Language.EN))

    async def over(self, job: Job | None, seconds: float = 30) -> Job:
        """The job, when it is over."""
        assert job is not None

        async def done() -> bool:
            now = await self.ledger.get(job.id)
            return now is not None and now.is_over

        await until(done, seconds)
        now = await self.ledger.get(job.id)
        assert now is not None
        return now

    async def at(self, stage: str, seconds: float = 30) -> None:
        """Wait until a job is at *stage*."""

        async def there() -> bool:
            return any(standing.stage == stage for standing in self.jobs.list_queue())

        await until(there, seconds)


async def until(true: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until *true* says so."""
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.02)


def dying(holder: object, method: str, *, after: bool) -> None:
    """Have the process die as *method* of *holder* is called, or as it returns."""
    real = getattr(holder, method)

    async def died(*args: Any, **kwargs: Any) -> Any:
        if after:
            await real(*args, **kwargs)
        os._exit(9)

    setattr(holder, method, died)


async def main(folder: Path, programs: Path, where: str) -> None:
    """Work at all jobs that there are, or at a new one, and die where it is said."""
    workshop = Workshop(folder, (sys.executable, "-S", "-E", str(STAND_IN), str(programs)))
    holder, _, what = where.partition(".")
    if what:
        method, _, when = what.partition(":")
        dying(getattr(workshop, holder), method, after=when == "after")
    async with workshop.open():
        await workshop.accept()

        async def idle() -> bool:
            return not await workshop.ledger.list_open()

        await until(idle, 60)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
    os._exit(0)
