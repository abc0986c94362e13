"""What jobs and measures add up to."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.engine import create_engine, get_write_engine, prepare_database
from bot.database.schema import measurements
from bot.database.statistics import (
    DAY_SECONDS,
    BackendUsage,
    DurationStats,
    JobCounts,
    SpendingSummary,
    Statistics,
    summarize_durations,
)
from settings import StorageSettings
from tests.bot.support.job_rows import keep
from tests.bot.support.postgres_server import created

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC).timestamp()  #: nine and a half days into November


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An empty database in the test's folder."""
    made = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(made)
    yield made
    await made.dispose()


@pytest.fixture
def statistics(database: AsyncEngine, tmp_path: Path) -> Statistics:
    """Of that database."""
    return Statistics(database, tmp_path)


async def measure(
    database: AsyncEngine, stage: str, place: str, seconds: float, dollars: float, at: float
) -> None:
    """Put a measure into the table."""
    values = {"stage": stage, "place": place, "seconds": seconds, "dollars": dollars, "at": at}
    async with get_write_engine(database).begin() as connection:
        await connection.execute(measurements.insert().values(job="a", **values))


async def test_without_jobs_there_is_nothing_to_say(statistics: Statistics) -> None:
    """Zeros, and no share of nothing."""
    ended = await statistics.count_ended_jobs(0)
    assert (ended.all, ended.success_rate) == (0, None)
    assert await statistics.get_durations("stage", 0) == []
    assert await statistics.get_spending(NOW) == SpendingSummary(0, 0, 0)
    assert await statistics.get_backend_usage(NOW) == {}
    assert await statistics.list_open_jobs() == []


async def test_success_counts_what_was_tried(database: AsyncEngine, statistics: Statistics) -> None:
    """Jobs that were cancelled, go on or ended before do not count."""
    for i, state in enumerate(("done", "done", "done", "failed", "cancelled")):
        await keep(database, f"{i}", state=state, ended=NOW)
    await keep(database, "old", state="failed", ended=NOW - 2 * DAY_SECONDS)
    await keep(database, "running", state="running")
    ended = await statistics.count_ended_jobs(NOW - DAY_SECONDS)
    assert ended == JobCounts(done=3, failed=1, cancelled=1)
    assert (ended.all, ended.success_rate) == (5, 0.75)


def test_median_and_p95_are_of_the_nearest_rank() -> None:
    """Each is a time that was measured."""
    assert summarize_durations("a", [7.0]) == DurationStats("a", 1, 7.0, 7.0)
    assert summarize_durations("a", map(float, range(100, 0, -1))) == DurationStats(
        "a", 100, 50.0, 95.0
    )
    assert summarize_durations("a", [1.0, 2.0, 3.0, 100.0]) == DurationStats("a", 4, 2.0, 100.0)


async def test_times_are_by_stage_and_by_place(
    database: AsyncEngine, statistics: Statistics
) -> None:
    """The slowest first; a job lasts from its order to its end."""
    for seconds in (10.0, 20.0, 30.0):
        await measure(database, "mattes", "modal", seconds, 0, NOW)
    await measure(database, "mattes", "local-cpu", 90.0, 0, NOW)
    await measure(database, "deliver", "", 1.0, 0, NOW)
    await measure(database, "render", "shotstack", 0, 0.4, NOW)  # a price and no time
    await measure(database, "mattes", "modal", 5000.0, 0, NOW - 8 * DAY_SECONDS)
    await keep(database, "a", state="done", created=NOW - 100, ended=NOW)
    await keep(database, "b", state="failed", ended=NOW + 5000)
    assert await statistics.get_durations("stage", NOW - DAY_SECONDS) == [
        DurationStats("job", 1, 100.0, 100.0),
        DurationStats("mattes", 4, 20.0, 90.0),
        DurationStats("deliver", 1, 1.0, 1.0),
    ]
    assert await statistics.get_durations("place", NOW - DAY_SECONDS) == [
        DurationStats("local-cpu", 1, 90.0, 90.0),
        DurationStats("modal", 3, 20.0, 30.0),
    ]


async def test_cost_is_of_today_and_of_this_month(
    database: AsyncEngine, statistics: Statistics
) -> None:
    """The month goes on as it did in the days that have passed."""
    await measure(database, "mattes", "modal", 1, 0.5, NOW - 3600)
    await measure(database, "compose", "shotstack", 1, 9.0, NOW - DAY_SECONDS)
    await measure(database, "mattes", "modal", 1, 70.0, NOW - 11 * DAY_SECONDS)  # in October
    cost = await statistics.get_spending(NOW)
    assert (cost.today, cost.month) == (0.5, 9.5)
    assert cost.projected == pytest.approx(9.5 / 9.5 * 30)


async def test_a_month_that_begins_is_not_projected_from_minutes(
    database: AsyncEngine, statistics: Statistics
) -> None:
    """A job right after midnight does not cost a fortune."""
    first = datetime(2026, 2, 1, 0, 1, tzinfo=UTC).timestamp()
    await measure(database, "mattes", "modal", 1, 0.5, first)
    assert await statistics.get_spending(first) == SpendingSummary(0.5, 0.5, 14.0)


async def test_uses_are_by_place(database: AsyncEngine, statistics: Statistics) -> None:
    """Dollars of today; the last time was maybe before."""
    await measure(database, "mattes", "modal", 1, 0.25, NOW - 60)
    await measure(database, "mattes", "modal", 1, 0.5, NOW - 3600)
    await measure(database, "mattes", "local-gpu", 1, 4.0, NOW - DAY_SECONDS)
    assert await statistics.get_backend_usage(NOW) == {
        "modal": BackendUsage(0.75, NOW - 60),
        "local-gpu": BackendUsage(0.0, NOW - DAY_SECONDS),
    }


async def test_active_jobs_are_those_that_have_not_ended(
    database: AsyncEngine, statistics: Statistics
) -> None:
    """Who runs comes first, then who waits longest."""
    await keep(database, "new", state="waiting", created=NOW)
    await keep(database, "old", state="parked", created=NOW - 500)
    await keep(database, "runs", state="running", created=NOW - 50, stage="mattes")
    await keep(database, "done", state="done", ended=NOW)
    found = await statistics.list_open_jobs()
    assert [job.id for job in found] == ["runs", "old", "new"]
    assert found[0].stage == "mattes"


async def test_formats_users_and_waiting_are_counted_on_both_databases(
    tmp_path: Path, postgres: str
) -> None:
    """In SQL, whose dialects read JSON in their own ways."""
    for url in ("", created(postgres, "statistics")):
        database = create_engine(StorageSettings(folder=tmp_path, database_url=SecretStr(url)))
        await prepare_database(database)
        await keep(database, "a", state="done", created=NOW, started=NOW + 5, ended=NOW + 9)
        await keep(database, "b", state="done", created=NOW, started=NOW + 7, ended=NOW + 9, user=5)
        statistics = Statistics(database, tmp_path)
        assert await statistics.count_formats(NOW) == {"video": 2}
        assert await statistics.count_users(NOW) == 2
        waiting = await statistics.get_waiting_time(NOW)
        assert waiting == DurationStats("waiting", 2, median=5, p95=7)
        assert await statistics.get_waiting_time(NOW + 10) is None
        await database.dispose()
