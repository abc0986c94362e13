"""Stores every accepted job: its request, its state, and its end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping, Text, case, cast, func, or_, select, text, true

from bot.database.repository import Repository, generate_id
from bot.database.schema import jobs
from bot.domain.job_request import Destination, JobRequest, Language, Requester
from bot.domain.outcomes import CANCELLED_BY_OPERATOR, FailureCode
from video_editing.contract.formats import OutputFormat

QUEUE_LOCK_ID = 0x6F76_6572  #: of an advisory lock: two processes must not both accept the last job


class JobRefused(Exception):
    """No job can be accepted now.

    Attributes:
        code: why, for the text that the user gets.
    """

    code: FailureCode


class TooManyJobs(JobRefused):
    """One job of the user runs, and as many wait as may.

    Attributes:
        count: how many run or wait.
    """

    code = FailureCode.TOO_MANY_JOBS

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} jobs run or wait already")
        self.count = count


class QueueFull(JobRefused):
    """As many jobs of all users wait as may."""

    code = FailureCode.QUEUE_FULL


class IntakePaused(JobRefused):
    """Admins accept no new jobs at the moment."""

    code = FailureCode.INTAKE_PAUSED


class DiskFull(JobRefused):
    """The disk has no space for the files of another job."""

    code = FailureCode.NO_DISK


class JobState(StrEnum):
    """The state of a job."""

    WAITING = "waiting"  #: for a slot, or for the end of a pause
    RUNNING = "running"
    PARKED = "parked"  #: no backend is available; it is retried when it is due
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: the states of jobs that have not ended
USERS_WORDS = ("link", "name")  #: keys of an order under which a source has what a user wrote
OPEN_STATES = (JobState.WAITING, JobState.RUNNING, JobState.PARKED)


@dataclass(frozen=True, slots=True)
class JobOrder:
    """What a job is accepted from.

    Attributes:
        request: what is to be made.
        destination: where the result is sent.
        origin: what asks for the job; each origin asks once.
    """

    request: JobRequest
    destination: Destination
    origin: str


@dataclass(frozen=True, slots=True)
class Job:
    """The row of a job. Times are in seconds since 1970.

    Attributes:
        id: cannot be guessed.
        origin: what asked for the job; each origin asks once.
        user: the owner.
        chat, topic, direct_topic, reply_to: where the result is sent.
        language: the language of messages to the user.
        order: what is to be made.
        state: the state of the job.
        stage: the last stage that began: "fetch", "plan", "mattes", "compose", "deliver".
        status: the id of the progress message.
        cancelled: the user or an operator cancelled it.
        attempts: failures of the tools since the last progress.
        deaths: crashes of the bot while the job ran, since the last progress.
        furthest: the furthest progress; greater strings are further.
        due: the end of a pause.
        pauses: pauses in a row because no backend was available.
        created, started, parked, ended: times; None for what did not happen.
        fault: why the job failed; CANCELLED_BY_OPERATOR before the end of such a job.
        result: the id of the message with the result.
        file_id: Telegram's id of the result.
        told: the user knows why there is no result.
        noticed: the time of the last restart notice.
        series: the id that the jobs share which one press asked for; they run one after another,
            and share a progress message. None for a single job.
        number, count: which of how many jobs of its series it is, from 1 on.
    """

    id: str
    origin: str
    user: int
    chat: int
    topic: int | None
    reply_to: int | None
    language: Language
    order: JobRequest
    state: JobState
    stage: str
    status: int | None
    cancelled: bool
    attempts: int
    deaths: int
    furthest: str
    due: float
    pauses: int
    created: float
    started: float | None
    parked: float | None
    ended: float | None
    fault: str | None
    result: int | None
    file_id: str | None
    told: bool
    noticed: float
    direct_topic: int | None = None
    series: str | None = None
    number: int = 1
    count: int = 1

    @property
    def requester(self) -> Requester:
        """The owner of the job."""
        return Requester(self.user, self.language)

    @property
    def destination(self) -> Destination:
        """Where the result is sent."""
        return Destination(self.chat, self.topic, self.reply_to, self.direct_topic)

    @property
    def draft_id(self) -> str | None:
        """The id of the draft of the job; None for another form of a result."""
        return get_draft_id(self.origin)

    @property
    def is_shareable(self) -> bool:
        """Whether the page that shares a result can be opened for it, and send it on.

        Telegram opens pages in private chats only, and prepares neither round notes nor stickers.
        """
        is_private = self.chat == self.user
        return is_private and self.order.form not in {OutputFormat.NOTE, OutputFormat.STICKER}

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.state not in OPEN_STATES


def get_draft_id(origin: str) -> str | None:
    """Return the id of the draft that asked for a job; None if it was another form."""
    kind, _, draft_id = origin.partition(":")
    return draft_id if kind == "draft" else None


class JobRepository(Repository):
    """Reads and writes jobs."""

    async def accept(
        self,
        orders: Sequence[JobOrder],
        requester: Requester,
        *,
        max_waiting_per_user: int = 3,
        max_waiting: int = 500,
    ) -> list[Job]:
        """Store new jobs, all or none; several are a series.

        Args:
            orders: what each job is accepted from; a second job of an origin is not accepted.
            requester: the owner of the jobs.
            max_waiting_per_user: jobs of one user that may wait, before these, beside one that
                runs.
            max_waiting: jobs of all users that may wait, before these.

        Returns:
            the jobs whose origins had none, in the order of *orders*.

        Raises:
            TooManyJobs: the user has as many jobs as one user may have.
            QueueFull: as many jobs wait as may.
        """
        async with self._write_engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({QUEUE_LOCK_ID})"))
            origins = [order.origin for order in orders]
            known = set(
                await connection.scalars(select(jobs.c.origin).where(jobs.c.origin.in_(origins)))
            )
            if not (new := [order for order in orders if order.origin not in known]):
                return []
            is_open = jobs.c.state.in_(OPEN_STATES)
            is_waiting = is_open & (jobs.c.state != JobState.RUNNING)
            counts = select(
                func.count().filter(jobs.c.user == requester.user),
                func.count().filter(is_waiting),
            ).where(is_open)
            of_user, waiting = (await connection.execute(counts)).one()
            if of_user > max_waiting_per_user:
                raise TooManyJobs(of_user)
            if waiting >= max_waiting:
                raise QueueFull
            rows = _create_rows(new, requester)
            await connection.execute(jobs.insert(), rows)
            return [_from_row(row) for row in rows]

    async def get(self, job_id: str) -> Job | None:
        """Return a job, if it exists."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(jobs).where(jobs.c.id == job_id))
            row = rows.mappings().first()
        return _from_row(row) if row else None

    async def list_open(self) -> list[Job]:
        """Return the open jobs in the order of acceptance."""
        return await self._select(jobs.c.state.in_(OPEN_STATES))

    async def list_open_of_user(self, user: int) -> list[Job]:
        """Return the open jobs of one user in the order of acceptance."""
        return await self._select(jobs.c.state.in_(OPEN_STATES) & (jobs.c.user == user))

    async def list_series(self, series: str) -> list[Job]:
        """Return the jobs of a series in their order."""
        return await self._select(jobs.c.series == series)

    async def mark_running(self, job_id: str, stage: str) -> None:
        """Record that *stage* begins."""
        started = func.coalesce(jobs.c.started, time.time())
        await self._set_open_state(job_id, JobState.RUNNING, stage=stage, started=started, due=0.0)

    async def park(self, job_id: str, seconds: float) -> None:
        """Pause a job for which no backend is available."""
        now = time.time()
        await self._set_open_state(
            job_id,
            JobState.PARKED,
            due=now + seconds,
            pauses=jobs.c.pauses + 1,
            parked=func.coalesce(jobs.c.parked, now),
        )

    async def delay(self, job_id: str, seconds: float) -> None:
        """Pause a job."""
        await self._set_open_state(job_id, JobState.WAITING, due=time.time() + seconds)

    async def record_progress(self, job_id: str, furthest: str) -> None:
        """Record new progress; failures before it do not count any more."""
        async with self._write_engine.begin() as connection:
            await connection.execute(
                jobs.update()
                .where(jobs.c.id == job_id, jobs.c.furthest < furthest)
                .values(furthest=furthest, attempts=0, deaths=0, pauses=0, parked=None)
            )

    async def count_attempt(self, job_id: str) -> int:
        """Count a failure of the tools; return the number since the last progress."""
        async with self._write_engine.begin() as connection:
            updated = await connection.execute(
                jobs.update()
                .where(jobs.c.id == job_id)
                .values(attempts=jobs.c.attempts + 1)
                .returning(jobs.c.attempts)
            )
            return int(updated.scalar() or 0)

    async def count_crash(self) -> None:
        """Count a crash for each job that ran: the last process did not end on request."""
        async with self._write_engine.begin() as connection:
            await connection.execute(
                jobs.update()
                .where(jobs.c.state == JobState.RUNNING.value)
                .values(deaths=jobs.c.deaths + 1, state=JobState.WAITING.value)
            )

    async def mark_interrupted(self, job_ids: Sequence[str]) -> None:
        """Record that the process ends on request: no crash is counted for these jobs."""
        async with self._write_engine.begin() as connection:
            await connection.execute(
                jobs.update()
                .where(jobs.c.id.in_(job_ids), jobs.c.state == JobState.RUNNING.value)
                .values(state=JobState.WAITING.value)
            )

    async def mark_restart_noticed(self, job_ids: Sequence[str]) -> None:
        """Record the time of a restart notice."""
        async with self._write_engine.begin() as connection:
            await connection.execute(
                jobs.update().where(jobs.c.id.in_(job_ids)).values(noticed=time.time())
            )

    async def set_status_message(self, job_id: str, message: int | None) -> None:
        """Store the id of the progress message."""
        await self._set_columns(job_id, status=message)

    async def mark_cancelled(self, job_id: str, user: int | None) -> list[str]:
        """Mark a job, and what is left of its series, as cancelled.

        Args:
            job_id: of any job of the series.
            user: who cancels; None for an admin, who may cancel every job.

        Returns:
            the ids of the jobs; none if all are over or *user* is not their owner.
        """
        is_owned = true() if user is None else jobs.c.user == user
        by_whom = CANCELLED_BY_OPERATOR if user is None else None
        series = select(jobs.c.series).where(jobs.c.id == job_id).scalar_subquery()
        is_meant = (jobs.c.id == job_id) | (jobs.c.series == series)
        async with self._write_engine.begin() as connection:
            updated = await connection.execute(
                jobs.update()
                .where(is_meant, is_owned, jobs.c.state.in_(OPEN_STATES))
                .values(
                    cancelled=True,
                    fault=case((jobs.c.cancelled, jobs.c.fault), else_=by_whom),
                )
                .returning(jobs.c.id)
            )
            return list(updated.scalars())

    async def mark_delivered(self, job_id: str, result: int, file_id: str) -> None:
        """Store the message and the file with the result."""
        await self._set_columns(job_id, result=result, file_id=file_id)

    async def mark_notified(self, job_id: str) -> None:
        """Record that the user knows why there is no result."""
        await self._set_columns(job_id, told=True)

    async def finish(self, job_id: str, state: JobState, fault: str | None = None) -> None:
        """Record the end of a job."""
        ended = func.coalesce(jobs.c.ended, time.time())
        await self._set_columns(job_id, state=state.value, fault=fault, ended=ended, status=None)

    async def move_chat(self, old_chat: int, new_chat: int) -> None:
        """Give the jobs of a group that became a supergroup its new id.

        Ids of messages in the old group are forgotten: in the new one they name other messages.
        """
        async with self._write_engine.begin() as connection:
            await connection.execute(
                jobs.update()
                .where(jobs.c.chat == old_chat)
                .values(chat=new_chat, topic=None, reply_to=None, status=None)
            )

    async def erase_links(self, before: float) -> None:
        """Erase links and names of files from jobs that ended before *before*.

        Args:
            before: in seconds since 1970.
        """
        async with self._write_engine.begin() as connection:
            order = cast(jobs.c.order, Text)
            is_filled = [
                func.replace(order, f'"{key}": ""', "").like(f'%"{key}": "%') for key in USERS_WORDS
            ]
            rows = await connection.execute(
                select(jobs.c.id, jobs.c.order).where(jobs.c.ended < before, or_(*is_filled))
            )
            for job_id, order in rows.all():
                await connection.execute(
                    jobs.update().where(jobs.c.id == job_id).values(order=_strip_links(order))
                )

    async def delete_ended(self, *, before: float, user: int | None = None) -> None:
        """Delete jobs that ended before *before*, in seconds since 1970.

        Args:
            before: as above.
            user: whose jobs; None deletes those of all users.
        """
        where = jobs.c.ended < before
        if user is not None:
            where &= jobs.c.user == user
        async with self._write_engine.begin() as connection:
            await connection.execute(jobs.delete().where(where))

    async def _select(self, where: Any) -> list[Job]:
        async with self._engine.connect() as connection:
            rows = await connection.execute(
                select(jobs).where(where).order_by(jobs.c.created, jobs.c.number, jobs.c.id)
            )
            return [_from_row(row) for row in rows.mappings()]

    async def _set_open_state(self, job_id: str, state: JobState, **values: Any) -> None:
        """Set an open state, unless the job is over."""
        async with self._write_engine.begin() as connection:
            await connection.execute(
                jobs.update()
                .where(jobs.c.id == job_id, jobs.c.state.in_(OPEN_STATES))
                .values(state=state.value, **values)
            )

    async def _set_columns(self, job_id: str, **values: Any) -> None:
        async with self._write_engine.begin() as connection:
            await connection.execute(jobs.update().where(jobs.c.id == job_id).values(**values))


