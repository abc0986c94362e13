"""One message per job that shows its progress.

For a job of a series it begins with status-series ($number, $count).
Its texts are status-waiting ($ahead, $seconds), status-fetching, status-planning, status-mattes and
status-compose ($place), status-delivering, status-parked and status-restarting. Below them are
notices: status-fell-back ($place, $why), status-warming and status-waiting-for ($place),
status-hurried. Beside the bar is status-left ($seconds).
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
from bot.jobs.stages import Stage
from bot.telegram.messenger import MessageSender
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts, TextValue
from video_editing.contract.progress import Progress

log = logging.getLogger(__name__)

EDIT_SECONDS = 3.0  #: the least seconds between two edits
WAITING_EDIT_SECONDS = 10.0  #: the same while the job waits in the queue
CLOSE_SECONDS = 10.0  #: seconds beyond the edit interval in which the last edit must end
ERROR_PAUSE_SECONDS = 60.0  #: seconds without an edit after one that Telegram refused
UNNAMED = "unnamed"  #: in texts: some backend
BAR_CELLS = 10
LEFT_SECONDS = 4.0  #: of work whose estimates must agree before the time left is shown
MIN_LEFT_SPREAD = 3.0  #: seconds by which estimates may always differ
LEFT_SPREAD_SHARE = 0.25  #: of the time left by which they may differ
FULL_CELL, EMPTY_CELL = "▰", "▱"
STAGE_TEXTS = {
    Stage.FETCH: "status-fetching",
    Stage.PLAN: "status-planning",
    Stage.MATTES: "status-mattes",
    Stage.COMPOSE: "status-compose",
    Stage.DELIVER: "status-delivering",
}
#: stages with a progress bar, and what child processes call the stages whose progress it shows
BAR_STAGES = {Stage.MATTES: ("mattes",), Stage.COMPOSE: ("edit", "cut", "render")}


@dataclass(frozen=True, slots=True)
class UserInterface:
    """What messages to users need.

    Attributes:
        messenger: sends them.
        texts: their words.
        keyboards: their buttons.
        admins: Telegram's ids of the users who see which backend works.
    """

    messenger: MessageSender
    texts: Texts
    keyboards: Keyboards
    admins: frozenset[int] = frozenset()


class ProgressMessage:
    """Shows the progress of one job in a message that is edited at intervals.

    Attributes:
        message_id: the id of the message; None before it is sent.
    """

    def __init__(
        self,
        job: Job,
        interface: UserInterface,
        on_sent: Callable[[int], Awaitable[None]],
        on_chat_gone: Callable[[], None],
        edit_seconds: float = EDIT_SECONDS,
    ) -> None:
        """Start with nothing to show.

        Args:
            job: its `status` is the message of an earlier process, if there is one.
            interface: sends the message.
            on_sent: receives the id of each new message.
            on_chat_gone: called if the bot cannot write to the chat.
            edit_seconds: the least seconds between two edits.
        """
        self._job, self._messenger, self._texts = job, interface.messenger, interface.texts
        self._keyboard = interface.keyboards.create_cancel(job)
        self._names_backends = job.user in interface.admins
        self._on_sent, self._on_chat_gone = on_sent, on_chat_gone
        self._edit_seconds = edit_seconds
        self.message_id = job.status
        self._template: tuple[str, dict[str, TextValue]] | None = None
        self._stage: Stage | None = None
        self._backend = ""
        self._bar = self._notice = ""
        self._time_left = TimeLeft()
        self._left: float | None = None  # seconds, where that is known
        self._is_warming_up = False  # which the notice says until the first progress
        self._sent_text = ""
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def show_waiting(self, ahead: int, seconds: float | None = None) -> None:
        """Show that the job waits, for how many jobs, and for about how long, if that is known."""
        self._set_template("status-waiting", ahead=ahead, seconds=round_up(seconds or 0))

    def show_parked(self) -> None:
        """Show that no backend is available."""
        self._set_template("status-parked")

    def show_stage(self, stage: Stage) -> None:
        """Show that *stage* runs."""
        if stage != self._stage:
            self._stage, self._notice, self._backend = stage, "", ""
        self._set_template(STAGE_TEXTS[stage], place=self._name(self._backend))

    def handle_event(self, event: Event) -> None:
        """Show an event of the stage that runs."""
        if self._stage is None:
            return
        match event:
            case Progress(stage=stage) if stage in BAR_STAGES.get(self._stage, ()):
                self._bar = format_bar(event)
                self._left = self._time_left.update(event, time.monotonic())
                if self._is_warming_up:
                    self._is_warming_up, self._notice = False, ""
            case BackendStarted(backend=backend):
                self._backend = backend
                self._set_template(STAGE_TEXTS[self._stage], place=self._name(backend))
            case FellBack(backend=backend, why=why):
                self._set_notice("status-fell-back", place=self._name(backend), why=why.value)
            case RetryScheduled(backend=backend):
                self._set_notice("status-waiting-for", place=self._name(backend))
            case ColdStart(backend=backend):
                self._set_notice("status-warming", place=self._name(backend))
                self._is_warming_up = True
            case EngineDowngraded():
                self._set_notice("status-hurried")
        self._changed.set()

    def build_text(self) -> str:
        """Return the text that the message should have now; "" before there is one."""
        if self._template is None:
            return ""
        key, values = self._template
        text, bar = self._texts(self._job.language, key, **values), self._bar
        number, count, heading = self._job.number, self._job.count, ""
        if count > 1:
            heading = self._texts(self._job.language, "status-series", number=number, count=count)
        if self._left is not None:
            left = self._texts(self._job.language, "status-left", seconds=round_up(self._left))
            bar += f" · {left}"
        return "\n".join(filter(None, [heading, text, bar, self._notice]))

    async def show_restarting(self) -> None:
        """Show, in a single attempt, that the bot restarts."""
        self._task.cancel()
        text = self._texts(self._job.language, "status-restarting")
        if self.message_id is not None:
            await self._messenger.edit_text(
                self._job.chat, self.message_id, text, keyboard=self._keyboard, is_retried=False
            )

    def cancel(self) -> None:
        """Stop at once."""
        self._task.cancel()

    async def close(self) -> None:
        """Stop after the edit that is under way."""
        self._closed.set()
        self._changed.set()
        await asyncio.wait({self._task}, timeout=self._edit_seconds + CLOSE_SECONDS)
        self._task.cancel()

    def _name(self, backend: str) -> str:
        """Return the name of a backend for texts; users other than admins do not see it."""
        return backend if self._names_backends and backend else UNNAMED

    def _set_template(self, key: str, **values: TextValue) -> None:
        if self._template != (key, values):
            self._template = key, values
            self._bar, self._time_left, self._left = "", TimeLeft(), None
            self._changed.set()

    def _set_notice(self, key: str, **values: TextValue) -> None:
        self._is_warming_up = False
        self._notice = self._texts(self._job.language, key, **values)

    async def _run(self) -> None:
        """Update the message after changes, at intervals."""
        while not self._closed.is_set():
            await self._changed.wait()
            self._changed.clear()
            started = time.monotonic()
            try:
                pause = await self._update()
            except TelegramAPIError as err:  # a bug in a text; the job goes on
                log.error("a progress message is refused: %s", type(err).__name__)  # noqa: TRY400 - its text is long
                pause = ERROR_PAUSE_SECONDS
            await self._pause(max(pause, self._get_interval() - (time.monotonic() - started)))

    def _get_interval(self) -> float:
        """Return the seconds between two edits; a position in the queue is worth fewer edits."""
        is_waiting = self._template is not None and self._template[0] == "status-waiting"
        factor = WAITING_EDIT_SECONDS / EDIT_SECONDS if is_waiting else 1.0
        return self._edit_seconds * factor

    async def _pause(self, seconds: float) -> None:
        """Wait so many seconds, or until the message is closed."""
        try:
            async with asyncio.timeout(max(0, seconds)):
                await self._closed.wait()
        except TimeoutError:
            pass

    async def _update(self) -> float:
        """Send or edit the message if its text changed; return the seconds to pause."""
        text = self.build_text()
        if self._closed.is_set() or not text or text == self._sent_text:
            return 0
        outcome = await self._send(text)
        match outcome:
            case RetryLater():
                return outcome.seconds
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
        if self.message_id is not None:
            return await self._messenger.edit_text(
                self._job.chat, self.message_id, text, keyboard=self._keyboard, is_retried=False
            )
        sent = await self._messenger.send_text(
            self._job.destination,
            text,
            keyboard=self._keyboard,
            is_retried=False,  # a job that ends must soon know whether there is a message
        )
        if isinstance(sent, int):
            self.message_id = sent
            try:
                await self._on_sent(sent)
            except SQLAlchemyError as err:  # the message exists nevertheless
                log.warning("a progress message may stay: %s", type(err).__name__)
        return sent


def round_up(seconds: float) -> int:
    """Return full minutes, or below one the next ten seconds."""
    step = 60 if seconds > 60 else 10
    return math.ceil(seconds / step) * step


class TimeLeft:
    """Tells how long a stage will still take, once that is known within a quarter."""

    def __init__(self) -> None:
        self._ends: deque[tuple[float, float]] = deque()  # when estimated, and the expected end

    def update(self, progress: Progress, now: float) -> float | None:
        """Return the seconds left; None while the latest estimates of the end differ too much.

        Args:
            progress: of the stage.
            now: in seconds, of a clock that only goes forward.
        """
        if not progress.fps or not 0 < progress.done < progress.total:
            return None
        left = (progress.total - progress.done) / progress.fps
        self._ends.append((now, now + left))
        while len(self._ends) > 1 and self._ends[1][0] <= now - LEFT_SECONDS:
            self._ends.popleft()
        if now - self._ends[0][0] < LEFT_SECONDS:
            return None
        ends = [end for _, end in self._ends]
        spread = max(MIN_LEFT_SPREAD, LEFT_SPREAD_SHARE * left)
        return left if max(ends) - min(ends) <= spread else None


def format_bar(progress: Progress) -> str:
    """Return *progress* as a bar, with the percentage."""
    share = min(1.0, progress.done / progress.total) if progress.total else 0.0
    full = int(BAR_CELLS * share)
    return f"{FULL_CELL * full}{EMPTY_CELL * (BAR_CELLS - full)} {int(100 * share)} %"
