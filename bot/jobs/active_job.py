"""What is known of an open job while this process lives."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

from backends.base import BackendStarted, CostIncurred, Event
from bot.database.jobs import Job
from bot.domain.outcomes import ChatGone, JobCancelled
from bot.jobs.fair_queue import FairQueue
from bot.jobs.progress_message import ProgressMessage
from video_editing.contract.progress import Progress

T = TypeVar("T")

MIN_STAGE_SECONDS = 0.02  #: seconds in which no work is done
PROGRESS_STEPS = 20  #: of a stage's frames; getting from one to the next is getting further
#: in the order in which they come
STAGES = ("fetch", "plan", "mattes", "compose", "deliver")


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """How an open job stands, for those who look on.

    Attributes:
        job: as it was when it came, or when we were started.
        stage: where it is; "" before the first one.
        is_running: whether it has its turn.
        ahead: how many come before it; None when it has its turn, or rests.
    """

    job: Job
    stage: str
    is_running: bool
    ahead: int | None


class ActiveJob:
    """An open job: its status, its turn, and what ends it before its time.

    Attributes:
        job: as it was when we learned of it.
        progress_message: its message.
        stage: where it is; "" before the first one.
        task: its workflow, once that runs.
        is_sending: its result is on its way; nobody can take that back.
        end_reason: why it is to stop, if it is: its owner wants it, or is gone.
    """

    def __init__(
        self, job: Job, progress_message: ProgressMessage, on_progress: Callable[[str], None]
    ) -> None:
        """Begin where the job is.

        Args:
            job: as it is now.
            progress_message: its message.
            on_progress: told when it has got further than ever before.
        """
        self.job = job
        self.progress_message = progress_message
        self.stage = ""
        self.task: asyncio.Task[None] | None = None
        self.is_sending = False
        self.end_reason: JobCancelled | ChatGone | None = None
        self._stop_requested = asyncio.Event()
        if job.cancelled:
            self.request_end(JobCancelled())
        self._on_progress = on_progress
        self._furthest = job.furthest
        self._slot = AsyncExitStack()
        self._has_slot = False

    def request_end(self, reason: JobCancelled | ChatGone) -> None:
        """Have it stop, unless its result is on its way; the first reason counts."""
        self.end_reason = self.end_reason or reason
        self._stop_requested.set()

    async def acquire_slot(self, queue: FairQueue, *, is_alone: bool) -> None:
        """Wait for its turn, unless it has it; *is_alone* if we may have died over it."""
        if not self._has_slot:
            turn = queue.acquire_slot(
                self.job.id, self.job.user, self.job.created, is_alone=is_alone
            )
            await self._slot.enter_async_context(turn)
            self._has_slot = True

    async def release_slot(self) -> None:
        """Let others have theirs."""
        self._has_slot = False
        await self._slot.aclose()

    def enter_stage(self, stage: str) -> None:
        """It is at *stage* now."""
        self.stage = stage
        self.progress_message.show_stage(stage)
        self._record_progress(format_progress(stage))

    def handle_event(self, event: Event) -> None:
        """Something happened to it."""
        self.progress_message.handle_event(event)
        if isinstance(event, Progress) and event.total:
            self._record_progress(format_progress(self.stage, event.done / event.total))

    def _record_progress(self, progress: str) -> None:
        if progress > self._furthest:
            self._furthest = progress
            self._on_progress(progress)

    async def run_until_ended(self, work: Coroutine[Any, Any, T]) -> T | JobCancelled | ChatGone:
        """What *work* returns, or what has ended the job before, or meanwhile."""
        if self.end_reason:
            work.close()
            return self.end_reason
        doing = asyncio.create_task(work)
        stop = asyncio.create_task(self._stop_requested.wait())
        try:
            await asyncio.wait({doing, stop}, return_when=asyncio.FIRST_COMPLETED)
            if self.is_sending:
                await asyncio.wait({doing})
            return self.end_reason if self.end_reason and not doing.done() else doing.result()
        finally:
            for task in (doing, stop):
                task.cancel()
            await asyncio.gather(doing, stop, return_exceptions=True)


class StageTimer:
    """Who worked at a stage, for how long, and for how much."""

    def __init__(self, backend: str) -> None:
        """Begin; *backend* has the work unless another is heard of."""
        self._backend = backend
        self._started = time.monotonic()
        self._spent: list[CostIncurred] = []

    def handle_event(self, event: Event) -> None:
        """Something happened."""
        match event:
            case CostIncurred():
                self._spent.append(event)
            case BackendStarted(backend=place):
                self._backend = place

    def get_costs(self) -> list[CostIncurred]:
        """What each place took; nothing where all was there already."""
        seconds = time.monotonic() - self._started
        return (
            self._spent or [CostIncurred(self._backend, seconds, 0)][: seconds > MIN_STAGE_SECONDS]
        )


def format_progress(stage: str, share: float = 0) -> str:
    """How far a job is that has done so much of *stage*; greater is further."""
    return f"{STAGES.index(stage)}:{int(PROGRESS_STEPS * min(1.0, max(0.0, share))):02}"