def _strip_links(value: Any) -> Any:
    """Return the same JSON with empty links and names of files."""
    if not isinstance(value, dict):
        return value
    return {key: "" if key in USERS_WORDS else _strip_links(value) for key, value in value.items()}


def _create_rows(orders: Sequence[JobOrder], requester: Requester) -> list[dict[str, Any]]:
    """Return the rows of new jobs; those of several share the time and a series."""
    now, count = time.time(), len(orders)
    series = generate_id() if count > 1 else None
    return [
        _create_row(order, requester, now) | {"series": series, "number": number, "count": count}
        for number, order in enumerate(orders, 1)
    ]


def _create_row(order: JobOrder, requester: Requester, now: float) -> dict[str, Any]:
    destination = order.destination
    return {
        "id": generate_id(),
        "origin": order.origin,
        "user": requester.user,
        "chat": destination.chat,
        "topic": destination.topic,
        "direct_topic": destination.direct_topic,
        "reply_to": destination.reply_to,
        "language": requester.language.value,
        "order": order.request.model_dump(mode="json"),
        "state": JobState.WAITING.value,
        "stage": "",
        "status": None,
        "cancelled": False,
        "attempts": 0,
        "deaths": 0,
        "furthest": "",
        "due": 0.0,
        "pauses": 0,
        "created": now,
        "started": None,
        "parked": None,
        "ended": None,
        "fault": None,
        "result": None,
        "file_id": None,
        "told": False,
        "noticed": 0.0,
    }


def _from_row(row: RowMapping | dict[str, Any]) -> Job:
    return Job(
        **dict(row)
        | {
            "language": Language(row["language"]),
            "order": JobRequest.model_validate(row["order"]),
            "state": JobState(row["state"]),
            "number": row["number"] or 1,
            "count": row["count"] or 1,
        }
    )
