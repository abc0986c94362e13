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
from bot.database.jobs import Job, Ledger, QueueFull, State, TooMany
from bot.database.statistics import Measures
from bot.domain.job_request import Language, Order
from bot.domain.outcomes import Delivered, Done, Fault, Gone, Later, Made, Refused, Stopped
from bot.jobs.active_job import Meter, Open, Standing
from bot.jobs.fair_queue import Turns
from bot.jobs.progress_message import EVERY, Status
from bot.jobs.retry_policy import ATTEMPTS, DEATHS, Pace, Setbacks, suspect
from bot.jobs.stages import Stages
from bot.telegram.messenger import Buttons, Voice, Words

__all__ = ["Jobs", "QueueFull", "Standing", "TooMany"]

log = logging.getLogger(__name__)

FREE_BYTES = 500_000_000  #: that must be there before anything is accepted
WATCH_SECONDS = 3.0  #: between two looks for jobs that nobody works at
LONGEST_PAUSE = 600.0  #: seconds after which a job is begun anew whose workflows broke
RESTART_SECONDS = 0.8  #: for telling people that we restart
QUIET_SECONDS = 60.0  #: in which nobody is told so twice
#: who does what is not done by a place or a renderer
PLACES = {"fetch": "network", "plan": "local", "deliver": "telegram"}
UNDER_WAY = frozenset({"PENDING", "ENQUEUED", "DELAYED"})  #: workflows, as DBOS says it

Outcome = Done | Made | Refused | Later | Stopped | Gone | Delivered
Recorded = dict[str, Any]
_OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Annotated[Outcome, Field(discriminator="kind")])


