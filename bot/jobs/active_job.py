"""The open jobs that this process works at, with what only its memory holds of them."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar

from backends.base import BackendStarted, ColdStart, Event
from bot.database.jobs import Job, JobRepository
from bot.domain.outcomes import ChatGone, JobCancelled
from bot.jobs.fair_queue import FairQueue
from bot.jobs.progress_message import EDIT_SECONDS, ProgressMessage, UserInterface
from bot.jobs.retry_policy import Backoff, is_suspect
from bot.jobs.stages import Stage
from video_editing.contract.progress import Progress

T = TypeVar("T")

log = logging.getLogger(__name__)

PROGRESS_STEPS = 20  #: parts of a stage; a job gets further when it reaches the next part


class ActiveJob:
    """An open job: its progress message, its slot, and what ends it early.

    Attributes:
        job: the row of the job when it became active.
        progress_message: shows the user how far the job is.
        stage: the stage that runs; None before the first.
        task: the task of the workflow, once that runs.
        is_sending: the result is being sent, which cannot be undone.
        end_reason: why the job is to end early; None if it is not.
        share: how much of the stage is done, 0–1; None where that is not known.
        backend: what works at the stage; "" for the bot itself.
    """

    def __init__(
        self,
        job: Job,
        progress_message: ProgressMessage,
        on_progress: Callable[[str], None],
        cold_starts: Counter[str],
    ) -> None:
        """Start in the state of the row.

        Args:
            job: the row of the job.
            progress_message: shows the user how far the job is.
            on_progress: receives the progress when the job gets further than ever before.
            cold_starts: counts those that the job waits for, by backend.
        """
        self.job = job
        self.progress_message = progress_message
        self.stage: Stage | None = None
        self.task: asyncio.Task[None] | None = None
        self.is_sending = False
        self.end_reason: JobCancelled | ChatGone | None = None
        self.share: float | None = None
        self.backend = ""
        self._cold_starts = cold_starts
        self._pause_ended = asyncio.Event()
        self._end_requested = asyncio.Event()
        if job.cancelled:
            self.request_end(JobCancelled())
        self._on_progress = on_progress
        self._furthest = job.furthest
        self._slot = AsyncExitStack()
        self._has_slot = False

    def request_end(self, reason: JobCancelled | ChatGone) -> None:
        """End the job unless its result is being sent; the first reason counts."""
        self.end_reason = self.end_reason or reason
        self._end_requested.set()

    def begin_pause(self) -> None:
        """Let :meth:`end_pause` count from now on."""
        self._pause_ended.clear()

    async def wait(self, seconds: float) -> None:
        """Wait so many seconds, or until the pause is ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._pause_ended.wait()

    def end_pause(self) -> None:
        """Go on at once."""
        self._pause_ended.set()

    async def acquire_slot(self, queue: FairQueue, *, is_alone: bool) -> None:
        """Wait for a slot unless the job has one; *is_alone* for a slot without others beside."""
        if not self._has_slot:
            slot = queue.acquire_slot(
                self.job.id, self.job.user, self.job.created, is_alone=is_alone
            )
            await self._slot.enter_async_context(slot)
            self._has_slot = True

    async def release_slot(self) -> None:
        """Give the slot back, if the job has one."""
        self._has_slot = False
        await self._slot.aclose()

    def enter_stage(self, stage: Stage) -> None:
        """Show and record that the job reached *stage*."""
        self.stage, self.share, self.backend = stage, None, ""
        self.progress_message.show_stage(stage)
        self._record_progress(format_progress(stage))

    def handle_event(self, event: Event) -> None:
        """Show an event of the stage that runs, and record the progress that it tells."""
        self.progress_message.handle_event(event)
        match event:
            case Progress() if self.stage and event.total:
                self.share = min(1.0, event.done / event.total)
                self._record_progress(format_progress(self.stage, self.share))
            case BackendStarted():
                self.backend = event.backend
            case ColdStart():
                self._cold_starts[event.backend] += 1

    def _record_progress(self, progress: str) -> None:
        if progress > self._furthest:
            self._furthest = progress
            self._on_progress(progress)

    async def run_until_ended(self, work: Coroutine[Any, Any, T]) -> T | JobCancelled | ChatGone:
        """Return what *work* returns, or the reason that ended the job before or meanwhile."""
        if self.end_reason:
            work.close()
            return self.end_reason
        working = asyncio.create_task(work)
        ending = asyncio.create_task(self._end_requested.wait())
        try:
            await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
            if self.is_sending:
                await asyncio.wait({working})
            return self.end_reason if self.end_reason and not working.done() else working.result()
        finally:
            for task in (working, ending):
                task.cancel()
            await asyncio.gather(working, ending, return_exceptions=True)


