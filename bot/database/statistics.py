"""How long the stages of jobs took, where, and what that cost."""

import math
import shutil
import time
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import ColumnElement, Executable, Row, case, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.repository import Kept
from bot.database.schema import jobs, measures


class Measures(Kept):
    """One row for each stage of a job and place that worked at it."""

    async def note(
        self, job: str, stage: str, place: str, seconds: float, dollars: float = 0
    ) -> None:
        """Write down that *place* took so long, and so much, for *stage* of *job*."""
        async with self._writing.begin() as connection:
            await connection.execute(
                measures.insert().values(
                    job=job,
                    stage=stage,
                    place=place,
                    seconds=seconds,
                    dollars=dollars,
                    at=time.time(),
                )
            )


DAY = 86400  #: seconds
RECENT_DAYS = 30  #: before which nobody asks when a place was used
By = Literal["stage", "place"]
WHOLE = "job"  #: as a stage: from *Make it* to the result


@dataclass(frozen=True, slots=True)
class Ended:
    """How jobs ended, within some time."""

    done: int
    failed: int
    cancelled: int

    @property
    def all(self) -> int:
        """However they did."""
        return self.done + self.failed + self.cancelled

    @property
    def success(self) -> float | None:
        """The share that was done of those that nobody cancelled; None where there was none."""
        tried = self.done + self.failed
        return self.done / tried if tried else None


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that a stage took, or a place; half took at most the median, 95 % at most p95."""

    name: str
    count: int
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars; a projected month goes on as it did so far."""

    today: float
    month: float
    projected: float


@dataclass(frozen=True, slots=True)
class Use:
    """A place's dollars of today, and when it worked last, in seconds since 1970."""

    dollars: float
    last: float


@dataclass(frozen=True, slots=True)
class Active:
    """A job that has not ended; times are in seconds since 1970."""

    id: str
    user: int
    state: str
    stage: str
    created: float
    due: float


class Statistics:
    """What the tables of jobs and measures add up to; days and months are those of UTC."""

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        """Know where to count.

        Args:
            engine: the way to the database.
            folder: where jobs have their files.
        """
        self._engine = engine
        self._folder = folder

    def disk(self) -> tuple[int, int]:
        """How many bytes are free, and of how many."""
        usage = shutil.disk_usage(self._folder)
        return usage.free, usage.total

    async def ended(self, since: float) -> Ended:
        """How jobs ended, from *since* on."""
        query = (
            select(jobs.c.state, func.count()).where(jobs.c.ended >= since).group_by(jobs.c.state)
        )
        counts = {row[0]: row[1] for row in await self._rows(query)}
        return Ended(*(counts.get(state, 0) for state in ("done", "failed", "cancelled")))

    async def times(self, by: By, since: float) -> list[Times]:
        """Seconds by *by*, the slowest first; of stages, also those of whole jobs."""
        seconds: dict[str, list[float]] = defaultdict(list)
        column = measures.c[by]
        query = select(column, measures.c.seconds).where(
            measures.c.at >= since, measures.c.seconds > 0, column != ""
        )
        for name, took in await self._rows(query):
            seconds[name].append(took)
        if by == "stage":
            seconds[WHOLE] = await self._whole(since)
        found = [times(name, taken) for name, taken in seconds.items() if taken]
        return sorted(found, key=lambda times: -times.median)

    async def cost(self, now: float) -> Cost:
        """What was spent, up to *now*; less than a day of a month counts as one."""
        day, month = midnight(now), first_of_month(now)
        query = select(*(_dollars(since) for since in (day, month))).where(measures.c.at >= month)
        ((today, so_far),) = await self._rows(query)
        elapsed = max((now - month) / DAY, 1.0)
        return Cost(today, so_far, so_far / elapsed * days_of_month(now))

    async def uses(self, now: float) -> dict[str, Use]:
        """How each place was used up to *now*, by its name."""
        query = (
            select(measures.c.place, _dollars(midnight(now)), func.max(measures.c.at))
            .where(measures.c.at >= now - RECENT_DAYS * DAY)
            .group_by(measures.c.place)
        )
        return {place: Use(dollars, last) for place, dollars, last in await self._rows(query)}

    async def active(self) -> list[Active]:
        """Jobs that have not ended; those that run first, then the oldest."""
        columns = (jobs.c[name] for name in ("id", "user", "state", "stage", "created", "due"))
        query = (
            select(*columns)
            .where(jobs.c.ended.is_(None))
            .order_by(case((jobs.c.state == "running", 0), else_=1), jobs.c.created)
        )
        return [Active(*row) for row in await self._rows(query)]

    async def _whole(self, since: float) -> list[float]:
        took = jobs.c.ended - jobs.c.created
        query = select(took).where(jobs.c.ended >= since, jobs.c.state == "done")
        return [seconds for (seconds,) in await self._rows(query)]

    async def _rows(self, query: Executable) -> list[Row[*tuple[Any, ...]]]:
        async with self._engine.connect() as connection:
            return list(await connection.execute(query))


def _dollars(since: float) -> ColumnElement[float]:
    """The sum of what was measured from *since* on."""
    return func.coalesce(
        func.sum(case((measures.c.at >= since, measures.c.dollars), else_=0.0)), 0.0
    )


def times(name: str, seconds: Iterable[float]) -> Times:
    """Median and p95 of *seconds*, each one of them (the nearest rank)."""
    ordered = sorted(seconds)

    def rank(share: float) -> float:
        return ordered[math.ceil(share * len(ordered)) - 1]

    return Times(name, len(ordered), rank(0.5), rank(0.95))


def midnight(now: float) -> float:
    """When the day of *now* began."""
    return now - now % DAY


def first_of_month(now: float) -> float:
    """When the month of *now* began."""
    day = datetime.fromtimestamp(midnight(now), UTC)
    return day.replace(day=1).timestamp()


def days_of_month(now: float) -> int:
    """How many the month of *now* has."""
    day = datetime.fromtimestamp(now, UTC)
    return monthrange(day.year, day.month)[1]
