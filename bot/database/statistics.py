"""Durations and costs of the stages of jobs, and statistics of them."""

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
    """Stores one row per stage of a job and backend that worked at it."""

    async def record_stage(
        self, job: str, stage: str, backend: str, seconds: float, dollars: float = 0
    ) -> None:
        """Store the seconds and the dollars that *backend* took for *stage* of *job*."""
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


DAY_SECONDS = 86400
USAGE_DAYS = 30  #: days for which the last use of a backend is looked up
Grouping = Literal["stage", "place"]
WHOLE_JOB = "job"  #: the stage name for the time from *Make it* to the result


@dataclass(frozen=True, slots=True)
class JobCounts:
    """How many jobs ended in each way."""

    done: int
    failed: int
    cancelled: int

    @property
    def all(self) -> int:
        """The number of all jobs."""
        return self.done + self.failed + self.cancelled

    @property
    def success_rate(self) -> float | None:
        """The share of done jobs, without cancelled ones; None if there are no jobs."""
        total = self.done + self.failed
        return self.done / total if total else None


@dataclass(frozen=True, slots=True)
class DurationStats:
    """Seconds of a stage or a backend: the median and the 95th percentile."""

    name: str
    count: int
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class SpendingSummary:
    """Dollars; *projected* is the month if its other days cost as much as those before."""

    today: float
    month: float
    projected: float


@dataclass(frozen=True, slots=True)
class BackendUsage:
    """The dollars of a backend today, and its last use, in seconds since 1970."""

    dollars: float
    last_used: float


@dataclass(frozen=True, slots=True)
class JobSummary:
    """An open job; times are in seconds since 1970."""

    id: str
    user: int
    state: str
    stage: str
    created: float
    due: float


class Statistics:
    """Computes statistics of jobs and measurements; days and months are those of UTC."""

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        """Store the sources.

        Args:
            engine: of the database.
            folder: the data folder, whose disk is measured.
        """
        self._engine = engine
        self._folder = folder

    def get_disk_usage(self) -> tuple[int, int]:
        """Return the free and the total bytes of the disk."""
        usage = shutil.disk_usage(self._folder)
        return usage.free, usage.total

    async def count_ended_jobs(self, since: float) -> JobCounts:
        """Return how the jobs ended that ended from *since* on."""
        query = (
            select(jobs.c.state, func.count()).where(jobs.c.ended >= since).group_by(jobs.c.state)
        )
        counts = {row[0]: row[1] for row in await self._fetch_rows(query)}
        return JobCounts(*(counts.get(state, 0) for state in ("done", "failed", "cancelled")))

    async def count_users(self, since: float) -> int:
        """Return how many users ordered something from *since* on."""
        query = select(func.count(jobs.c.user.distinct())).where(jobs.c.created >= since)
        ((count,),) = await self._fetch_rows(query)
        return int(count)

    async def count_formats(self, since: float) -> dict[str, int]:
        """Return how many results of each format were delivered, the most frequent first."""
        form = jobs.c.order["form"].as_string().label("form")
        query = (
            select(form, func.count())
            .where(jobs.c.ended >= since, jobs.c.state == "done")
            .group_by("form")  # by its label: Postgres does not see that two parameters are equal
            .order_by(func.count().desc())
        )
        return {row[0]: row[1] for row in await self._fetch_rows(query)}

    async def get_waiting_time(self, since: float) -> DurationStats | None:
        """Return how long jobs waited that began from *since* on; None if there are none."""
        query = select(jobs.c.started - jobs.c.created).where(jobs.c.started >= since)
        seconds = [row[0] for row in await self._fetch_rows(query)]
        return summarize_durations("waiting", seconds) if seconds else None

    async def get_durations(self, grouping: Grouping, since: float) -> list[DurationStats]:
        """Return durations by *grouping*, the slowest first; by stage also those of jobs."""
        seconds: dict[str, list[float]] = defaultdict(list)
        column = measurements.c[grouping]
        query = select(column, measurements.c.seconds).where(
            measurements.c.at >= since, measurements.c.seconds > 0, column != ""
        )
        for name, duration in await self._fetch_rows(query):
            seconds[name].append(duration)
        if grouping == "stage":
            seconds[WHOLE_JOB] = await self._get_job_durations(since)
        stats = [summarize_durations(name, values) for name, values in seconds.items() if values]
        return sorted(stats, key=lambda one: -one.median)

    async def get_spending(self, now: float) -> SpendingSummary:
        """Return the spending up to *now*; on its first day a month counts as a day."""
        day, month = get_day_start(now), get_month_start(now)
        query = select(*(_sum_dollars(since) for since in (day, month))).where(
            measurements.c.at >= month
        )
        ((today, so_far),) = await self._fetch_rows(query)
        elapsed = max((now - month) / DAY_SECONDS, 1.0)
        return SpendingSummary(today, so_far, so_far / elapsed * count_days_in_month(now))

    async def get_backend_usage(self, now: float) -> dict[str, BackendUsage]:
        """Return the usage of each backend up to *now*, by name."""
        query = (
            select(
                measurements.c.place, _sum_dollars(get_day_start(now)), func.max(measurements.c.at)
            )
            .where(measurements.c.at >= now - USAGE_DAYS * DAY_SECONDS)
            .group_by(measurements.c.place)
        )
        return {
            backend: BackendUsage(dollars, last)
            for backend, dollars, last in await self._fetch_rows(query)
        }

    async def list_open_jobs(self) -> list[JobSummary]:
        """Return open jobs: running ones first, then by age."""
        columns = (jobs.c[name] for name in ("id", "user", "state", "stage", "created", "due"))
        query = (
            select(*columns)
            .where(jobs.c.ended.is_(None))
            .order_by(case((jobs.c.state == "running", 0), else_=1), jobs.c.created)
        )
        return [JobSummary(*row) for row in await self._fetch_rows(query)]

    async def _get_job_durations(self, since: float) -> list[float]:
        duration = jobs.c.ended - jobs.c.created
        query = select(duration).where(jobs.c.ended >= since, jobs.c.state == "done")
        return [seconds for (seconds,) in await self._fetch_rows(query)]

    async def _fetch_rows(self, query: Executable) -> list[Row[*tuple[Any, ...]]]:
        async with self._engine.connect() as connection:
            return list(await connection.execute(query))


def _sum_dollars(since: float) -> ColumnElement[float]:
    """Return the sum of the dollars from *since* on."""
    return func.coalesce(
        func.sum(case((measurements.c.at >= since, measurements.c.dollars), else_=0.0)), 0.0
    )


def summarize_durations(name: str, seconds: Iterable[float]) -> DurationStats:
    """Return the median and the 95th percentile of *seconds*, by the nearest-rank method."""
    ordered = sorted(seconds)

    def pick_rank(share: float) -> float:
        return ordered[math.ceil(share * len(ordered)) - 1]

    return DurationStats(name, len(ordered), pick_rank(0.5), pick_rank(0.95))


def get_day_start(now: float) -> float:
    """Return the start of the day of *now*."""
    return now - now % DAY_SECONDS


def get_month_start(now: float) -> float:
    """Return the start of the month of *now*."""
    day = datetime.fromtimestamp(get_day_start(now), UTC)
    return day.replace(day=1).timestamp()


def count_days_in_month(now: float) -> int:
    """Return the number of days in the month of *now*."""
    day = datetime.fromtimestamp(now, UTC)
    return monthrange(day.year, day.month)[1]
