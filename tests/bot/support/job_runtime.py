# ruff: noqa: ARG002 - what stands for Telegram takes what Telegram takes
"""All that jobs and cards need, in one process: the real thing but for Telegram and the network.

Run as a script it is a bot that dies where it is told to:
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
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    import bot  # noqa: F401 - first, for a modern SQLite

from aiogram.types import InlineKeyboardMarkup
from dbos import _dbos
from sqlalchemy.ext.asyncio import AsyncEngine

from backends.base import OverlayBackend
from backends.local.backend import LocalBackend
from backends.local.process import Limits as ChildLimits
from backends.local.video_cli import Command
from backends.rendering.base import LocalRenderer, Renderer
from bot.database.drafts import Draft, Drafts
from bot.database.engine import engine, prepare, system_url
from bot.database.jobs import Job, Ledger, State
from bot.database.statistics import Measures
from bot.domain.appearance import Look
from bot.domain.job_request import Language, Order
from bot.domain.media_source import Kind, Source
from bot.domain.outcomes import Delivered, Edited, Gone, Later, Made, Missing, Refused, Unchanged
from bot.jobs import dbos_runtime as durable
from bot.jobs.fair_queue import Turns
from bot.jobs.progress_message import Value
from bot.jobs.retry_policy import Pace
from bot.jobs.stages import Stages
from bot.jobs.supervisor import Jobs
from bot.jobs.workspace import Folders
from bot.preview_cards import Cards
from bot.telegram.limits import Limits
from settings import Storage

STAND_IN = Path(__file__).parent / "programs" / "fake_video_cli.py"
CHILD = ChildLimits(seconds=60, patience=30, memory=2_000_000_000, nice=0)
QUICK = Pace(broke=0.05, park=0.1, most=0.3, give_up=0.5, quiet=0.2)
CLIP = Source(kind=Kind.VIDEO, file_id="clip", size=1000, seconds=3)
JOB = Job(
    id="job",
    origin="draft:x",
    user=7,
    chat=8,
    topic=None,
    reply_to=None,
    language=Language.EN,
    order=Order(clip=CLIP, look=Look()),
    state=State.RUNNING,
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
        self.answers: list[Later | Gone | Missing] = []  #: what the next results and texts meet
        self.edits: list[Later | Gone | Missing] = []  #: the same for edits
        self.seconds = 0.0  #: that sending a result takes
        self.breaks = 0  #: how often a message cannot be removed, by a fault of ours

    async def text(
        self,
        chat: int,
        text: str,
        *,
        topic: int | None = None,
        reply_to: int | None = None,
        keyboard: InlineKeyboardMarkup | None = None,
        patient: bool = True,
    ) -> int | Later | Gone:
        """As Sending does."""
        if not text.startswith("status") and self.answers:
            answer = self.answers.pop(0)
            assert not isinstance(answer, Missing)
            return answer
        return self._write("text", text=text, chat=chat)

    async def edit_text(
        self,
        chat: int,
        message: int,
        text: str,
        *,
        keyboard: InlineKeyboardMarkup | None = None,
        patient: bool = True,
    ) -> Edited | Unchanged | Missing | Later | Gone:
        """As Sending does."""
        if self.edits:
            return self.edits.pop(0)
        self._write("edit", message=message, text=text)
        return Edited()

    async def result(
        self,
        job: Job,
        made: Made,
        keyboard: InlineKeyboardMarkup | None = None,
        *,
        file: Path,
        thumbnail: Path | None = None,
        caption: str = "",
    ) -> Delivered | Later | Gone | Refused:
        """As Sending does."""
        assert file.stat().st_size
        await asyncio.sleep(self.seconds)
        if self.answers:
            answer = self.answers.pop(0)
            assert not isinstance(answer, Missing)
            return answer
        return Delivered(message=self._write("result", job=job.id), file_id="sent")

    async def card(
        self,
        chat: int,
        photo: Path,
        text: str,
        *,
        topic: int | None = None,
        reply_to: int | None = None,
        keyboard: InlineKeyboardMarkup | None = None,
    ) -> int | Later | Gone:
        """As Sending does."""
        return await self._shown("card", photo)

    async def redraw(
        self,
        chat: int,
        message: int,
        photo: Path,
        text: str,
        *,
        keyboard: InlineKeyboardMarkup | None = None,
        patient: bool = True,
    ) -> Edited | Unchanged | Missing | Later | Gone:
        """As Sending does."""
        if self.edits:
            return self.edits.pop(0)
        await self._shown("redraw", photo)
        return Edited()

    async def _shown(self, kind: str, photo: Path) -> int | Later | Gone:
        assert photo.stat().st_size
        if self.answers:
            answer = self.answers.pop(0)
            assert not isinstance(answer, Missing)
            return answer
        return self._write(kind, words=words_of(photo))

    async def delete(self, chat: int, message: int) -> object:
        """As Sending does."""
        if self.breaks:
            self.breaks -= 1
            raise ZeroDivisionError
        self._write("delete", message=message)
        return Edited()

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All that was sent of one kind."""
        if not self._file.exists():
            return []
        told = map(json.loads, self._file.read_text().splitlines())
        return [one for one in told if one["kind"] == kind]

    def ends(self) -> list[str]:
        """The last messages of jobs: results, and texts that are no status."""
        texts = [one["text"] for one in self.all("text") if not one["text"].startswith("status")]
        return [*texts, *(["result"] * len(self.all("result")))]

    def _write(self, kind: str, **what: object) -> int:
        with self._file.open("a") as file:
            file.write(json.dumps({"kind": kind, "at": time.time()} | what) + "\n")
        return len(self._file.read_text().splitlines())