def format_progress(stage: Stage, share: float = 0) -> str:
    """Return a string for the progress at *share* of *stage*; greater strings are further."""
    steps = int(PROGRESS_STEPS * min(1.0, max(0.0, share)))
    return f"{list(Stage).index(stage)}:{steps:02}"


class BackgroundTasks:
    """Tasks that nothing awaits; their errors are logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run *work* beside the caller."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    async def wait(self) -> None:
        """Wait until the tasks that were started before have ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cancel(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (err := task.exception()):
            log.error("a background task of the jobs failed", exc_info=err)


class ActiveJobs:
    """All active jobs, by id; the database can restore each of them.

    Attributes:
        started: set once the crash that ended the last process is counted; no stage runs before.
        is_shutting_down: no further stage begins.
        cold_starts: those that jobs waited for in this process, by backend.
    """

    def __init__(
        self,
        job_repository: JobRepository,
        fair_queue: FairQueue,
        interface: UserInterface,
        *,
        backoff: Backoff | None = None,
        edit_seconds: float = EDIT_SECONDS,
    ) -> None:
        """Start without a job.

        Args:
            job_repository: stores progress and the ids of progress messages.
            fair_queue: gives slots.
            interface: sends the progress messages.
            backoff: how long suspects wait after the start.
            edit_seconds: the least seconds between two edits of a progress message.
        """
        self.started = asyncio.Event()
        self.is_shutting_down = False
        self.cold_starts: Counter[str] = Counter()
        self._job_repository, self._fair_queue = job_repository, fair_queue
        self._interface, self._edit_seconds = interface, edit_seconds
        self._startup_quiet = (backoff or Backoff()).startup_quiet
        self._quiet_until = 0.0
        self._jobs: dict[str, ActiveJob] = {}
        self._background_tasks = BackgroundTasks()
        fair_queue.on_change = self._show_positions

    def __contains__(self, job_id: str) -> bool:
        """Return whether a job is active."""
        return job_id in self._jobs

    def __iter__(self) -> Iterator[ActiveJob]:
        """Iterate over all active jobs."""
        return iter(list(self._jobs.values()))

    def __getitem__(self, job_id: str) -> ActiveJob:
        """Return an active job."""
        return self._jobs[job_id]

    def find(self, job_id: str) -> ActiveJob | None:
        """Return a job if it is active."""
        return self._jobs.get(job_id)

    def start(self) -> None:
        """Let stages run; suspects wait some seconds more."""
        self._quiet_until = time.monotonic() + self._startup_quiet
        self.started.set()

    async def stop(self) -> None:
        """Cancel everything without a message; the next process continues."""
        self.is_shutting_down = True
        tasks = [active.task for active in self if active.task]
        for active in self:
            active.progress_message.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._background_tasks.cancel()

    async def wait_for_writes(self) -> None:
        """Wait until the progress that jobs have made is stored."""
        await self._background_tasks.wait()

    def activate(self, job: Job) -> ActiveJob:
        """Make *job* active, unless it is."""
        if existing := self._jobs.get(job.id):
            return existing

        async def save_message(message: int) -> None:
            await self._job_repository.set_status_message(job.id, message)

        def save_progress(progress: str) -> None:
            self._background_tasks.start(self._job_repository.record_progress(job.id, progress))

        def end_job() -> None:
            if active := self._jobs.get(job.id):
                active.request_end(ChatGone())

        message = ProgressMessage(job, self._interface, save_message, end_job, self._edit_seconds)
        self._jobs[job.id] = ActiveJob(job, message, save_progress, self.cold_starts)
        return self._jobs[job.id]

    async def load(self, job_id: str) -> ActiveJob | None:
        """Return a job, made active if it is not; None if it is over."""
        if job_id in self._jobs:
            return self._jobs[job_id]
        job = await self._job_repository.get(job_id)
        return None if job is None or job.is_over else self.activate(job)

    async def deactivate(self, job_id: str) -> int | None:
        """Release the slot of a job and forget it; return the id of its progress message."""
        active = self._jobs.pop(job_id, None)
        if active is None:
            return None
        await active.release_slot()
        await active.progress_message.close()
        return active.progress_message.message_id

    async def acquire_slot(self, active: ActiveJob, job: Job) -> None:
        """Wait until *job*, the latest row of *active*, may run."""
        if is_suspect(job):
            await asyncio.sleep(self._quiet_until - time.monotonic())
        await active.acquire_slot(self._fair_queue, is_alone=is_suspect(job))

    def _show_positions(self) -> None:
        """Show each job that waits how many are ahead of it, and for how long."""
        for ahead, job_id in enumerate(self._fair_queue.list_waiting()):
            if active := self._jobs.get(job_id):
                seconds = self._fair_queue.estimate_wait(ahead)
                active.progress_message.show_waiting(ahead, seconds)
