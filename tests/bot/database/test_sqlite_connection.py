"""Statements on SQLite: each is one call to the connection's thread, and errors stay errors."""

from pathlib import Path

import aiosqlite
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database import engine as databases
from settings import StorageSettings


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncEngine:
    """A database with one table."""
    engine = databases.create_engine(StorageSettings(folder=tmp_path))
    async with databases.get_write_engine(engine).begin() as connection:
        await connection.execute(text("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"))
    return engine


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """All calls to the threads of connections."""
    made: list[object] = []
    execute = vars(aiosqlite.Connection)["_execute"]

    async def count_and_execute(self: aiosqlite.Connection, call: object, *args: object) -> object:
        made.append(call)
        return await execute(self, call, *args)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", count_and_execute)
    return made


async def test_a_read_is_one_call(engine: AsyncEngine, calls: list[object]) -> None:
    """No transaction is begun for it, so none is rolled back."""
    calls.clear()
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT 7, 'x'"))).one() == (7, "x")
    assert len(calls) == 1
    await engine.dispose()


async def test_a_write_is_three_calls(engine: AsyncEngine, calls: list[object]) -> None:
    """The transaction begins, the statement gives rows, the transaction ends."""
    calls.clear()
    async with databases.get_write_engine(engine).begin() as connection:
        rows = await connection.execute(text("INSERT INTO t (b) VALUES ('x') RETURNING a, b"))
        assert rows.one() == (1, "x")
    assert len(calls) == 3
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 1
    await engine.dispose()


async def test_an_error_rolls_back(engine: AsyncEngine) -> None:
    """Nothing of the transaction stays, and the connection works on."""

    async def insert_the_same_row_twice() -> None:
        async with databases.get_write_engine(engine).begin() as connection:
            await connection.execute(text("INSERT INTO t VALUES (1, 'x')"))
            await connection.execute(text("INSERT INTO t VALUES (1, 'y')"))

    with pytest.raises(IntegrityError):
        await insert_the_same_row_twice()
    async with engine.connect() as connection:
        with pytest.raises(OperationalError):
            await connection.execute(text("SELECT nothing FROM t"))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 0
    await engine.dispose()


async def test_many_rows_at_once(engine: AsyncEngine) -> None:
    """As one statement with many parameters."""
    async with databases.get_write_engine(engine).begin() as connection:
        await connection.execute(
            text("INSERT INTO t (b) VALUES (:b)"), [{"b": str(i)} for i in range(300)]
        )
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT b FROM t ORDER BY a"))
        assert [row.b for row in rows] == [str(i) for i in range(300)]
    await engine.dispose()
