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

from bot.database.repository import Repository
from bot.database.schema import jobs, measurements


class MeasurementRepository(Repository):
    """One row for each stage of a job and place that worked at it."""

    async def record_stage(
        self, job: str, stage: str, backend: str, seconds: float, dollars: float = 0
    ) -> None:
        """Write down that *backend* took so long, and so much, for *stage* of *job*."""
        async with self._write_engine.begin() as connection:
            await connection.execute(
                measurements.insert().values(
                    job=job,
                    stage=stage,
                    place=backend,
                    seconds=seconds,
                    dollars=dollars,
                    at=time.time(),
                )
            )


DAY_SECONDS = 86400  #: seconds
USAGE_DAYS = 30  #: before which nobody asks when a place was used
Grouping = Literal["stage", "place"]
WHOLE_JOB = "job"  #: as a stage: from *Make it* to the result


@dataclass(frozen=True, slots=True)
class JobCounts:
    """How jobs ended, within some time."""

    done: int
    failed: int
    cancelled: int

    @property
    def all(self) -> int:
        """However they did."""
        return self.done + self.failed + self.cancelled

    @property
    def success_rate(self) -> float | None:
        """The share that was done of those that nobody cancelled; None where there was none."""
        tried = self.done + self.failed
        return self.done / tried if tried else None


@dataclass(frozen=True, slots=True)
class DurationStats:
    """Seconds that a stage took, or a place; half took at most the median, 95 % at most p95."""

    name: str
    count: int
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class SpendingSummary:
    """Dollars; a projected month goes on as it did so far."""

    today: float
    month: float
    projected: float


@dataclass(frozen=True, slots=True)
class BackendUsage:
    """A place's dollars of today, and when it worked last, in seconds since 1970."""

    dollars: float
    last_used: float


@dataclass(frozen=True, slots=True)
class JobSummary:
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

    def get_disk_usage(self) -> tuple[int, int]:
        """How many bytes are free, and of how many."""
        usage = shutil.disk_usage(self._folder)
        return usage.free, usage.total

    async def count_ended_jobs(self, since: float) -> JobCounts:
        """How jobs ended, from *since* on."""
        query = (
            select(jobs.c.state, func.count()).where(jobs.c.ended >= since).group_by(jobs.c.state)
        )
        counts = {row[0]: row[1] for row in await self._fetch_rows(query)}
        return JobCounts(*(counts.get(state, 0) for state in ("done", "failed", "cancelled")))

    async def get_durations(self, grouping: Grouping, since: float) -> list[DurationStats]:
        """Seconds by *grouping*, the slowest first; of stages, also those of whole jobs."""
        seconds: dict[str, list[float]] = defaultdict(list)
        column = measurements.c[grouping]
        query = select(column, measurements.c.seconds).where(
            measurements.c.at >= since, measurements.c.seconds > 0, column != ""
        )
        for name, took in await self._fetch_rows(query):
            seconds[name].append(took)
        if grouping == "stage":
            seconds[WHOLE_JOB] = await self._get_job_durations(since)
        found = [summarize_durations(name, taken) for name, taken in seconds.items() if taken]
        return sorted(found, key=lambda times: -times.median)

    async def get_spending(self, now: float) -> SpendingSummary:
        """What was spent, up to *now*; less than a day of a month counts as one."""
        day, month = get_day_start(now), get_month_start(now)
        query = select(*(_sum_dollars(since) for since in (day, month))).where(
            measurements.c.at >= month
        )
        ((today, so_far),) = await self._fetch_rows(query)
        elapsed = max((now - month) / DAY_SECONDS, 1.0)
        return SpendingSummary(today, so_far, so_far / elapsed * count_days_in_month(now))

    async def get_backend_usage(self, now: float) -> dict[str, BackendUsage]:
        """How each place was used up to *now*, by its name."""
        query = (
            select(
                measurements.c.place, _sum_dollars(get_day_start(now)), func.max(measurements.c.at)
            )
            .where(measurements.c.at >= now - USAGE_DAYS * DAY_SECONDS)
            .group_by(measurements.c.place)
        )
        return {
            place: BackendUsage(dollars, last)
            for place, dollars, last in await self._fetch_rows(query)
        }

    async def list_open_jobs(self) -> list[JobSummary]:
        """Jobs that have not ended; those that run first, then the oldest."""
        columns = (jobs.c[name] for name in ("id", "user", "state", "stage", "created", "due"))
        query = (
            select(*columns)
            .where(jobs.c.ended.is_(None))
            .order_by(case((jobs.c.state == "running", 0), else_=1), jobs.c.created)
        )
        return [JobSummary(*row) for row in await self._fetch_rows(query)]

    async def _get_job_durations(self, since: float) -> list[float]:
        took = jobs.c.ended - jobs.c.created
        query = select(took).where(jobs.c.ended >= since, jobs.c.state == "done")
        return [seconds for (seconds,) in await self._fetch_rows(query)]

    async def _fetch_rows(self, query: Executable) -> list[Row[*tuple[Any, ...]]]:
        async with self._engine.connect() as connection:
            return list(await connection.execute(query))


def _sum_dollars(since: float) -> ColumnElement[float]:
    """The sum of what was measured from *since* on."""
    return func.coalesce(
        func.sum(case((measurements.c.at >= since, measurements.c.dollars), else_=0.0)), 0.0
    )


def summarize_durations(name: str, seconds: Iterable[float]) -> DurationStats:
    """Median and p95 of *seconds*, each one of them (the nearest rank)."""
    ordered = sorted(seconds)

    def pick_rank(share: float) -> float:
        return ordered[math.ceil(share * len(ordered)) - 1]

    return DurationStats(name, len(ordered), pick_rank(0.5), pick_rank(0.95))


def get_day_start(now: float) -> float:
    """When the day of *now* began."""
    return now - now % DAY_SECONDS


def get_month_start(now: float) -> float:
    """When the month of *now* began."""
    day = datetime.fromtimestamp(get_day_start(now), UTC)
    return day.replace(day=1).timestamp()


def count_days_in_month(now: float) -> int:
    """How many the month of *now* has."""
    day = datetime.fromtimestamp(now, UTC)
    return monthrange(day.year, day.month)[1]
