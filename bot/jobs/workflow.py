"""The durable workflow of a job: its stages, retries, the last message, and the clean-up.

DBOS records the outcome of each step. After a crash it runs the workflow again, and steps with a
recorded outcome return that. The names of the class, the workflow and the steps, the order of the
steps and the dictionaries that they return are stored: they stay as they are.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiogram.exceptions import TelegramAPIError
from dbos import DBOS, DBOSConfiguredInstance

from backends.base import BackendStarted, CostIncurred, Event, Report
from bot.database.jobs import Job, JobRepository, JobState
from bot.database.statistics import MeasurementRepository
from bot.domain.outcomes import (
    CANCELLED_BY_OPERATOR,
    ChatGone,
    Delivered,
    FailureCode,
    JobCancelled,
    Outcome,
    RecordedOutcome,
    Rejected,
    ResultRendered,
    RetryLater,
    StepDone,
    record_outcome,
    restore_outcome,
)
from bot.jobs.active_job import ActiveJob, ActiveJobs
from bot.jobs.progress_message import UserInterface
from bot.jobs.retry_policy import MAX_ATTEMPTS, MAX_DEATHS, RetryPolicy
from bot.jobs.stages import JobStages, Stage
from bot.operations.logs import log_job
from bot.telegram.uploads import get_chat_action
from bot.ui.texts import describe_failures
from video_editing.contract.formats import OutputFormat

log = logging.getLogger(__name__)

#: for measurements: what works at a stage that neither a backend nor a renderer does
STAGE_BACKENDS = {Stage.FETCH: "network", Stage.PLAN: "local", Stage.DELIVER: "telegram"}
FIRST_ACTION_SECONDS = 0.5  #: within which small results are sent, for which none is shown
ACTION_SECONDS = 4.5  #: after which Telegram soon forgets an activity that it shows
MIN_STAGE_SECONDS = 0.02  #: seconds below which a stage did no work


@DBOS.dbos_class("Jobs")
class JobWorkflow(DBOSConfiguredInstance):
    """Runs a job from its first stage to its last message.

    Attributes:
        on_series_continued: called after a job of a series is over and another one follows.
    """

    def __init__(
        self,
        job_repository: JobRepository,
        measurements: MeasurementRepository,
        stages: JobStages,
        active_jobs: ActiveJobs,
        retry_policy: RetryPolicy,
        interface: UserInterface,
    ) -> None:
        """Store the collaborators, and register with DBOS; before :func:`dbos_runtime.launch`.

        Args:
            job_repository: the states of jobs.
            measurements: what the stages take.
            stages: make the files of jobs.
            active_jobs: slots and progress messages.
            retry_policy: decides what follows from a failure.
            interface: sends results and failures.
        """
        self._job_repository, self._measurements = job_repository, measurements
        self._stages, self._active_jobs = stages, active_jobs
        self._retry_policy, self._interface = retry_policy, interface
        self.on_series_continued: Callable[[], None] = lambda: None
        super().__init__("jobs")

    @DBOS.workflow(name="Jobs.run", max_recovery_attempts=None)
    async def run(self, job_id: str) -> None:
        """Run a job to its end.

        It must be deterministic: it decides by the outcomes of steps alone.
        """
        active = await self._active_jobs.load(job_id)
        if active is None:
            return
        active.task = asyncio.current_task()
        try:
            outcome = await self._run_stages(active)
            if isinstance(notified := await self._notify_until_sent(job_id, outcome), ChatGone):
                outcome = notified
            await self.finish(job_id, record_outcome(outcome))
        finally:
            await self._active_jobs.deactivate(job_id)

    @DBOS.step(name="Jobs.fetch")
    async def fetch(self, job_id: str) -> RecordedOutcome:
        """Download the clip and the background."""
        return await self._run_step(job_id, Stage.FETCH)

    @DBOS.step(name="Jobs.plan")
    async def plan(self, job_id: str) -> RecordedOutcome:
        """Plan the mattes."""
        return await self._run_step(job_id, Stage.PLAN)

    @DBOS.step(name="Jobs.mattes")
    async def make_mattes(self, job_id: str) -> RecordedOutcome:
        """Make the mattes."""
        return await self._run_step(job_id, Stage.MATTES)

    @DBOS.step(name="Jobs.compose")
    async def compose(self, job_id: str) -> RecordedOutcome:
        """Render the result."""
        return await self._run_step(job_id, Stage.COMPOSE)

    @DBOS.step(name="Jobs.deliver")
    async def deliver(self, job_id: str) -> RecordedOutcome:
        """Send the result."""
        return await self._run_step(job_id, Stage.DELIVER)

    @DBOS.step(name="Jobs.tell")
    async def notify_user(self, job_id: str, recorded: RecordedOutcome) -> RecordedOutcome:
        """Send why a job has no result; nothing if it has one."""
        return record_outcome(await self._send_end(job_id, restore_outcome(recorded)))

    @DBOS.step(name="Jobs.close")
    async def finish(self, job_id: str, recorded: RecordedOutcome) -> None:
        """Remove the files and the progress message of a job, and record its end."""
        job, outcome = await self._get_job(job_id), restore_outcome(recorded)
        if isinstance(outcome, Delivered):
            # Before the slot is released: the user's next job may need them.
            await self._stages.keep_mattes(job)
        message = await self._active_jobs.deactivate(job_id) or job.status
        following = await self._find_next(job)
        if message is not None and following is not None:
            await self._job_repository.set_status_message(following.id, message)
        elif message is not None and not isinstance(outcome, ChatGone):
            await self._delete_message(job.chat, message)
        await self._stages.remove_files(job)
        match outcome:
            case Delivered():
                await self._job_repository.finish(job_id, JobState.DONE)
            case Rejected(fault=fault):
                log.info("job %s failed: %s", job_id, fault)
                if fault == FailureCode.POISON:
                    self._retry_policy.on_poison(job_id)
                await self._job_repository.finish(job_id, JobState.FAILED, fault)
            case _:
                await self._job_repository.finish(job_id, JobState.CANCELLED, outcome.kind)
        if following is not None:
            self.on_series_continued()

    async def _run_stages(self, active: ActiveJob) -> Outcome:
        """Run the stages, after each pause again, until the job has its outcome."""
        while isinstance(outcome := await self._run_stages_once(active), RetryLater):
            await active.release_slot()
            await active.run_until_ended(self._wait_until_due(active.job.id))
        if not isinstance(outcome, Delivered):  # which keeps its slot until the mattes are kept
            await active.release_slot()
        return outcome

    async def _run_stages_once(self, active: ActiveJob) -> Outcome:
        """Run the stages in their order, up to one that ends the job or needs a pause."""
        outcome: Outcome = StepDone()
        for step in (self.fetch, self.plan, self.make_mattes, self.compose, self.deliver):
            outcome = restore_outcome(await step(active.job.id))
            if not isinstance(outcome, StepDone | ResultRendered):
                break
        return outcome

    async def _notify_until_sent(self, job_id: str, outcome: Outcome) -> Outcome:
        """Send why a job has no result, at later times if Telegram is not available."""
        recorded = record_outcome(outcome)
        while isinstance(
            notified := restore_outcome(await self.notify_user(job_id, recorded)), RetryLater
        ):
            await self._wait_until_due(job_id)
        return notified

    async def _wait_until_due(self, job_id: str) -> None:
        active = self._active_jobs[job_id]
        active.begin_pause()
        job = await self._get_job(job_id)
        if job.state is JobState.PARKED:
            active.progress_message.show_parked()
        await active.wait(max(0, job.due - time.time()))

    async def _run_step(self, job_id: str, stage: Stage) -> RecordedOutcome:
        """Run one stage, and return its outcome, whatever happens."""
        await self._active_jobs.started.wait()
        active, job = self._active_jobs[job_id], await self._get_job(job_id)
        if (outcome := _find_final_outcome(job)) is not None:
            return record_outcome(outcome)
        if job.cancelled:  # before the job became active
            active.request_end(JobCancelled())
        with log_job(job.id):
            try:
                outcome = await active.run_until_ended(self._run_stage(active, job, stage))
            except Exception as err:  # noqa: BLE001 - after any failure the user gets a message
                outcome = await self._retry_policy.decide(job, err)
        active.is_sending = False
        return record_outcome(outcome)

    async def _run_stage(self, active: ActiveJob, job: Job, stage: Stage) -> Outcome:
        """Run one stage in the slot of the job, and record what it took."""
        await self._active_jobs.acquire_slot(active, job)
        if self._active_jobs.is_shutting_down:  # wait for the end of the process
            await asyncio.get_running_loop().create_future()
        await self._job_repository.mark_running(job.id, stage)
        active.enter_stage(stage)
        timer = StageTimer(STAGE_BACKENDS.get(stage, "local"))

        def report(event: Event) -> None:
            timer.handle_event(event)
            active.handle_event(event)

        try:
            if stage is Stage.DELIVER:
                return await self._deliver_result(active, job, report)
            return await self._stages.require(stage, job, report)
        finally:
            for cost in timer.get_costs():
                await self._measurements.record_stage(
                    job.id, stage, cost.backend, cost.seconds, cost.dollars
                )

    async def _deliver_result(self, active: ActiveJob, job: Job, report: Report) -> Outcome:
        """Send the result, unless the job is to end early."""
        result = await self._stages.require(Stage.COMPOSE, job, report)
        if not isinstance(result, ResultRendered):
            return result
        # Nothing else is written between the send and what is written of it: a crash in this time
        # delivers the result twice.
        await self._active_jobs.wait_for_writes()
        if active.end_reason:
            return active.end_reason
        active.is_sending = True
        key = "sticker-caption" if job.order.form is OutputFormat.STICKER else "result-caption"
        async with self._show_sending(job):
            outcome = await self._interface.messenger.send_result(
                job,
                result,
                self._interface.keyboards.create_result(job),
                file=self._stages.get_result_path(job),
                stills=self._stages.find_stills(job),
                caption=self._interface.texts(job.language, key, seconds=result.seconds),
            )
        match outcome:
            case Delivered(message=message, file_id=file_id):
                await self._job_repository.mark_delivered(job.id, message, file_id)
            case RetryLater(seconds=seconds):
                await self._job_repository.delay(job.id, seconds)
        return outcome

    @asynccontextmanager
    async def _show_sending(self, job: Job) -> AsyncIterator[None]:
        """Show at the top of the chat that the result is sent, for as long as the block runs."""

        async def show() -> None:
            await asyncio.sleep(FIRST_ACTION_SECONDS)
            while True:
                action = get_chat_action(job.order.form)
                await self._interface.messenger.send_action(job.destination, action)
                await asyncio.sleep(ACTION_SECONDS)

        showing = asyncio.create_task(show())
        try:
            yield
        finally:
            showing.cancel()

    async def _send_end(self, job_id: str, outcome: Outcome) -> Outcome:
        """Send why a job has no result, once."""
        job = await self._get_job(job_id)
        text = await self._describe_end(job, outcome)
        if text is None or job.told:
            return StepDone()
        try:
            sent = await self._interface.messenger.send_text(job.destination, text)
        except TelegramAPIError as err:  # a bug of ours, which a retry repeats
            log.error("job %s: its end cannot be sent: %s", job_id, type(err).__name__)  # noqa: TRY400 - its text is long
            return StepDone()
        if isinstance(sent, int):
            await self._job_repository.mark_notified(job_id)
            return StepDone()
        if isinstance(sent, RetryLater):
            await self._job_repository.delay(job_id, sent.seconds)
        return sent

    async def _describe_end(self, job: Job, outcome: Outcome) -> str | None:
        """Return why a job, or the jobs of its series, have no result; None if no text is needed.

        The last job that ends speaks for its series.
        """
        if job.series is None:
            return self._describe_outcome(job, outcome)
        if await self._find_next(job) is not None:
            return None
        jobs = await self._job_repository.list_series(job.series)
        failures = {
            one.number: Rejected(fault=one.fault)
            for one in jobs
            if one.state is JobState.FAILED and one.fault
        }
        if isinstance(outcome, Rejected):
            failures[job.number] = outcome
        is_cancelled = isinstance(outcome, JobCancelled)
        if isinstance(outcome, ChatGone) or not (failures or is_cancelled):
            return None
        texts, done = self._interface.texts, sum(one.result is not None for one in jobs)
        parts = [self._describe_outcome(job, outcome)] if is_cancelled else []
        parts.append(texts(job.language, "series-end", done=done, count=job.count))
        parts += describe_failures(texts, job.language, failures)
        return "\n\n".join(filter(None, parts))

    def _describe_outcome(self, job: Job, outcome: Outcome) -> str | None:
        """Return the text for a job that ended without a result; None if no text is needed."""
        match outcome:
            case Rejected(fault=fault, details=details):
                return self._interface.texts.describe_failure(job.language, fault, details)
            case JobCancelled():
                is_operators = job.fault == CANCELLED_BY_OPERATOR
                key = "job-cancelled-by-operator" if is_operators else "job-cancelled"
                return self._interface.texts(job.language, key)
            case _:
                return None

    async def _find_next(self, job: Job) -> Job | None:
        """Return the job of the series that comes after *job*; None if it is the last."""
        jobs = await self._job_repository.list_series(job.series) if job.series else []
        return next((one for one in jobs if one.number > job.number and not one.is_over), None)

    async def _delete_message(self, chat: int, message: int) -> None:
        try:
            await self._interface.messenger.delete_message(chat, message)
        except TelegramAPIError as err:
            log.warning("a progress message stays: %s", type(err).__name__)

    async def _get_job(self, job_id: str) -> Job:
        job = await self._job_repository.get(job_id)
        assert job is not None, "rows are never removed"
        return job


class StageTimer:
    """Measures which backends or renderers work at a stage, for how long, and for how much."""

    def __init__(self, backend: str) -> None:
        """Start; *backend* has the work unless events name another."""
        self._backend = backend
        self._started = time.monotonic()
        self._costs: list[CostIncurred] = []

    def handle_event(self, event: Event) -> None:
        """Note who works, and what it costs."""
        match event:
            case CostIncurred():
                self._costs.append(event)
            case BackendStarted(backend=backend):
                self._backend = backend

    def get_costs(self) -> list[CostIncurred]:
        """Return the costs of each backend; none if all files existed."""
        seconds = time.monotonic() - self._started
        if not self._costs and seconds > MIN_STAGE_SECONDS:
            return [CostIncurred(self._backend, seconds, 0)]
        return self._costs


def _find_final_outcome(job: Job) -> Outcome | None:
    """Return the outcome of a job for which no stage may run any more."""
    if job.result is not None:  # sent by an earlier workflow of the job, which failed afterwards
        return Delivered(message=job.result, file_id=job.file_id or "")
    if job.attempts >= MAX_ATTEMPTS or job.deaths >= MAX_DEATHS:
        return Rejected(fault=FailureCode.POISON)
    return None
