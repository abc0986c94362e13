"""Every job that was accepted: what is wanted, how far it is, and how it ended."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping, Text, cast, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database.repository import Kept, secret_id
from bot.database.schema import jobs
from bot.domain.job_request import Language, Order

LOCK = 0x6F76_6572  #: of Postgres, so that two do not both find the last place free


class TooMany(Exception):  # noqa: N818 - it says what is wrong
    """One job of the user runs, and as many wait as may.

    Attributes:
        mine: how many run or wait.
    """

    def __init__(self, mine: int) -> None:
        super().__init__(f"{mine} jobs run or wait already")
        self.mine = mine


class QueueFull(Exception):  # noqa: N818 - as above
    """Nobody's job can be taken now."""


class State(StrEnum):
    """What is done with a job."""

    WAITING = "waiting"  #: for its turn
    RUNNING = "running"
    PARKED = "parked"  #: nobody can do it now; it is tried again when it is due
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: not over
OPEN = (State.WAITING, State.RUNNING, State.PARKED)


@dataclass(frozen=True, slots=True)
class Job:
    """One result that somebody wants.

    Attributes:
        id: cannot be guessed.
        origin: what asked for it; nothing asks twice.
        user: whose it is.
        chat, topic, reply_to: where its result goes.
        language: in which she is told.
        order: what is wanted.
        state: what is done with it.
        stage: what was begun last: "fetch", "plan", "mattes", "compose", "deliver".
        status: our message that tells how far it is.
        cancelled: *Cancel* was pressed.
        attempts: how often our tools broke since it got as far as it did.
        deaths: how often we died while it ran since then.
        furthest: how far that is; greater is further.
        due: before this time it is not tried again, in seconds since 1970.
        pauses: how often in a row nobody could do it.
        created, started, parked, ended: when; None for what was not.
        fault: why it failed.
        result: our message with its result.
        file_id: Telegram's name of that.
        told: she was told why there is none.
        noticed: when she was last told that we restart.
    """

    id: str
    origin: str
    user: int
    chat: int
    topic: int | None
    reply_to: int | None
    language: Language
    order: Order
    state: State
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

    @property
    def draft(self) -> str | None:
        """The draft that it was made from, unless it is another form of a result."""
        kind, _, made_from = self.origin.partition(":")
        return made_from if kind == "draft" else None

    @property
    def over(self) -> bool:
        """Whether nothing more is done with it."""
        return self.state not in OPEN


