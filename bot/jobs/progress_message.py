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

from backends.base import (
    BackendStarted,
    ColdStart,
    EngineDowngraded,
    Event,
    FellBack,
    RetryScheduled,
)
from bot.database.jobs import Job
from bot.domain.outcomes import (
    ChatGone,
    MessageEdited,
    MessageMissing,
    MessageUnchanged,
    RetryLater,
)
from bot.telegram.messenger import Keyboard, MessageSender
from bot.ui.texts import Texts, TextValue
from video_editing.contract.progress import Progress

log = logging.getLogger(__name__)

EDIT_SECONDS = 3.0  #: seconds between two edits at least
WAITING_EDIT_SECONDS = 10.0  #: the same while it waits: the place in the queue is not worth more
BAR_CELLS = 10  #: of the bar
FULL_CELL, EMPTY_CELL = "▰", "▱"
#: the words for a stage
STAGE_TEXTS = {
    "fetch": "status-fetching",
    "plan": "status-planning",
    "mattes": "status-mattes",
    "compose": "status-compose",
    "deliver": "status-delivering",
}
#: whose progress is worth a bar, as children call it
BAR_STAGES = {"mattes": ("mattes",), "compose": ("edit", "cut", "render")}


class ProgressMessage:
    """What is known of a job, and the message that tells it."""

    def __init__(
        self,
        job: Job,
        messenger: MessageSender,
        texts: Texts,
        keyboard: Keyboard,
        on_sent: Callable[[int], Awaitable[None]],
        on_chat_gone: Callable[[], None],
        edit_seconds: float = EDIT_SECONDS,
    ) -> None:
        """Begin with nothing to tell.

        Args:
            job: whose it is; its status is our message, where there is one.
            messenger: the way to people.
            texts: in their languages.
            keyboard: what is under the message.
            on_sent: told when there is a new message.
            on_chat_gone: told when the chat is not there for us any more.
            edit_seconds: seconds between two edits at least.
        """
        self._job, self._messenger, self._texts = job, messenger, texts
        self._keyboard, self._on_sent, self._on_chat_gone = keyboard, on_sent, on_chat_gone
        self._edit_seconds = edit_seconds
        self.message_id = job.status
        self._template: tuple[str, dict[str, TextValue]] | None = None
        self._stage = ""
        self._backend = ""
        self._bar = self._notice = ""
        self._sent_text = ""
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def show_waiting(self, ahead: int) -> None:
        """So many come before it."""
        self._set_template("status-waiting", ahead=ahead)

    def show_parked(self) -> None:
        """Nobody can do it now."""
        self._set_template("status-parked")

    def show_stage(self, stage: str) -> None:
        """It is at *stage*."""
        if stage != self._stage:
            self._stage, self._notice, self._backend = stage, "", ""
        self._set_template(STAGE_TEXTS[stage], place=self._backend)

    def handle_event(self, event: Event) -> None:
        """Something happened."""
        match event:
            case Progress(stage=stage) if stage in BAR_STAGES.get(self._stage, ()):
                self._bar = format_bar(event)
            case BackendStarted(backend=place):
                self._backend = place
                self._set_template(STAGE_TEXTS[self._stage], place=place)
            case FellBack(backend=place, why=why):
                self._set_notice("status-fell-back", place=place, why=why.value)
            case RetryScheduled(backend=place):
                self._set_notice("status-waiting-for", place=place)
            case ColdStart(backend=place):
                self._set_notice("status-warming", place=place)
            case EngineDowngraded(backend=place, engine=engine):
                self._set_notice("status-hurried", place=place, engine=engine)
        self._changed.set()

    def build_text(self) -> str:
        """What is to be said now."""
        if self._template is None:
            return ""
        key, values = self._template
        words = self._texts(self._job.language, key, **values)
        return "\n".join(filter(None, [words, self._bar, self._notice]))

    async def show_restarting(self) -> None:
        """Tell that we are; at one attempt."""
        self._task.cancel()
        text = self._texts(self._job.language, "status-restarting")
        if self.message_id is not None:
            await self._messenger.edit_text(
                self._job.chat, self.message_id, text, keyboard=self._keyboard, is_retried=False
            )

    def cancel(self) -> None:
        """Tell nothing more, at once."""
        self._task.cancel()

    async def close(self) -> None:
        """Tell nothing more; what is being told now is told to its end."""
        self._closed.set()
        self._changed.set()
        await asyncio.wait({self._task}, timeout=self._edit_seconds + 10)
        self._task.cancel()

    def _set_template(self, key: str, **values: TextValue) -> None:
        if self._template != (key, values):
            self._template = key, values
            self._bar = ""
            self._changed.set()

    def _set_notice(self, key: str, **values: TextValue) -> None:
        self._notice = self._texts(self._job.language, key, **values)

    async def _run(self) -> None:
        while not self._closed.is_set():
            await self._changed.wait()
            self._changed.clear()
            began = time.monotonic()
            try:
                quiet = await self._update()
            except TelegramAPIError as err:  # a fault of ours in a text; the job goes on
                log.error("a status cannot be told: %s", type(err).__name__)  # noqa: TRY400 - its text is long
                quiet = 60
            waiting = self._template is not None and self._template[0] == "status-waiting"
            every = (
                self._edit_seconds * WAITING_EDIT_SECONDS / EDIT_SECONDS
                if waiting
                else self._edit_seconds
            )
            await self._pause(max(quiet, every - (time.monotonic() - began)))

    async def _pause(self, seconds: float) -> None:
        """Say nothing for so many seconds, unless it is over."""
        try:
            async with asyncio.timeout(max(0, seconds)):
                await self._closed.wait()
        except TimeoutError:
            pass

    async def _update(self) -> float:
        """Say what is to be said, if it is news; for how long to be quiet afterwards."""
        text = self.build_text()
        if self._closed.is_set() or not text or text == self._sent_text:
            return 0
        told = await self._send(text)
        match told:
            case RetryLater():
                return told.seconds
            case ChatGone():
                self._closed.set()
                self._on_chat_gone()
            case MessageMissing():
                self.message_id = None
                self._changed.set()
            case _:
                self._sent_text = text
        return 0

    async def _send(
        self, text: str
    ) -> int | MessageEdited | MessageUnchanged | MessageMissing | RetryLater | ChatGone:
        job = self._job
        if self.message_id is not None:
            return await self._messenger.edit_text(
                job.chat, self.message_id, text, keyboard=self._keyboard, is_retried=False
            )
        told = await self._messenger.send_text(
            job.destination,
            text,
            keyboard=self._keyboard,
            is_retried=False,  # so that it is known soon whether there is one, also at the end
        )
        if isinstance(told, int):
            self.message_id = told
            try:
                await self._on_sent(told)
            except SQLAlchemyError as err:  # the message is there all the same
                log.warning("a status may stay behind: %s", type(err).__name__)
        return told


def format_bar(progress: Progress) -> str:
    """How far it is, as a bar, in per cent, and the time that is left."""
    share = min(1.0, progress.done / progress.total) if progress.total else 0.0
    full = int(BAR_CELLS * share)
    told = f"{FULL_CELL * full}{EMPTY_CELL * (BAR_CELLS - full)} {int(100 * share)} %"
    if not progress.fps or share in {0, 1}:
        return told
    left = round((progress.total - progress.done) / progress.fps)
    return f"{told} · {left // 60}:{left % 60:02}"
