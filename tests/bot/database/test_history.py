"""The past over hours and days, and the audit log, on both kinds of database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.audit import AuditLog
from bot.database.engine import create_engine, get_write_engine, prepare_database
from bot.database.history import FailureGroup, History
from bot.database.schema import measurements
from settings import StorageSettings
from tests.bot.support.job_rows import keep

NOW = datetime(2026, 11, 10, 12, 30, tzinfo=UTC).timestamp()
HOUR, DAY = 3600, 86400


@pytest.fixture
async def engine(database: dict[str, str], tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An empty database of each kind."""
    address = SecretStr(database.get("DATABASE_URL", ""))
    made = create_engine(StorageSettings(folder=tmp_path, database_url=address))
    await prepare_database(made)
    yield made
    await made.dispose()


async def measure(engine: AsyncEngine, seconds: float, dollars: float, at: float) -> None:
    """Put a measure of mattes into the table."""
    values = {"stage": "mattes", "place": "modal", "seconds": seconds, "dollars": dollars, "at": at}
    async with get_write_engine(engine).begin() as connection:
        await connection.execute(measurements.insert().values(job="a", **values))


async def test_hours_count_what_ended_in_them(engine: AsyncEngine) -> None:
    """The last bucket is the hour that runs."""
    for i, (state, hours) in enumerate((("done", 0), ("done", 0), ("failed", 0), ("done", 23))):
        await keep(engine, f"{i}", state=state, ended=NOW - hours * HOUR, created=NOW - DAY)
    await keep(engine, "old", state="done", ended=NOW - 25 * HOUR)
    await keep(engine, "open")
    series = await History(engine).read(NOW, 1)
    assert series.times[-1] == NOW - HOUR / 2
    assert series.times[0] == series.times[-1] - 23 * HOUR
    assert series.done == [1, *[0] * 22, 2]
    assert series.failed == [*[0] * 23, 1]


async def test_a_stage_has_its_median_in_each_bucket(engine: AsyncEngine) -> None:
    """A month is in days; where a stage did not run, there is nothing."""
    for seconds, days in ((10, 0), (20, 0), (90, 0), (7, 2), (99, 40)):
        await measure(engine, seconds, 0, NOW - days * DAY)
    series = await History(engine).read(NOW, 30)
    assert len(series.times) == 30
    assert series.stages["mattes"] == [*[None] * 27, 7, None, 20]


async def test_the_forecast_goes_on_as_the_month_began(engine: AsyncEngine) -> None:
    """Of nine days and a half; a month before does not count."""
    await measure(engine, 0, 5.0, NOW - 5 * DAY)
    await measure(engine, 0, 4.5, NOW)
    await measure(engine, 0, 99.0, NOW - 20 * DAY)
    series = await History(engine).read(NOW, 1)
    assert len(series.month) == 30
    assert series.spent[3:5] == [0, 5]
    assert series.spent[9:] == [9.5, *[None] * 20]
    assert series.forecast[:9] == [None] * 9
    assert series.forecast[9] == 9.5
    assert series.forecast[-1] == pytest.approx(9.5 + 20 * 9.5 / (9 + 12.5 / 24))


async def test_failures_are_by_reason(engine: AsyncEngine) -> None:
    """The most frequent first, with the latest few jobs of each."""
    for number in range(7):
        await keep(engine, f"p{number}", state="failed", fault="poison", ended=NOW + number)
    await keep(engine, "b", state="failed", fault="corrupt", ended=NOW)
    await keep(engine, "old", state="failed", fault="corrupt", ended=NOW - DAY)
    await keep(engine, "done", state="done", ended=NOW)
    assert await History(engine).list_failures(NOW - HOUR) == [
        FailureGroup("poison", 7, NOW + 6, ["p6", "p5", "p4", "p3", "p2"]),
        FailureGroup("corrupt", 1, NOW, ["b"]),
    ]


async def test_the_audit_log_keeps_what_was_done(engine: AsyncEngine) -> None:
    """The latest first; a long subject is cut."""
    audit = AuditLog(engine)
    await audit.record("1", "pause", "", "done")
    await audit.record("browser", "cancel", "x" * 300, "nothing to do")
    latest, first = await audit.list_latest()
    assert (first.actor, first.action, first.outcome) == ("1", "pause", "done")
    assert (latest.actor, latest.subject) == ("browser", "x" * 200)
    assert len(await audit.list_latest(1)) == 1
