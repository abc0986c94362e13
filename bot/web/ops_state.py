"""What the operator's dashboard shows, read from where the bot keeps it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from bot.database.audit import AuditLog
from bot.database.history import History
from bot.database.statistics import DAY_SECONDS, Statistics, get_day_start
from bot.jobs.supervisor import JobSupervisor, QueueEntry
from bot.operations.backend_pool import BackendHealth, BackendPool
from bot.operations.intake import Intake

FRESH_SECONDS = 0.4  #: for which a reading serves all open pages
SUMMARY_SECONDS = 2.0  #: the same for what scans many rows
FAILURE_DAYS = 7
HISTORY_DAYS = (1, 7, 30)  #: periods of the charts

State = dict[str, Any]  #: what a page receives as JSON


@dataclass(frozen=True, slots=True)
class OpsSources:
    """What is read.

    Attributes:
        jobs: those that run and wait in this process.
        backend_pool: the backends.
        intake: whether new jobs are accepted.
        statistics, history, audit: of the database.
        budget: dollars a month for paid renderers; None for no limit.
        get_booked: returns the dollars of that budget that are spent.
        versions: of the bot and of FFmpeg, by name.
    """

    jobs: JobSupervisor
    backend_pool: BackendPool
    intake: Intake
    statistics: Statistics
    history: History
    audit: AuditLog
    budget: float | None
    get_booked: Callable[[], float]
    versions: Mapping[str, str]


class OpsState:
    """Reads the state once for all pages that are open."""

    def __init__(self, sources: OpsSources) -> None:
        self._sources = sources
        self._state: State = {}
        self._summary: State = {}
        self._read_at = self._summed_at = float("-inf")
        self._reading = asyncio.Lock()

    def invalidate(self) -> None:
        """Have everything read again: an action changed it."""
        self._read_at = self._summed_at = float("-inf")

    async def read(self) -> State:
        """Return the state; times are in seconds since 1970, durations in seconds."""
        async with self._reading:
            now = time.monotonic()
            if now - self._summed_at > SUMMARY_SECONDS:
                self._summed_at, self._summary = now, await self._summarize()
            if now - self._read_at > FRESH_SECONDS:
                self._read_at, self._state = now, await self._read_now()
            return self._state

    async def read_history(self, days: int) -> State:
        """Return the series of the charts."""
        series = await self._sources.history.read(time.time(), days)
        return {**asdict(series), "budget": self._sources.budget}

    async def _read_now(self) -> State:
        usage = self._summary["usage"]
        backends = [
            self._describe_backend(health, usage.get(health.name, {}))
            for health in self._sources.backend_pool.get_health()
        ]
        return {
            "jobs": await self._list_jobs(),
            "paused": self._sources.intake.is_paused,
            "backends": backends,
            "summary": {name: value for name, value in self._summary.items() if name != "usage"},
            "machine": self._summary["machine"],
        }

    async def _list_jobs(self) -> list[State]:
        """Return the open jobs; how far they are is known of those of this process."""
        active = {entry.job.id: entry for entry in self._sources.jobs.list_queue()}
        return [
            asdict(job) | _describe_progress(active.get(job.id))
            for job in await self._sources.statistics.list_open_jobs()
        ]

    def _describe_backend(self, health: BackendHealth, usage: Mapping[str, float]) -> State:
        return {
            "name": health.name,
            "state": health.state,
            "why": health.unavailable_because,
            "cooldown": round(health.cooldown_seconds),
            "speeds": dict(health.speeds),
            "price": health.price,
            "dollars": usage.get("dollars", 0.0),
            "last_used": usage.get("last_used", 0.0),
            "cold_starts": self._sources.jobs.cold_starts[health.name],
        }

    async def _summarize(self) -> State:
        """Return what scans many rows, and the machine."""
        sources, now = self._sources, time.time()
        free, total = sources.statistics.get_disk_usage()
        usage = await sources.statistics.get_backend_usage(now)
        failures = await sources.history.list_failures(now - FAILURE_DAYS * DAY_SECONDS)
        spending = asdict(await sources.statistics.get_spending(now))
        return {
            "usage": {name: asdict(one) for name, one in usage.items()},
            "today": asdict(await sources.statistics.count_ended_jobs(get_day_start(now))),
            "failures": [asdict(group) for group in failures],
            "audit": [asdict(entry) for entry in await sources.audit.list_latest()],
            "spending": spending | {"budget": sources.budget, "booked": sources.get_booked()},
            "machine": {
                "disk_free": free,
                "disk_total": total,
                "memory": psutil.Process().memory_info().rss,
                **sources.versions,
            },
        }


def _describe_progress(entry: QueueEntry | None) -> State:
    if entry is None:
        return {"share": None, "backend": ""}
    return {"share": entry.share, "backend": entry.backend}
