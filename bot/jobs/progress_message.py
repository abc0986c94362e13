"""One message that tells how far a job is.

Its words are in the texts: status-waiting ($ahead, how many come before), status-fetching,
status-planning, status-mattes and status-compose ($place), status-delivering, status-parked,
status-restarting; below them, where there is news, status-fell-back ($place, $why),
status-warming and status-waiting-for ($place), status-hurried ($place, $engine).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiogram.exceptions import TelegramAPIError
from sqlalchemy.exc import SQLAlchemyError

from backends.base import Asked, Event, FellBack, Hurried, Waiting, Warming
from bot.database.jobs import Job
from bot.domain.outcomes import Edited, Gone, Later, Missing, Unchanged
from bot.telegram.messenger import Keyboard, Value, Voice, Words
from video_editing.contract.progress import Progress

log = logging.getLogger(__name__)

EVERY = 3.0  #: seconds between two edits at least
EVERY_WAITING = 10.0  #: the same while it waits: the place in the queue is not worth more
CELLS = 10  #: of the bar
FULL, EMPTY = "▰", "▱"
#: the words for a stage
WORDS = {
    "fetch": "status-fetching",
    "plan": "status-planning",
    "mattes": "status-mattes",
    "compose": "status-compose",
    "deliver": "status-delivering",
}
#: whose progress is worth a bar, as children call it
SHOWN = {"mattes": ("mattes",), "compose": ("edit", "cut", "render")}


class Status:
    """What is known of a job, and the message that tells it."""

    def __init__(
        self,
        job: Job,
        sending: Voice,
        texts: Words,
        keyboard: Keyboard,
        shown: Callable[[int], Awaitable[None]],
        gone: Callable[[], None],
        every: float = EVERY,
    ) -> None:
        """Begin with nothing to tell.

        Args:
            job: whose it is; its status is our message, where there is one.
            sending: the way to people.
            texts: in their languages.
            keyboard: what is under the message.
            shown: told when there is a new message.
            gone: told when the chat is not there for us any more.
            every: seconds between two edits at least.
        """
        self._job, self._sending, self._texts = job, sending, texts
        self._keyboard, self._shown, self._gone = keyboard, shown, gone
        self._every = every
        self.message = job.status
        self._words: tuple[str, dict[str, Value]] | None = None
        self._stage = ""
        self._place = ""
        self._bar = self._news = ""
        self._said = ""
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._telling = asyncio.create_task(self._tell())

    def waiting(self, ahead: int) -> None:
        """So many come before it."""
        self._show("status-waiting", ahead=ahead)

    def parked(self) -> None:
        """Nobody can do it now."""
        self._show("status-parked")

    def at(self, stage: str) -> None:
        """It is at *stage*."""
        if stage != self._stage:
            self._stage, self._news, self._place = stage, "", ""
        self._show(WORDS[stage], place=self._place)

    def hear(self, event: Event) -> None:
        """Something happened."""
        match event:
            case Progress(stage=stage) if stage in SHOWN.get(self._stage, ()):
                self._bar = bar(event)
            case Asked(backend=place):
                self._place = place
                self._show(WORDS[self._stage], place=place)
            case FellBack(backend=place, why=why):
                self._tell_news("status-fell-back", place=place, why=why.value)
            case Waiting(backend=place):
                self._tell_news("status-waiting-for", place=place)
            case Warming(backend=place):
                self._tell_news("status-warming", place=place)
            case Hurried(backend=place, engine=engine):
                self._tell_news("status-hurried", place=place, engine=engine)
        self._changed.set()

    def text(self) -> str:
        """What is to be said now."""
        if self._words is None:
            return ""
        key, values = self._words
        words = self._texts(self._job.language, key, **values)
        return "\n".join(filter(None, [words, self._bar, self._news]))

    async def restarting(self) -> None:
        """Tell that we are; at one attempt."""
        self._telling.cancel()
        text = self._texts(self._job.language, "status-restarting")
        if self.message is not None:
            await self._sending.edit_text(
                self._job.chat, self.message, text, keyboard=self._keyboard, patient=False
            )

    def stop(self) -> None:
        """Tell nothing more, at once."""
        self._telling.cancel()

    async def close(self) -> None:
        """Tell nothing more; what is being told now is told to its end."""
        self._over.set()
        self._changed.set()
        await asyncio.wait({self._telling}, timeout=self._every + 10)
        self._telling.cancel()

    def _show(self, key: str, **values: Value) -> None:
        if self._words != (key, values):
            self._words = key, values
            self._bar = ""
            self._changed.set()

    def _tell_news(self, key: str, **values: Value) -> None:
        self._news = self._texts(self._job.language, key, **values)

    async def _tell(self) -> None:
        while not self._over.is_set():
            await self._changed.wait()
            self._changed.clear()
            began = time.monotonic()
            try:
                quiet = await self._said_now()
            except TelegramAPIError as err:  # a fault of ours in a text; the job goes on
                log.error("a status cannot be told: %s", type(err).__name__)  # noqa: TRY400 - its text is long
                quiet = 60
            waiting = self._words is not None and self._words[0] == "status-waiting"
            every = self._every * EVERY_WAITING / EVERY if waiting else self._every
            await self._rest(max(quiet, every - (time.monotonic() - began)))

    async def _rest(self, seconds: float) -> None:
        """Say nothing for so many seconds, unless it is over."""
        try:
            async with asyncio.timeout(max(0, seconds)):
                await self._over.wait()
        except TimeoutError:
            pass

    async def _said_now(self) -> float:
        """Say what is to be said, if it is news; for how long to be quiet afterwards."""
        text = self.text()
        if self._over.is_set() or not text or text == self._said:
            return 0
        told = await self._said_by(text)
        match told:
            case Later():
                return told.seconds
            case Gone():
                self._over.set()
                self._gone()
            case Missing():
                self.message = None
                self._changed.set()
            case _:
                self._said = text
        return 0

    async def _said_by(self, text: str) -> int | Edited | Unchanged | Missing | Later | Gone:
        job = self._job
        if self.message is not None:
            return await self._sending.edit_text(
                job.chat, self.message, text, keyboard=self._keyboard, patient=False
            )
        told = await self._sending.text(
            job.chat,
            text,
            topic=job.topic,
            reply_to=job.reply_to,
            keyboard=self._keyboard,
            patient=False,  # so that it is known soon whether there is one, also at the end
        )
        if isinstance(told, int):
            self.message = told
            try:
                await self._shown(told)
            except SQLAlchemyError as err:  # the message is there all the same
                log.warning("a status may stay behind: %s", type(err).__name__)
        return told


def bar(progress: Progress) -> str:
    """How far it is, as a bar, in per cent, and the time that is left."""
    share = min(1.0, progress.done / progress.total) if progress.total else 0.0
    full = int(CELLS * share)
    told = f"{FULL * full}{EMPTY * (CELLS - full)} {int(100 * share)} %"
    if not progress.fps or share in {0, 1}:
        return told
    left = round((progress.total - progress.done) / progress.fps)
    return f"{told} · {left // 60}:{left % 60:02}"
