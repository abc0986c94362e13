"""The jobs: each is accepted once, survives whatever happens to us, and ends in one message."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

from aiogram.exceptions import TelegramAPIError
from dbos import DBOS, DBOSConfiguredInstance, SetWorkflowID
from pydantic import Field, TypeAdapter

from backends.base import Event, Report
from bot.database.jobs import Job, JobRepository, JobState, QueueFull, TooManyJobs
from bot.database.statistics import MeasurementRepository
from bot.domain.job_request import Destination, JobRequest, Requester
from bot.domain.outcomes import (
    ChatGone,
    Delivered,
    FailureCode,
    JobCancelled,
    Rejected,
    ResultRendered,
    RetryLater,
    StepDone,
)
from bot.jobs.active_job import ActiveJob, QueueEntry, StageTimer
from bot.jobs.fair_queue import FairQueue
from bot.jobs.progress_message import EDIT_SECONDS, ProgressMessage
from bot.jobs.retry_policy import MAX_ATTEMPTS, MAX_DEATHS, Backoff, RetryPolicy, is_suspect
from bot.jobs.stages import JobStages
from bot.telegram.messenger import MessageSender
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts

__all__ = ["JobSupervisor", "QueueEntry", "QueueFull", "TooManyJobs"]

log = logging.getLogger(__name__)

MIN_FREE_BYTES = 500_000_000  #: that must be there before anything is accepted
WATCH_SECONDS = 3.0  #: between two looks for jobs that nobody works at
MAX_WORKFLOW_PAUSE_SECONDS = 600.0  #: seconds after which a job is begun anew whose workflows broke
RESTART_NOTICE_TIMEOUT_SECONDS = 0.8  #: for telling people that we restart
RESTART_NOTICE_INTERVAL_SECONDS = 60.0  #: in which nobody is told so twice
#: who does what is not done by a place or a renderer
STAGE_BACKENDS = {"fetch": "network", "plan": "local", "deliver": "telegram"}
ACTIVE_STATUSES = frozenset({"PENDING", "ENQUEUED", "DELAYED"})  #: workflows, as DBOS says it

Outcome = StepDone | ResultRendered | Rejected | RetryLater | JobCancelled | ChatGone | Delivered
RecordedOutcome = dict[str, Any]
_OUTCOME_ADAPTER: TypeAdapter[Outcome] = TypeAdapter(
    Annotated[Outcome, Field(discriminator="kind")]
)


@DBOS.dbos_class("Jobs")
class JobSupervisor(DBOSConfiguredInstance):
    """All open jobs; what is in memory of them can be had from the ledger again."""

    def __init__(
        self,
        job_repository: JobRepository,
        measurements: MeasurementRepository,
        stages: JobStages,
        fair_queue: FairQueue,
        messenger: MessageSender,
        texts: Texts,
        keyboards: Keyboards,
        *,
        get_free_bytes: Callable[[], Awaitable[int]],
        max_waiting: int = 500,
        backoff: Backoff | None = None,
        edit_seconds: float = EDIT_SECONDS,
    ) -> None:
        """Know who does what.

        Args:
            job_repository: where jobs are kept.
            measurements: where it is kept what they took.
            stages: who does the work.
            fair_queue: whose turn it is.
            messenger: the way to people.
            texts: in their languages.
            keyboards: what is under our messages.
            get_free_bytes: how many bytes can still be written.
            max_waiting: how many jobs may wait.
            backoff: of attempts.
            edit_seconds: seconds between two edits of a status at least.
        """
        self._job_repository, self._measurements = job_repository, measurements
        self._stages, self._fair_queue = stages, fair_queue
        self._messenger, self._texts, self._keyboards = messenger, texts, keyboards
        self._get_free_bytes, self._max_waiting, self._edit_seconds = (
            get_free_bytes,
            max_waiting,
            edit_seconds,
        )
        self._backoff = backoff or Backoff()
        self._retry_policy = RetryPolicy(job_repository, self._backoff)
        self._active_jobs: dict[str, ActiveJob] = {}
        self._resumed = asyncio.Event()
        self._quiet_until = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_ending = False
        super().__init__("jobs")

    async def accept(
        self,
        request: JobRequest,
        requester: Requester,
        destination: Destination,
        *,
        origin: str,
    ) -> Job | None:
        """Take a job in, for good.

        Args:
            request: what is to be made.
            requester: the owner of the job.
            destination: where the result is sent.
            origin: what asks for the job: "draft:ID", or "form:JOB:FORM:NUMBER".

        Returns:
            the job; None if *origin* has asked before.

        Raises:
            TooMany: one of hers runs and three wait.
            QueueFull: nobody's can be taken now.
        """
        if await self._get_free_bytes() < MIN_FREE_BYTES:
            raise QueueFull
        job = await self._job_repository.accept(
            request,
            requester,
            destination,
            origin=origin,
            max_waiting=self._max_waiting,
        )
        if job is not None and job.id not in self._active_jobs:
            self._run_in_background(self._start_workflow(self._activate(job), job.id))
        return job

    async def cancel(self, job_id: str, user: int) -> bool:
        """Stop a job for its owner; False if it is not hers, or over."""
        if not await self._job_repository.mark_cancelled(job_id, user):
            return False
        if there := self._active_jobs.get(job_id):
            there.request_end(JobCancelled())
        return True

    async def resume(self) -> None:
        """Go on with what is not over, once workflows have been taken up."""
        await self._job_repository.count_crash()
        self._quiet_until = time.monotonic() + self._backoff.startup_quiet
        self._resumed.set()
        await self._start_orphaned()
        self._run_in_background(self._watch())

    async def stop(self) -> None:
        """Begin nothing more, and stop what runs without a word; who comes after us goes on."""
        self._is_ending = True
        for there in self._active_jobs.values():
            there.progress_message.cancel()
        tasks = self._tasks | {there.task for there in self._active_jobs.values() if there.task}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def list_running(self) -> list[str]:
        """The jobs that have their turn."""
        return self._fair_queue.list_running()

    def count_ahead(self, job_id: str) -> int | None:
        """How many come before it; None when it has its turn, or rests."""
        return self._fair_queue.count_ahead(job_id)

    def list_queue(self) -> list[QueueEntry]:
        """All open jobs: those that run, those that wait in their order, those that rest."""
        running, waiting = self._fair_queue.list_running(), self._fair_queue.list_waiting()
        places = {job: place for place, job in enumerate(waiting)}
        resting = [job for job in self._active_jobs if job not in running and job not in places]
        return [
            QueueEntry(
                self._active_jobs[job].job,
                self._active_jobs[job].stage,
                job in running,
                places.get(job),
            )
            for job in (*running, *waiting, *resting)
            if job in self._active_jobs
        ]

    async def announce_restart(self) -> None:
        """Tell those whose jobs run that we restart; none of these jobs is to blame for it."""
        self._is_ending = True
        running = [
            self._active_jobs[job]
            for job in self._fair_queue.list_running()
            if job in self._active_jobs
        ]
        told = [
            there
            for there in running
            if time.time() - there.job.noticed > RESTART_NOTICE_INTERVAL_SECONDS
        ]
        calls = [
            self._job_repository.mark_interrupted([there.job.id for there in running]),
            self._job_repository.mark_restart_noticed([there.job.id for there in told]),
            *(there.progress_message.show_restarting() for there in told),
        ]
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.wait(tasks, timeout=RESTART_NOTICE_TIMEOUT_SECONDS)

    @DBOS.workflow(name="Jobs.run", max_recovery_attempts=None)
    async def run(self, job_id: str) -> None:
        """One job, from its first stage to its last message.

        What is decided here hangs on what the steps returned, and on nothing else.
        """
        there = self._active_jobs.get(job_id) or self._reactivate(
            await self._job_repository.get(job_id)
        )
        if there is None:
            return
        there.task = asyncio.current_task()
        try:
            while isinstance(outcome := await self._run_stages(there), RetryLater):
                await there.run_until_ended(self._wait_until_due(job_id))
            while isinstance(
                told := _parse_outcome(await self.notify_user(job_id, outcome.model_dump())),
                RetryLater,
            ):
                await self._wait_until_due(job_id)
            await self.finish(
                job_id, (told if isinstance(told, ChatGone) else outcome).model_dump()
            )
        finally:
            await self._deactivate(job_id)

    @DBOS.step(name="Jobs.fetch")
    async def fetch(self, job_id: str) -> RecordedOutcome:
        """Get the clip, and what is behind her."""
        return await self._run_step(job_id, "fetch", self._stages.fetch)

    @DBOS.step(name="Jobs.plan")
    async def plan(self, job_id: str) -> RecordedOutcome:
        """See which mattes it needs."""
        return await self._run_step(job_id, "plan", self._stages.plan)

    @DBOS.step(name="Jobs.mattes")
    async def make_mattes(self, job_id: str) -> RecordedOutcome:
        """Find her in it."""
        return await self._run_step(job_id, "mattes", self._stages.make_mattes)

    @DBOS.step(name="Jobs.compose")
    async def compose(self, job_id: str) -> RecordedOutcome:
        """Make the result."""
        return await self._run_step(job_id, "compose", self._stages.compose)

    @DBOS.step(name="Jobs.deliver")
    async def deliver(self, job_id: str) -> RecordedOutcome:
        """Send the result."""
        return await self._run_step(job_id, "deliver", self._deliver_result)

    @DBOS.step(name="Jobs.tell")
    async def notify_user(self, job_id: str, recorded: RecordedOutcome) -> RecordedOutcome:
        """Say how it ended, where the result does not say it."""
        job = await self._get_job(job_id)
        if job.told:
            return StepDone().model_dump()
        match _parse_outcome(recorded):
            case Rejected(fault=fault, details=details):
                text = self._texts.describe_failure(job.language, fault, details)
            case JobCancelled():
                text = self._texts(job.language, "job-cancelled")
            case _:
                return StepDone().model_dump()
        try:
            told = await self._messenger.send_text(job.destination, text)
        except TelegramAPIError as err:  # a fault of ours, which another attempt would repeat
            log.error("job %s: its end cannot be told: %s", job_id, type(err).__name__)  # noqa: TRY400 - its text is long
            return StepDone().model_dump()
        if isinstance(told, int):
            await self._job_repository.mark_notified(job_id)
            return StepDone().model_dump()
        if isinstance(told, RetryLater):
            await self._job_repository.delay(job_id, told.seconds)
        return told.model_dump()

    @DBOS.step(name="Jobs.close")
    async def finish(self, job_id: str, recorded: RecordedOutcome) -> None:
        """Clear up, and write down that it is over."""
        job, outcome = await self._get_job(job_id), _parse_outcome(recorded)
        message = await self._deactivate(job_id) or job.status
        if message is not None and not isinstance(outcome, ChatGone):
            await self._delete_message(job.chat, message)
        if isinstance(outcome, Delivered):
            await self._stages.keep_mattes(job)
        await self._stages.remove_files(job)
        match outcome:
            case Delivered():
                await self._job_repository.finish(job_id, JobState.DONE)
            case Rejected(fault=fault):
                await self._job_repository.finish(job_id, JobState.FAILED, fault)
            case _:
                await self._job_repository.finish(job_id, JobState.CANCELLED, outcome.kind)
        self._show_positions()

    async def _run_stages(self, active: ActiveJob) -> Outcome:
        """All stages, as far as they go; what was recorded is not done again."""
        outcome: Outcome = StepDone()
        try:
            for step in (self.fetch, self.plan, self.make_mattes, self.compose, self.deliver):
                outcome = _parse_outcome(await step(active.job.id))
                if not isinstance(outcome, StepDone | ResultRendered):
                    break
        finally:
            await active.release_slot()
            self._show_positions()
        return outcome

    async def _run_step(
        self,
        job_id: str,
        stage: str,
        work: Callable[[Job, Report], Awaitable[Outcome]],
    ) -> RecordedOutcome:
        """Do the work of one stage, or say why not."""
        await self._resumed.wait()
        there, job = self._active_jobs[job_id], await self._get_job(job_id)
        if job.result is not None:  # by a workflow of the same job that broke afterwards
            return Delivered(message=job.result, file_id=job.file_id or "").model_dump()
        if job.attempts >= MAX_ATTEMPTS or job.deaths >= MAX_DEATHS:
            return Rejected(fault=FailureCode.POISON).model_dump()
        if job.cancelled:  # before we knew of it
            there.request_end(JobCancelled())
        try:
            outcome = await there.run_until_ended(self._execute_stage(there, job, stage, work))
        except Exception as err:  # noqa: BLE001 - whatever it is, the job must end in a message
            outcome = await self._retry_policy.decide(job, err)
        there.is_sending = False
        return outcome.model_dump(mode="json")

    async def _execute_stage(
        self,
        active: ActiveJob,
        job: Job,
        stage: str,
        work: Callable[[Job, Report], Awaitable[Outcome]],
    ) -> Outcome:
        self._show_positions(is_deferred=True)
        await self._acquire_slot(active, job)
        self._show_positions()
        if self._is_ending:  # nothing more is begun
            await asyncio.get_running_loop().create_future()
        await self._job_repository.mark_running(job.id, stage)
        active.enter_stage(stage)
        meter = StageTimer(STAGE_BACKENDS.get(stage, "local"))

        def report(event: Event) -> None:
            meter.handle_event(event)
            active.handle_event(event)

        try:
            return await work(job, report)
        finally:
            for spent in meter.get_costs():
                await self._measurements.record_stage(
                    job.id, stage, spent.backend, spent.seconds, spent.dollars
                )

    async def _acquire_slot(self, active: ActiveJob, job: Job) -> None:
        """Wait until *job*, as it is now, may run."""
        if is_suspect(job):
            await asyncio.sleep(self._quiet_until - time.monotonic())
        await active.acquire_slot(self._fair_queue, is_alone=is_suspect(job))

    async def _deliver_result(self, job: Job, report: Report) -> Outcome:
        made = await self._stages.compose(job, report)
        if isinstance(made, Rejected):
            return made
        there = self._active_jobs[job.id]
        if there.end_reason:
            return there.end_reason
        there.is_sending = True
        sent = await self._messenger.send_result(
            job,
            made,
            self._keyboards.create_result(job),
            file=self._stages.get_result_path(job),
            thumbnail=self._stages.find_thumbnail(job),
            caption=self._texts(job.language, "result-caption", seconds=made.seconds),
        )
        match sent:
            case Delivered(message=message, file_id=file_id):
                await self._job_repository.mark_delivered(job.id, message, file_id)
            case RetryLater(seconds=seconds):
                await self._job_repository.delay(job.id, seconds)
        return sent

    async def _wait_until_due(self, job_id: str) -> None:
        """Wait until the job is due."""
        job = await self._get_job(job_id)
        if (there := self._active_jobs.get(job_id)) and job.state is JobState.PARKED:
            there.progress_message.show_parked()
        await asyncio.sleep(max(0, job.due - time.time()))

    async def _delete_message(self, chat: int, message: int) -> None:
        try:
            await self._messenger.delete_message(chat, message)
        except TelegramAPIError as err:
            log.warning("a status stays: %s", type(err).__name__)

    async def _get_job(self, job_id: str) -> Job:
        job = await self._job_repository.get(job_id)
        assert job is not None, "rows are never removed"
        return job

    async def _deactivate(self, job_id: str) -> int | None:
        """Know the job no more; its status, where it has one."""
        there = self._active_jobs.pop(job_id, None)
        if there is None:
            return None
        await there.release_slot()
        await there.progress_message.close()
        return there.progress_message.message_id

    def _reactivate(self, job: Job | None) -> ActiveJob | None:
        return None if job is None or job.is_over else self._activate(job)

    def _activate(self, job: Job) -> ActiveJob:
        """Know *job* from now on."""

        async def save_message(message: int) -> None:
            await self._job_repository.set_status_message(job.id, message)

        def save_progress(progress: str) -> None:
            self._run_in_background(self._job_repository.record_progress(job.id, progress))

        def end_job() -> None:
            if there := self._active_jobs.get(job.id):
                there.request_end(ChatGone())

        keyboard = self._keyboards.create_cancel(job)
        status = ProgressMessage(
            job, self._messenger, self._texts, keyboard, save_message, end_job, self._edit_seconds
        )
        self._active_jobs[job.id] = ActiveJob(job, status, save_progress)
        return self._active_jobs[job.id]

    def _show_positions(self, *, is_deferred: bool = False) -> None:
        """Tell those who wait how many come before them."""
        if is_deferred:  # the one that is about to wait is not there yet
            asyncio.get_running_loop().call_soon(self._show_positions)
            return
        for ahead, id_ in enumerate(self._fair_queue.list_waiting()):
            if there := self._active_jobs.get(id_):
                there.progress_message.show_waiting(ahead)

    async def _start_workflow(self, active: ActiveJob, workflow_id: str) -> None:
        """Begin a job's workflow when it has its turn; while it waits, its row is enough."""
        self._show_positions(is_deferred=True)
        try:
            await active.run_until_ended(self._acquire_slot(active, active.job))
            with SetWorkflowID(workflow_id):
                await DBOS.start_workflow_async(self.run, active.job.id)
        except Exception:  # whoever looks for forgotten jobs begins it again
            log.exception("job %s could not be begun", active.job.id)
            await self._deactivate(active.job.id)

    async def _watch(self) -> None:
        while not self._is_ending:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self._start_orphaned()
            except Exception:
                log.exception("jobs that nobody works at could not be looked for")

    async def _start_orphaned(self) -> None:
        """Begin jobs that were accepted, and whose workflow is not there, or broke."""
        for job in await self._job_repository.list_open():
            if job.id not in self._active_jobs and (
                workflow := await self._find_next_workflow(job.id)
            ):
                self._run_in_background(self._start_workflow(self._activate(job), workflow))

    async def _find_next_workflow(self, job_id: str) -> str | None:
        """The name of the first workflow of a job, or of the next; None while there is one.

        One that broke is soon followed by another, and that later by the next.
        """
        workflow, number = job_id, 0
        while status := await DBOS.get_workflow_status_async(workflow):
            rested = time.time() - (status.updated_at or 0) / 1000
            if status.status in ACTIVE_STATUSES or rested < min(
                2.0**number, MAX_WORKFLOW_PAUSE_SECONDS
            ):
                return None
            number += 1
            workflow = f"{job_id}.{number}"
        return workflow

    def _run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish_background_task)

    def _finish_background_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (err := task.exception()):
            log.error("something beside the jobs failed", exc_info=err)


def _parse_outcome(recorded: RecordedOutcome) -> Outcome:
    return _OUTCOME_ADAPTER.validate_python(recorded)