class Ledger(Kept):
    """All jobs, open and over."""

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
        waiting_each: int = 3,
        waiting_all: int = 500,
    ) -> Job | None:
        """Take a job in.

        Args:
            order: what is wanted.
            user: whose it is.
            chat: where its result goes.
            topic: as above.
            reply_to: as above.
            language: in which she is told.
            origin: what asked for it.
            waiting_each: how many of hers may wait beside one that runs.
            waiting_all: how many of everybody may wait.

        Returns:
            the job; None if *origin* has asked before.

        Raises:
            TooMany: of hers.
            QueueFull: of everybody's.
        """
        async with self._writing.begin() as connection:
            if self._reading.dialect.name == "postgresql":
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            if await connection.scalar(select(jobs.c.id).where(jobs.c.origin == origin)):
                return None
            is_open = jobs.c.state.in_(OPEN)
            mine = await _count(connection, is_open & (jobs.c.user == user))
            if mine > waiting_each:
                raise TooMany(mine)
            waiting = is_open & (jobs.c.state != State.RUNNING)
            if await _count(connection, waiting) >= waiting_all:
                raise QueueFull
            values: dict[str, Any] = {
                "id": secret_id(),
                "origin": origin,
                "user": user,
                "chat": chat,
                "topic": topic,
                "reply_to": reply_to,
                "language": language.value,
                "order": order.model_dump(mode="json"),
                "state": State.WAITING.value,
                "stage": "",
                "cancelled": False,
                "attempts": 0,
                "deaths": 0,
                "furthest": "",
                "due": 0.0,
                "pauses": 0,
                "created": time.time(),
                "told": False,
                "noticed": 0.0,
            }
            made = await connection.execute(jobs.insert().values(values).returning(*jobs.c))
            return _job(made.mappings().one())

    async def get(self, id: str) -> Job | None:  # noqa: A002 - what else
        """The job, if there is one."""
        async with self._reading.connect() as connection:
            found = await connection.execute(select(jobs).where(jobs.c.id == id))
            row = found.mappings().first()
        return _job(row) if row else None

    async def unfinished(self) -> list[Job]:
        """All that are not over, in the order of coming."""
        return await self._select(jobs.c.state.in_(OPEN))

    async def of(self, user: int) -> list[Job]:
        """Those of one user that are not over, in the order of coming."""
        return await self._select(jobs.c.state.in_(OPEN) & (jobs.c.user == user))

    async def start(self, id: str, stage: str) -> None:  # noqa: A002 - as above
        """It has its turn, and is at *stage*."""
        started = func.coalesce(jobs.c.started, time.time())
        await self._go(id, State.RUNNING, stage=stage, started=started, due=0.0)

    async def park(self, id: str, seconds: float) -> None:  # noqa: A002 - as above
        """Nobody can do it for so many seconds."""
        now = time.time()
        await self._go(
            id,
            State.PARKED,
            due=now + seconds,
            pauses=jobs.c.pauses + 1,
            parked=func.coalesce(jobs.c.parked, now),
        )

    async def delay(self, id: str, seconds: float) -> None:  # noqa: A002 - as above
        """Do not try it again for so many seconds."""
        await self._go(id, State.WAITING, due=time.time() + seconds)

    async def advance(self, id: str, furthest: str) -> None:  # noqa: A002 - as above
        """It got further than ever before, so what went wrong before counts no more."""
        async with self._writing.begin() as connection:
            await connection.execute(
                jobs.update()
                .where(jobs.c.id == id, jobs.c.furthest < furthest)
                .values(furthest=furthest, attempts=0, deaths=0, pauses=0, parked=None)
            )

    async def attempt(self, id: str) -> int:  # noqa: A002 - as above
        """Our tools broke at it once more; how often that makes."""
        async with self._writing.begin() as connection:
            made = await connection.execute(
                jobs.update()
                .where(jobs.c.id == id)
                .values(attempts=jobs.c.attempts + 1)
                .returning(jobs.c.attempts)
            )
            return int(made.scalar() or 0)

    async def died(self) -> None:
        """We died, and were not asked to end: what ran may be to blame."""
        async with self._writing.begin() as connection:
            await connection.execute(
                jobs.update()
                .where(jobs.c.state == State.RUNNING.value)
                .values(deaths=jobs.c.deaths + 1, state=State.WAITING.value)
            )

    async def interrupted(self, ids: Sequence[str]) -> None:
        """We end because we were asked to; nothing that runs is to blame."""
        async with self._writing.begin() as connection:
            await connection.execute(
                jobs.update()
                .where(jobs.c.id.in_(ids), jobs.c.state == State.RUNNING.value)
                .values(state=State.WAITING.value)
            )

    async def notice(self, ids: Sequence[str]) -> None:
        """She was told just now that we restart."""
        async with self._writing.begin() as connection:
            await connection.execute(
                jobs.update().where(jobs.c.id.in_(ids)).values(noticed=time.time())
            )

    async def show(self, id: str, status: int | None) -> None:  # noqa: A002 - as above
        """Remember our message that tells how far it is."""
        await self._set(id, status=status)

    async def cancel(self, id: str, user: int) -> bool:  # noqa: A002 - as above
        """Mark it as cancelled by its owner; False if it is not hers, or over."""
        async with self._writing.begin() as connection:
            changed = await connection.execute(
                jobs.update()
                .where(jobs.c.id == id, jobs.c.user == user, jobs.c.state.in_(OPEN))
                .values(cancelled=True)
                .returning(jobs.c.id)
            )
            return changed.first() is not None

    async def delivered(self, id: str, result: int, file_id: str) -> None:  # noqa: A002 - as above
        """Its result was sent, as that message."""
        await self._set(id, result=result, file_id=file_id)

    async def told(self, id: str) -> None:  # noqa: A002 - as above
        """She was told why there is no result."""
        await self._set(id, told=True)

    async def finish(self, id: str, state: State, fault: str | None = None) -> None:  # noqa: A002 - as above
        """It is over."""
        ended = func.coalesce(jobs.c.ended, time.time())
        await self._set(id, state=state.value, fault=fault, ended=ended, status=None)

    async def forget_links(self, before: float) -> None:
        """Forget the links to the files of jobs that ended before that time."""
        async with self._writing.begin() as connection:
            links = func.replace(cast(jobs.c.order, Text), '"link": ""', "")
            found = await connection.execute(
                select(jobs.c.id, jobs.c.order).where(
                    jobs.c.ended < before, links.like('%"link": "%')
                )
            )
            for id_, order in found.all():
                await connection.execute(
                    jobs.update().where(jobs.c.id == id_).values(order=_without_links(order))
                )

    async def _select(self, where: Any) -> list[Job]:
        async with self._reading.connect() as connection:
            found = await connection.execute(
                select(jobs).where(where).order_by(jobs.c.created, jobs.c.id)
            )
            return [_job(row) for row in found.mappings()]

    async def _go(self, id: str, state: State, **values: Any) -> None:  # noqa: A002 - as above
        """Put it into an open state, unless it is over."""
        async with self._writing.begin() as connection:
            await connection.execute(
                jobs.update()
                .where(jobs.c.id == id, jobs.c.state.in_(OPEN))
                .values(state=state.value, **values)
            )

    async def _set(self, id: str, **values: Any) -> None:  # noqa: A002 - as above
        async with self._writing.begin() as connection:
            await connection.execute(jobs.update().where(jobs.c.id == id).values(**values))


def _without_links(found: Any) -> Any:
    """The same JSON, each link in it being empty."""
    if not isinstance(found, dict):
        return found
    return {key: "" if key == "link" else _without_links(value) for key, value in found.items()}


async def _count(connection: AsyncConnection, where: Any) -> int:
    return await connection.scalar(select(func.count()).select_from(jobs).where(where)) or 0


def _job(row: RowMapping) -> Job:
    return Job(
        **dict(row)
        | {
            "language": Language(row["language"]),
            "order": Order.model_validate(row["order"]),
            "state": State(row["state"]),
        }
    )
