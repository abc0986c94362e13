"""What jobs and measures add up to."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.engine import engine, prepare, writing
from bot.database.schema import measures
from bot.database.statistics import DAY, Cost, Ended, Statistics, Times, Use, times
from settings import Storage
from tests.bot.support.job_rows import keep

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC).timestamp()  #: nine and a half days into November


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An empty database in the test's folder."""
    made = engine(Storage(folder=tmp_path))
    await prepare(made)
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
    async with writing(database).begin() as connection:
        await connection.execute(measures.insert().values(job="a", **values))


async def test_without_jobs_there_is_nothing_to_say(statistics: Statistics) -> None:
    """Zeros, and no share of nothing."""
    ended = await statistics.ended(0)
    assert (ended.all, ended.success) == (0, None)
    assert await statistics.times("stage", 0) == []
    assert await statistics.cost(NOW) == Cost(0, 0, 0)
    assert await statistics.uses(NOW) == {}
    assert await statistics.active() == []


async def test_success_counts_what_was_tried(database: AsyncEngine, statistics: Statistics) -> None:
    """Jobs that were cancelled, go on or ended before do not count."""
    for i, state in enumerate(("done", "done", "done", "failed", "cancelled")):
        await keep(database, f"{i}", state=state, ended=NOW)
    await keep(database, "old", state="failed", ended=NOW - 2 * DAY)
    await keep(database, "running", state="running")
    ended = await statistics.ended(NOW - DAY)
    assert ended == Ended(done=3, failed=1, cancelled=1)
    assert (ended.all, ended.success) == (5, 0.75)


def test_median_and_p95_are_of_the_nearest_rank() -> None:
    """Each is a time that was measured."""
    assert times("a", [7.0]) == Times("a", 1, 7.0, 7.0)
    assert times("a", map(float, range(100, 0, -1))) == Times("a", 100, 50.0, 95.0)
    assert times("a", [1.0, 2.0, 3.0, 100.0]) == Times("a", 4, 2.0, 100.0)


async def test_times_are_by_stage_and_by_place(
    database: AsyncEngine, statistics: Statistics
) -> None:
    """The slowest first; a whole job lasts from its order to its end."""
    for seconds in (10.0, 20.0, 30.0):
        await measure(database, "mattes", "modal", seconds, 0, NOW)
    await measure(database, "mattes", "local-cpu", 90.0, 0, NOW)
    await measure(database, "deliver", "", 1.0, 0, NOW)
    await measure(database, "render", "shotstack", 0, 0.4, NOW)  # a price and no time
    await measure(database, "mattes", "modal", 5000.0, 0, NOW - 8 * DAY)
    await keep(database, "a", state="done", created=NOW - 100, ended=NOW)
    await keep(database, "b", state="failed", ended=NOW + 5000)
    assert await statistics.times("stage", NOW - DAY) == [
        Times("job", 1, 100.0, 100.0),
        Times("mattes", 4, 20.0, 90.0),
        Times("deliver", 1, 1.0, 1.0),
    ]
    assert await statistics.times("place", NOW - DAY) == [
        Times("local-cpu", 1, 90.0, 90.0),
        Times("modal", 3, 20.0, 30.0),
    ]


async def test_cost_is_of_today_and_of_this_month(
    database: AsyncEngine, statistics: Statistics
) -> None:
    """The month goes on as it did in the days that have passed."""
    await measure(database, "mattes", "modal", 1, 0.5, NOW - 3600)
    await measure(database, "compose", "shotstack", 1, 9.0, NOW - DAY)
    await measure(database, "mattes", "modal", 1, 70.0, NOW - 11 * DAY)  # in October
    cost = await statistics.cost(NOW)
    assert (cost.today, cost.month) == (0.5, 9.5)
    assert cost.projected == pytest.approx(9.5 / 9.5 * 30)


async def test_a_month_that_begins_is_not_projected_from_minutes(
    database: AsyncEngine, statistics: Statistics
) -> None:
    """A job right after midnight does not cost a fortune."""
    first = datetime(2026, 2, 1, 0, 1, tzinfo=UTC).timestamp()
    await measure(database, "mattes", "modal", 1, 0.5, first)
    assert await statistics.cost(first) == Cost(0.5, 0.5, 14.0)


async def test_uses_are_by_place(database: AsyncEngine, statistics: Statistics) -> None:
    """Dollars of today; the last time was maybe before."""
    await measure(database, "mattes", "modal", 1, 0.25, NOW - 60)
    await measure(database, "mattes", "modal", 1, 0.5, NOW - 3600)
    await measure(database, "mattes", "local-gpu", 1, 4.0, NOW - DAY)
    assert await statistics.uses(NOW) == {
        "modal": Use(0.75, NOW - 60),
        "local-gpu": Use(0.0, NOW - DAY),
    }


async def test_active_jobs_are_those_that_have_not_ended(
    database: AsyncEngine, statistics: Statistics
) -> None:
    """Who runs comes first, then who waits longest."""
    await keep(database, "new", state="waiting", created=NOW)
    await keep(database, "old", state="parked", created=NOW - 500)
    await keep(database, "runs", state="running", created=NOW - 50, stage="mattes")
    await keep(database, "done", state="done", ended=NOW)
    found = await statistics.active()
    assert [job.id for job in found] == ["runs", "old", "new"]
    assert found[0].stage == "mattes"
