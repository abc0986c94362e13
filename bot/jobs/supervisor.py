"""Accepts jobs, starts their workflows, and starts those again that failed or were lost."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dbos import DBOS, SetWorkflowID

from bot.database.jobs import (
    DiskFull,
    IntakePaused,
    Job,
    JobOrder,
    JobRepository,
    JobState,
    get_draft_id,
)
from bot.domain.job_request import Requester
from bot.domain.outcomes import JobCancelled
from bot.jobs.active_job import ActiveJob, ActiveJobs, BackgroundTasks
from bot.jobs.fair_queue import FairQueue
from bot.jobs.stages import Stage
from bot.jobs.workflow import JobWorkflow
from bot.operations.intake import Intake

log = logging.getLogger(__name__)

WATCH_SECONDS = 3.0  #: seconds between two searches for jobs without a workflow
#: that a workflow may be open without a task of ours, which a start needs to continue all of them;
#: afterwards its task has ended with an error that could not be written, as on a full disk
LOST_SECONDS = 10.0
MAX_WORKFLOW_PAUSE_SECONDS = 600.0  #: the longest pause before a failed workflow is replaced
MAX_PAUSE_DOUBLINGS = 10  #: enough to reach the longest pause; 2.0**1024 overflows
RESTART_NOTICE_TIMEOUT_SECONDS = 0.8  #: seconds in which restart notices are sent
RESTART_NOTICE_INTERVAL_SECONDS = 60.0  #: seconds between two restart notices of a job
ACTIVE_STATUSES = frozenset({"PENDING", "ENQUEUED", "DELAYED"})  #: DBOS's words for open workflows


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """The position of an open job in the queue.

    Attributes:
        job: the row of the job when it became active.
        stage: the stage that runs; None before the first.
        is_running: whether the job has a slot.
        ahead: how many jobs are ahead of it; None if it has a slot or is paused.
        share: how much of the stage is done, 0–1; None where that is not known.
        backend: what works at the stage; "" for the bot itself.
    """

    job: Job
    stage: Stage | None
    is_running: bool
    ahead: int | None
    share: float | None
    backend: str


class JobSupervisor:
    """All open jobs: accepts, cancels, resumes and watches them."""

    def __init__(
        self,
        job_repository: JobRepository,
        active_jobs: ActiveJobs,
        workflow: JobWorkflow,
        fair_queue: FairQueue,
        *,
        make_room: Callable[[str | None], Awaitable[bool]],
        intake: Intake,
        max_waiting: int = 500,
    ) -> None:
        """Store the collaborators.

        Args:
            job_repository: stores all jobs.
            active_jobs: those that this process works at.
            workflow: runs jobs.
            fair_queue: gives slots to jobs.
            make_room: removes files that can be downloaded again, but for those of the draft of
                that id, where the disk is full; returns whether there is room for a job.
            intake: whose new jobs are accepted.
            max_waiting: jobs of all users that may wait.
        """
        self._job_repository, self._active_jobs = job_repository, active_jobs
        self._workflow, self._fair_queue = workflow, fair_queue
        self._make_room, self._max_waiting = make_room, max_waiting
        self._intake = intake
        self._background_tasks = BackgroundTasks()
        self._inactive_since: dict[str, float] = {}  # jobs with an open workflow, by monotonic time
        self._next_is_due = asyncio.Event()  # a job of a series is over
        workflow.on_series_continued = self._next_is_due.set

    async def accept(self, orders: Sequence[JobOrder], requester: Requester) -> list[Job]:
        """Store jobs, which from then on survive crashes, and start the first.

        Those after it are a series with it: each starts when the one before it is over.

        Args:
            orders: what the jobs are accepted from; their origins are "draft:ID",
                "clip:DRAFT:MESSAGE", "form:JOB:FORM:NUMBER" or "retry:JOB".
            requester: the owner of the jobs.

        Returns:
            the jobs of new origins.

        Raises:
            TooManyJobs: one job of the user runs and three wait.
            QueueFull: as many jobs wait as may.
            DiskFull: too little disk is free.
            IntakePaused: admins accept no new jobs, or none of this user.
        """
        if not self._intake.accepts(requester.user):
            raise IntakePaused
        if not await self._make_room(get_draft_id(orders[0].origin)):
            raise DiskFull
        jobs = await self._job_repository.accept(orders, requester, max_waiting=self._max_waiting)
        if jobs and jobs[0].id not in self._active_jobs:
            active = self._active_jobs.activate(jobs[0])
            self._background_tasks.start(self._start_workflow(active, jobs[0].id))
        return jobs

    async def retry(self, job_id: str) -> Job | None:
        """Accept the order of a failed job again, or end the pause of an open one.

        Returns None if the job did not fail and is not in a pause, or was retried before.

        Raises: see :meth:`accept`.
        """
        job = await self._job_repository.get(job_id)
        if job is not None and not job.is_over and job.due > time.time():
            await self._job_repository.delay(job.id, 0)
            if active := self._active_jobs.find(job.id):
                active.end_pause()
            return job
        if job is None or job.state is not JobState.FAILED:
            return None
        again = JobOrder(job.order, job.destination, origin=f"retry:{job.id}")
        return next(iter(await self.accept([again], job.requester)), None)

    async def cancel(self, job_id: str, user: int | None) -> bool:
        """Cancel a job and what is left of its series.

        An admin, None as *user*, may cancel every job. Returns False if all are over or *user* is
        not their owner.
        """
        cancelled = await self._job_repository.mark_cancelled(job_id, user)
        for active in filter(None, map(self._active_jobs.find, cancelled)):
            active.request_end(JobCancelled())
        return bool(cancelled)

    async def cancel_all(self, user: int) -> None:
        """Cancel all jobs of a user, as an admin."""
        for job in await self._job_repository.list_open_of_user(user):
            await self.cancel(job.id, None)

    async def resume(self) -> None:
        """Continue the open jobs of the last process; DBOS has been launched."""
        await self._job_repository.count_crash()
        self._active_jobs.start()
        await self._start_orphaned()
        self._background_tasks.start(self._watch())

    async def stop(self) -> None:
        """Cancel everything without a message; the next process continues."""
        await self._active_jobs.stop()
        await self._background_tasks.cancel()

    @property
    def cold_starts(self) -> Counter[str]:
        """The cold starts that jobs waited for in this process, by backend."""
        return self._active_jobs.cold_starts

    def list_running(self) -> list[str]:
        """Return the ids of the jobs that have a slot."""
        return self._fair_queue.list_running()

    def list_queue(self) -> list[QueueEntry]:
        """Return all active jobs: running ones, waiting ones in their order, paused ones."""
        running, waiting = self._fair_queue.list_running(), self._fair_queue.list_waiting()
        positions = {job_id: ahead for ahead, job_id in enumerate(waiting)}
        paused = [
            active.job.id
            for active in self._active_jobs
            if active.job.id not in running and active.job.id not in positions
        ]
        return [
            QueueEntry(
                active.job,
                active.stage,
                job_id in running,
                positions.get(job_id),
                active.share,
                active.backend,
            )
            for job_id in (*running, *waiting, *paused)
            if (active := self._active_jobs.find(job_id))
        ]

    async def announce_restart(self) -> None:
        """Tell the users of running jobs that the bot restarts, and count no crash for them."""
        self._active_jobs.is_shutting_down = True
        running = [
            active
            for job_id in self._fair_queue.list_running()
            if (active := self._active_jobs.find(job_id))
        ]
        notified = [
            active
            for active in running
            if time.time() - active.job.noticed > RESTART_NOTICE_INTERVAL_SECONDS
        ]
        calls = [
            self._job_repository.mark_interrupted([active.job.id for active in running]),
            self._job_repository.mark_restart_noticed([active.job.id for active in notified]),
            *(active.progress_message.show_restarting() for active in notified),
        ]
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.wait(tasks, timeout=RESTART_NOTICE_TIMEOUT_SECONDS)

    async def _start_workflow(self, active: ActiveJob, workflow_id: str) -> None:
        """Start a workflow of a job once it has a slot; a job that waits needs none."""
        try:
            await active.run_until_ended(self._active_jobs.acquire_slot(active, active.job))
            with SetWorkflowID(workflow_id):
                await DBOS.start_workflow_async(self._workflow.run, active.job.id)
        except Exception:  # the next search for orphaned jobs starts it again
            log.exception("the workflow of job %s cannot be started", active.job.id)
            await self._active_jobs.deactivate(active.job.id)

    async def _watch(self) -> None:
        """Start orphaned jobs again and again."""
        while not self._active_jobs.is_shutting_down:
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_SECONDS):
                    await self._next_is_due.wait()
            self._next_is_due.clear()
            try:
                await self._start_orphaned()
                if self._intake.is_draining and not await self._job_repository.list_open():
                    await self._intake.finish_draining()
            except Exception:
                log.exception("the search for orphaned jobs failed")

    async def _start_orphaned(self) -> None:
        """Start open jobs that have no workflow, or whose workflow failed.

        A job of a series waits until those before it are over.
        """
        open_jobs = _list_startable(await self._job_repository.list_open())
        inactive = {job.id for job in open_jobs if job.id not in self._active_jobs}
        self._inactive_since = {
            job_id: since for job_id, since in self._inactive_since.items() if job_id in inactive
        }
        for job in open_jobs:
            if job.id not in self._active_jobs:
                try:
                    await self._start_if_orphaned(job)
                except Exception:  # those behind it are started nevertheless
                    log.exception("the workflows of job %s cannot be read", job.id)

    async def _start_if_orphaned(self, job: Job) -> None:
        workflow_id = await self._find_next_workflow(job.id)
        latest = await self._job_repository.get(job.id)  # which may have changed meanwhile
        if latest is None or latest.is_over:
            return
        if workflow_id and job.id not in self._active_jobs:
            active = self._active_jobs.activate(latest)
            self._background_tasks.start(self._start_workflow(active, workflow_id))

    async def _find_next_workflow(self, job_id: str) -> str | None:
        """Return the id for the next workflow of a job; None while one is open or just failed.

        The first workflow has the id of the job, those after it job_id.1, job_id.2 and so on.
        After each failure the pause doubles. Lost ones are closed, and replaced without a pause.
        """
        workflows = [
            workflow
            for workflow in await DBOS.list_workflows_async(
                workflow_id_prefix=job_id, load_input=False, load_output=False
            )
            if workflow.workflow_id.partition(".")[0] == job_id  # "_" in a prefix is a wildcard
        ]
        if not workflows:
            return job_id
        last = max(_get_workflow_number(workflow.workflow_id) for workflow in workflows)
        still_open = [one.workflow_id for one in workflows if one.status in ACTIVE_STATUSES]
        if still_open:
            if not self._is_lost(job_id):
                return None
            log.warning("the workflow of job %s was lost", job_id)
            await DBOS.cancel_workflows_async(still_open)
            return f"{job_id}.{last + 1}"
        pause = min(2.0 ** min(last, MAX_PAUSE_DOUBLINGS), MAX_WORKFLOW_PAUSE_SECONDS)
        ended = max((workflow.updated_at or 0) / 1000 for workflow in workflows)
        return None if time.time() - ended < pause else f"{job_id}.{last + 1}"

    def _is_lost(self, job_id: str) -> bool:
        """Return whether the open workflow of an inactive job has had no task for too long."""
        now = time.monotonic()
        if now - self._inactive_since.setdefault(job_id, now) < LOST_SECONDS:
            return False
        del self._inactive_since[job_id]
        return True


def _list_startable(open_jobs: list[Job]) -> list[Job]:
    """Return *open_jobs*, which are in order, without those that wait for one of their series."""
    first: dict[str, Job] = {}
    return [job for job in open_jobs if first.setdefault(job.series or job.id, job) is job]


def _get_workflow_number(workflow_id: str) -> int:
    return int(workflow_id.partition(".")[2] or 0)