def words_of(made: Path) -> list[str]:
    """With which the stand-in was asked for what it made."""
    _, found, told = made.read_bytes().rpartition(b"\nmade of ")
    return list(json.loads(told)["words"]) if found else []


class Files:
    """Sources, by file id or link, with what lies there."""

    def __init__(self) -> None:
        self.there: dict[str, bytes | Exception] = {"clip": b"a clip"}
        self.fetched: list[str] = []
        self.seconds = 0.0

    async def fetch(self, source: Source, path: Path) -> None:
        """As Downloads does."""
        await asyncio.sleep(self.seconds)
        found = self.there[source.file_id or source.link]
        if isinstance(found, Exception):
            raise found
        self.fetched.append(source.file_id or source.link)
        path.write_bytes(found)


class Words:
    """Texts that are their own keys."""

    def __call__(self, language: Language, key: str, /, **values: Value) -> str:
        """The key, and the values."""
        return " ".join([key, *(f"{name}={value}" for name, value in values.items())])

    def fault(self, language: Language, fault: str, details: dict[str, Value]) -> str:
        """The fault."""
        return f"fault {fault}"


class NoButtons:
    """Messages without any."""

    def cancel(self, job: Job) -> None:
        """None."""

    def result(self, job: Job) -> None:
        """None."""

    def card(self, draft: Draft) -> None:
        """None."""


class Workshop:
    """Jobs at work in a folder."""

    def __init__(
        self,
        folder: Path,
        program: Sequence[str],
        *,
        at_once: int = 2,
        waiting: int = 500,
        pace: Pace = QUICK,
    ) -> None:
        self.storage = Storage(folder=folder)
        self.folder = folder
        self.engine: AsyncEngine = engine(self.storage)
        self.ledger, self.measures = Ledger(self.engine), Measures(self.engine)
        self.chat, self.files, self.folders = Chat(folder / "sent.jsonl"), Files(), Folders(folder)
        self.place: OverlayBackend = LocalBackend("local-cpu", "cpu", CHILD, program=program)
        self.renderer: Renderer = LocalRenderer(CHILD, program)
        self.command = Command("local", CHILD, program)
        self.limits = Limits(upload=1_000_000)
        self.free = 10_000_000_000
        self.turns = Turns(at_once)
        self.stages = Stages(
            self.folders, self.files, lambda: self.place, self.renderer, self.command, self.limits
        )
        self.jobs = Jobs(
            self.ledger,
            self.measures,
            self.stages,
            self.turns,
            self.chat,
            Words(),
            NoButtons(),
            free=self._free,
            waiting=waiting,
            pace=pace,
            every=0.05,
        )
        self.drafts = Drafts(self.engine)
        self.cards = Cards(
            self.drafts,
            self.files,
            self.command,
            self.folders,
            self.chat,
            Words(),
            NoButtons(),
            pause=0.1,
        )

    async def _free(self) -> int:
        return self.free

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Work, until the block ends."""
        # The one that DBOS lends a loop ends with it.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4))
        self.folder.mkdir(parents=True, exist_ok=True)
        await prepare(self.engine)
        durable.launch(system_url(self.storage), listening=0.02)
        await self.jobs.resume()
        await self.cards.resume()
        try:
            yield
        finally:
            await self.cards.stop()
            await self.jobs.stop()
            await asyncio.to_thread(durable.end)
            _dbos._get_or_create_dbos_registry().instance_info_map.clear()  # noqa: SLF001 - for the next bot of this process
            await self.engine.dispose()

    async def accept(self, user: int = 7, origin: str = "draft:x", **order: Any) -> Job | None:
        """A job of *user*."""
        given = {"clip": CLIP, "look": Look()} | order
        return await self.jobs.accept(
            Order(**given),
            user=user,
            chat=user,
            topic=None,
            reply_to=None,
            language=Language.EN,
            origin=origin,
        )

    async def over(self, job: Job | None, seconds: float = 30) -> Job:
        """The job, when it is over."""
        assert job is not None

        async def done() -> bool:
            now = await self.ledger.get(job.id)
            return now is not None and now.over

        await until(done, seconds)
        now = await self.ledger.get(job.id)
        assert now is not None
        return now

    async def at(self, stage: str, seconds: float = 30) -> None:
        """Wait until a job is at *stage*."""

        async def there() -> bool:
            return any(standing.stage == stage for standing in self.jobs.queue())

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
            return not await workshop.ledger.unfinished()

        await until(idle, 60)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
    os._exit(0)
