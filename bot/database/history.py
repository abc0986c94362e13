"""How jobs ended, what their stages took and what they cost, over hours and days."""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import select

from bot.database.repository import Repository
from bot.database.schema import jobs, measurements
from bot.database.statistics import (
    DAY_SECONDS,
    WHOLE_JOB,
    count_days_in_month,
    get_month_start,
)

MAX_SHOWN_JOBS = 5  #: of each reason of failures


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """The jobs that failed for one reason.

    Attributes:
        reason: the fault, as in texts.
        count: how many failed.
        last: the end of the last one, in seconds since 1970.
        jobs: the ids of the last few, the newest first.
    """

    reason: str
    count: int
    last: float
    jobs: list[str]


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers over time, oldest first; all lists but those of the month are of one length.

    Attributes:
        times: the starts of the buckets, in seconds since 1970.
        done, failed: jobs that ended.
        stages: median seconds by stage; None where the stage did not run.
        month: the starts of the month's days.
        spent: dollars of the month up to the end of each day; None in the future.
        forecast: the same if each day costs as much as those before; None in the past.
    """

    times: list[float]
    done: list[int]
    failed: list[int]
    stages: dict[str, list[float | None]] = field(default_factory=dict)
    month: list[float] = field(default_factory=list)
    spent: list[float | None] = field(default_factory=list)
    forecast: list[float | None] = field(default_factory=list)


class History(Repository):
    """Reads the past of all jobs; days and months are those of UTC."""

    async def list_failures(self, since: float) -> list[FailureGroup]:
        """Return the failures from *since* on by their reason, the most frequent first."""
        query = (
            select(jobs.c.fault, jobs.c.id, jobs.c.ended)
            .where(jobs.c.state == "failed", jobs.c.ended >= since)
            .order_by(jobs.c.ended.desc())
        )
        found: dict[str, list[tuple[str, float]]] = defaultdict(list)
        async with self._engine.connect() as connection:
            for fault, job_id, ended in await connection.execute(query):
                found[fault or ""].append((job_id, ended))
        groups = (
            FailureGroup(
                reason, len(ends), ends[0][1], [job_id for job_id, _ in ends[:MAX_SHOWN_JOBS]]
            )
            for reason, ends in found.items()
        )
        return sorted(groups, key=lambda group: -group.count)

    async def read(self, now: float, days: int) -> Series:
        """Return the last *days* in buckets of an hour, or of a day where there are more than 7."""
        step = 3600 if days <= 7 else DAY_SECONDS
        count = days * DAY_SECONDS // step
        start = now // step * step - (count - 1) * step
        ended, stages = await self._count_ends(start, step, count), {}
        for stage, values in (await self._collect_stages(start, step)).items():
            stages[stage] = [
                median(values[index]) if values[index] else None for index in range(count)
            ]
        month, spent, forecast = await self._read_month(now)
        times = [start + index * step for index in range(count)]
        return Series(times, ended["done"], ended["failed"], stages, month, spent, forecast)

    async def _count_ends(self, start: float, step: int, count: int) -> dict[str, list[int]]:
        query = select(jobs.c.state, jobs.c.ended).where(jobs.c.ended >= start)
        counts = {state: [0] * count for state in ("done", "failed", "cancelled")}
        async with self._engine.connect() as connection:
            for state, ended in await connection.execute(query):
                counts[state][min(count - 1, int((ended - start) // step))] += 1
        return counts

    async def _collect_stages(
        self, start: float, step: int
    ) -> dict[str, defaultdict[int, list[float]]]:
        """Return the seconds of each stage, and of whole jobs, by the number of the bucket."""
        found: dict[str, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        columns = measurements.c.stage, measurements.c.at, measurements.c.seconds
        of_stages = select(*columns).where(measurements.c.at >= start, measurements.c.seconds > 0)
        of_jobs = select(jobs.c.ended, jobs.c.ended - jobs.c.created).where(
            jobs.c.ended >= start, jobs.c.state == "done"
        )
        async with self._engine.connect() as connection:
            for ended, seconds in await connection.execute(of_jobs):
                found[WHOLE_JOB][int((ended - start) // step)].append(seconds)
            for stage, at, seconds in await connection.execute(of_stages):
                found[stage][int((at - start) // step)].append(seconds)
        return found

    async def _read_month(
        self, now: float
    ) -> tuple[list[float], list[float | None], list[float | None]]:
        """Return the month's days, the dollars spent up to each, and the forecast from today on."""
        start, today = get_month_start(now), int((now - get_month_start(now)) // DAY_SECONDS)
        by_day = [0.0] * count_days_in_month(now)
        query = select(measurements.c.at, measurements.c.dollars).where(
            measurements.c.at >= start, measurements.c.dollars > 0
        )
        async with self._engine.connect() as connection:
            for at, dollars in await connection.execute(query):
                by_day[min(today, int((at - start) // DAY_SECONDS))] += dollars
        total = sum(by_day)
        rate = total / max((now - start) / DAY_SECONDS, 1.0)
        numbers = range(len(by_day))
        spent = [sum(by_day[: day + 1]) if day <= today else None for day in numbers]
        forecast = [None if day < today else total + rate * (day - today) for day in numbers]
        return [start + day * DAY_SECONDS for day in numbers], spent, forecast