@DBOS.dbos_class()
class Jobs(DBOSConfiguredInstance):
    """All open jobs; what is in memory of them can be had from the ledger again."""

    def __init__(
        self,
        ledger: Ledger,
        measures: Measures,
        stages: Stages,
        turns: Turns,
        sending: Voice,
        texts: Words,
        buttons: Buttons,
        *,
        free: Callable[[], Awaitable[int]],
        waiting: int = 500,
        pace: Pace | None = None,
        every: float = EVERY,
    ) -> None:
        """Know who does what.

        Args:
            ledger: where jobs are kept.
            measures: where it is kept what they took.
            stages: who does the work.
            turns: whose turn it is.
            sending: the way to people.
            texts: in their languages.
            buttons: what is under our messages.
            free: how many bytes can still be written.
            waiting: how many jobs may wait.
            pace: of attempts.
            every: seconds between two edits of a status at least.
        """
        self._ledger, self._measures = ledger, measures
        self._stages, self._turns = stages, turns
        self._sending, self._texts, self._buttons = sending, texts, buttons
        self._free, self._waiting, self._every = free, waiting, every
        self._pace = pace or Pace()
        self._setbacks = Setbacks(ledger, self._pace)
        self._open: dict[str, Open] = {}
        self._resumed = asyncio.Event()
        self._quiet_until = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False
        super().__init__("jobs")

    async def accept(
        self,
        order: Order,
        *,
        user: int,
        chat: int,
        topic: int | None,
        reply_to: int | None,
        language: Language,
        origin: str,
    ) -> Job | None:
        """Take a job in, for good.

        Args:
            order: what is wanted.
            user: whose it is.
            chat: where its result goes.
            topic: as above.
            reply_to: as above.
            language: in which she is told.
            origin: what asked for it: "draft:ID", or "form:JOB:FORM:NUMBER".

        Returns:
            the job; None if *origin* has asked before.

        Raises:
            TooMany: one of hers runs and three wait.
            QueueFull: nobody's can be taken now.
        """
        if await self._free() < FREE_BYTES:
            raise QueueFull
        job = await self._ledger.accept(
            order,
            user=user,
            chat=chat,
            topic=topic,
            reply_to=reply_to,
            language=language,
            origin=origin,
            waiting_all=self._waiting,
        )
        if job is not None and job.id not in self._open:
            self._in_background(self._begin(self._opened(job), job.id))
        return job

    async def cancel(self, job_id: str, user: int) -> bool:
        """Stop a job for its owner; False if it is not hers, or over."""
        if not await self._ledger.cancel(job_id, user):
            return False
        if there := self._open.get(job_id):
            there.end(Stopped())
        return True

    async def resume(self) -> None:
        """Go on with what is not over, once workflows have been taken up."""
        await self._ledger.died()
        self._quiet_until = time.monotonic() + self._pace.quiet
        self._resumed.set()
        await self._begin_forgotten()
        self._in_background(self._watch())

    async def stop(self) -> None:
        """Begin nothing more, and stop what runs without a word; who comes after us goes on."""
        self._ending = True
        for there in self._open.values():
            there.status.stop()
        tasks = self._tasks | {there.task for there in self._open.values() if there.task}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def running(self) -> list[str]:
        """The jobs that have their turn."""
        return self._turns.running()

    def ahead(self, job_id: str) -> int | None:
        """How many come before it; None when it has its turn, or rests."""
        return self._turns.ahead(job_id)

    def queue(self) -> list[Standing]:
        """All open jobs: those that run, those that wait in their order, those that rest."""
        running, waiting = self._turns.running(), self._turns.waiting()
        places = {job: place for place, job in enumerate(waiting)}
        resting = [job for job in self._open if job not in running and job not in places]
        return [
            Standing(self._open[job].job, self._open[job].stage, job in running, places.get(job))
            for job in (*running, *waiting, *resting)
            if job in self._open
        ]

    async def say_restarting(self) -> None:
        """Tell those whose jobs run that we restart; none of these jobs is to blame for it."""
        self._ending = True
        running = [self._open[job] for job in self._turns.running() if job in self._open]
        told = [there for there in running if time.time() - there.job.noticed > QUIET_SECONDS]
        calls = [
            self._ledger.interrupted([there.job.id for there in running]),
            self._ledger.notice([there.job.id for there in told]),
            *(there.status.restarting() for there in told),
        ]
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.wait(tasks, timeout=RESTART_SECONDS)

    @DBOS.workflow(max_recovery_attempts=None)
    async def run(self, id: str) -> None:  # noqa: A002 - what else
        """One job, from its first stage to its last message.

        What is decided here hangs on what the steps returned, and on nothing else.
        """
        there = self._open.get(id) or self._opened_again(await self._ledger.get(id))
        if there is None:
            return
        there.task = asyncio.current_task()
        try:
            while isinstance(outcome := await self._attempt(there), Later):
                await there.unless_ended(self._rest(id))
            while isinstance(told := _outcome(await self.tell(id, outcome.model_dump())), Later):
                await self._rest(id)
            await self.close(id, (told if isinstance(told, Gone) else outcome).model_dump())
        finally:
            await self._forget(id)

    @DBOS.step()
    async def fetch(self, id: str) -> Recorded:  # noqa: A002 - as above
        """Get the clip, and what is behind her."""
        return await self._step(id, "fetch", self._stages.fetch)

    @DBOS.step()
    async def plan(self, id: str) -> Recorded:  # noqa: A002 - as above
        """See which mattes it needs."""
        return await self._step(id, "plan", self._stages.plan)

    @DBOS.step()
    async def mattes(self, id: str) -> Recorded:  # noqa: A002 - as above
        """Find her in it."""
        return await self._step(id, "mattes", self._stages.mattes)

    @DBOS.step()
    async def compose(self, id: str) -> Recorded:  # noqa: A002 - as above
        """Make the result."""
        return await self._step(id, "compose", self._stages.compose)

    @DBOS.step()
    async def deliver(self, id: str) -> Recorded:  # noqa: A002 - as above
        """Send the result."""
        return await self._step(id, "deliver", self._delivered)

    @DBOS.step()
    async def tell(self, id: str, ended: Recorded) -> Recorded:  # noqa: A002 - as above
        """Say how it ended, where the result does not say it."""
        job = await self._job(id)
        if job.told:
            return Done().model_dump()
        match _outcome(ended):
            case Refused(fault=fault, details=details):
                text = self._texts.fault(job.language, fault, details)
            case Stopped():
                text = self._texts(job.language, "job-cancelled")
            case _:
                return Done().model_dump()
        try:
            told = await self._sending.text(job.chat, text, topic=job.topic, reply_to=job.reply_to)
        except TelegramAPIError as err:  # a fault of ours, which another attempt would repeat
            log.error("job %s: its end cannot be told: %s", id, type(err).__name__)  # noqa: TRY400 - its text is long
            return Done().model_dump()
        if isinstance(told, int):
            await self._ledger.told(id)
            return Done().model_dump()
        if isinstance(told, Later):
            await self._ledger.delay(id, told.seconds)
        return told.model_dump()

    @DBOS.step()
    async def close(self, id: str, ended: Recorded) -> None:  # noqa: A002 - as above
        """Clear up, and write down that it is over."""
        job, outcome = await self._job(id), _outcome(ended)
        message = await self._forget(id) or job.status
        if message is not None and not isinstance(outcome, Gone):
            await self._remove(job.chat, message)
        if isinstance(outcome, Delivered):
            await self._stages.keep(job)
        await self._stages.clear(job)
        match outcome:
            case Delivered():
                await self._ledger.finish(id, State.DONE)
            case Refused(fault=fault):
                await self._ledger.finish(id, State.FAILED, fault)
            case _:
                await self._ledger.finish(id, State.CANCELLED, outcome.kind)
        self._show_places()

    async def _attempt(self, there: Open) -> Outcome:
        """All stages, as far as they go; what was recorded is not done again."""
        outcome: Outcome = Done()
        try:
            for step in (self.fetch, self.plan, self.mattes, self.compose, self.deliver):
                outcome = _outcome(await step(there.job.id))
                if not isinstance(outcome, Done | Made):
                    break
        finally:
            await there.give_up_turn()
            self._show_places()
        return outcome

    async def _step(
        self,
        id: str,  # noqa: A002 - as above
        stage: str,
        work: Callable[[Job, Report], Awaitable[Outcome]],
    ) -> Recorded:
        """Do the work of one stage, or say why not."""
        await self._resumed.wait()
        there, job = self._open[id], await self._job(id)
        if job.result is not None:  # by a workflow of the same job that broke afterwards
            return Delivered(message=job.result, file_id=job.file_id or "").model_dump()
        if job.attempts >= ATTEMPTS or job.deaths >= DEATHS:
            return Refused(fault=Fault.POISON).model_dump()
        if job.cancelled:  # before we knew of it
            there.end(Stopped())
        try:
            outcome = await there.unless_ended(self._done(there, job, stage, work))
        except Exception as err:  # noqa: BLE001 - whatever it is, the job must end in a message
            outcome = await self._setbacks.judge(job, err)
        there.sending = False
        return outcome.model_dump(mode="json")

    async def _done(
        self, there: Open, job: Job, stage: str, work: Callable[[Job, Report], Awaitable[Outcome]]
    ) -> Outcome:
        self._show_places(soon=True)
        await self._take_turn(there, job)
        self._show_places()
        if self._ending:  # nothing more is begun
            await asyncio.get_running_loop().create_future()
        await self._ledger.start(job.id, stage)
        there.at(stage)
        meter = Meter(PLACES.get(stage, "local"))

        def report(event: Event) -> None:
            meter.hear(event)
            there.hear(event)

        try:
            return await work(job, report)
        finally:
            for spent in meter.read():
                await self._measures.note(
                    job.id, stage, spent.backend, spent.seconds, spent.dollars
                )

    async def _take_turn(self, there: Open, job: Job) -> None:
        """Wait until *job*, as it is now, may run."""
        if suspect(job):
            await asyncio.sleep(self._quiet_until - time.monotonic())
        await there.take_turn(self._turns, alone=suspect(job))

    async def _delivered(self, job: Job, report: Report) -> Outcome:
        made = await self._stages.compose(job, report)
        if isinstance(made, Refused):
            return made
        there = self._open[job.id]
        if there.ended:
            return there.ended
        there.sending = True
        sent = await self._sending.result(
            job,
            made,
            self._buttons.result(job),
            file=self._stages.result(job),
            thumbnail=self._stages.thumbnail(job),
            caption=self._texts(job.language, "result-caption", seconds=made.seconds),
        )
        match sent:
            case Delivered(message=message, file_id=file_id):
                await self._ledger.delivered(job.id, message, file_id)
            case Later(seconds=seconds):
                await self._ledger.delay(job.id, seconds)
        return sent

    async def _rest(self, id: str) -> None:  # noqa: A002 - as above
        """Wait until the job is due."""
        job = await self._job(id)
        if (there := self._open.get(id)) and job.state is State.PARKED:
            there.status.parked()
        await asyncio.sleep(max(0, job.due - time.time()))

    async def _remove(self, chat: int, message: int) -> None:
        try:
            await self._sending.delete(chat, message)
        except TelegramAPIError as err:
            log.warning("a status stays: %s", type(err).__name__)

    async def _job(self, id: str) -> Job:  # noqa: A002 - as above
        job = await self._ledger.get(id)
        assert job is not None, "rows are never removed"
        return job

    async def _forget(self, id: str) -> int | None:  # noqa: A002 - as above
        """Know the job no more; its status, where it has one."""
        there = self._open.pop(id, None)
        if there is None:
            return None
        await there.give_up_turn()
        await there.status.close()
        return there.status.message

    def _opened_again(self, job: Job | None) -> Open | None:
        return None if job is None or job.over else self._opened(job)

    def _opened(self, job: Job) -> Open:
        """Know *job* from now on."""

        async def shown(message: int) -> None:
            await self._ledger.show(job.id, message)

        def further(place: str) -> None:
            self._in_background(self._ledger.advance(job.id, place))

        def gone() -> None:
            if there := self._open.get(job.id):
                there.end(Gone())

        keyboard = self._buttons.cancel(job)
        status = Status(job, self._sending, self._texts, keyboard, shown, gone, self._every)
        self._open[job.id] = Open(job, status, further)
        return self._open[job.id]

    def _show_places(self, *, soon: bool = False) -> None:
        """Tell those who wait how many come before them."""
        if soon:  # the one that is about to wait is not there yet
            asyncio.get_running_loop().call_soon(self._show_places)
            return
        for ahead, id_ in enumerate(self._turns.waiting()):
            if there := self._open.get(id_):
                there.status.waiting(ahead)

    async def _begin(self, there: Open, workflow: str) -> None:
        """Begin a job's workflow when it has its turn; while it waits, its row is enough."""
        self._show_places(soon=True)
        try:
            await there.unless_ended(self._take_turn(there, there.job))
            with SetWorkflowID(workflow):
                await DBOS.start_workflow_async(self.run, there.job.id)
        except Exception:  # whoever looks for forgotten jobs begins it again
            log.exception("job %s could not be begun", there.job.id)
            await self._forget(there.job.id)

    async def _watch(self) -> None:
        while not self._ending:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self._begin_forgotten()
            except Exception:
                log.exception("jobs that nobody works at could not be looked for")

    async def _begin_forgotten(self) -> None:
        """Begin jobs that were accepted, and whose workflow is not there, or broke."""
        for job in await self._ledger.unfinished():
            if job.id not in self._open and (workflow := await self._next_workflow(job.id)):
                self._in_background(self._begin(self._opened(job), workflow))

    async def _next_workflow(self, job_id: str) -> str | None:
        """The name of the first workflow of a job, or of the next; None while there is one.

        One that broke is soon followed by another, and that later by the next.
        """
        workflow, number = job_id, 0
        while status := await DBOS.get_workflow_status_async(workflow):
            rested = time.time() - (status.updated_at or 0) / 1000
            if status.status in UNDER_WAY or rested < min(2.0**number, LONGEST_PAUSE):
                return None
            number += 1
            workflow = f"{job_id}.{number}"
        return workflow

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done_in_background)

    def _done_in_background(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (err := task.exception()):
            log.error("something beside the jobs failed", exc_info=err)


def _outcome(recorded: Recorded) -> Outcome:
    return _OUTCOME.validate_python(recorded)
