"""One process at a time works and listens, though an old and a new one overlap at a deploy."""

import asyncio
import fcntl
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

log = logging.getLogger(__name__)

FILE = "overlaybot.lock"
LOCK = 0x6F76_6C62  #: of Postgres; any number that nobody else takes in this database
LOOK_SECONDS = 0.3  #: between two looks whether the other process is gone
WATCH_SECONDS = 5.0  #: between two looks whether the lock is still ours


class LeaseLost(Exception):  # noqa: N818 - it says what happened
    """The connection that held the lock broke, so another process may work by now."""


@asynccontextmanager
async def lease(engine: AsyncEngine, folder: Path) -> AsyncIterator[None]:
    """Wait until nobody else works; until the block ends, or we die, nobody else does.

    Args:
        engine: of the database; a Postgres keeps the lock.
        folder: of the data; with SQLite a file in it is the lock.
    """
    if engine.dialect.name == "postgresql":
        async with _of_postgres(engine):
            yield
    else:
        async with _of_file(folder / FILE):
            yield


@asynccontextmanager
async def _of_file(path: Path) -> AsyncIterator[None]:
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    with await asyncio.to_thread(path.open, "wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(LOOK_SECONDS)
            else:
                break
        yield


@asynccontextmanager
async def _of_postgres(engine: AsyncEngine) -> AsyncIterator[None]:
    connection = await _locked(engine.execution_options(isolation_level="AUTOCOMMIT"))
    try:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_watch(connection))
            yield
            watch.cancel()
    finally:
        await connection.invalidate()  # closed for good, and the lock with it
        await connection.close()


async def _locked(engine: AsyncEngine) -> AsyncConnection:
    """A connection that holds the lock; a database that is away is waited for."""
    while True:
        with suppress(SQLAlchemyError, OSError):
            connection = await engine.connect()
            if await connection.scalar(text(f"SELECT pg_try_advisory_lock({LOCK})")):
                return connection
            await connection.close()
        await asyncio.sleep(LOOK_SECONDS)


async def _watch(connection: AsyncConnection) -> None:
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            await connection.scalar(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as err:
            raise LeaseLost from err
