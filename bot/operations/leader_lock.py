"""The leader lock: one process works at a time, although two overlap during a deploy."""

import asyncio
import fcntl
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.database.schema import DatabaseUnusable

log = logging.getLogger(__name__)

LOCK_FILE = "overlaybot.lock"
LEADER_LOCK_ID = 0x6F76_6C62  #: of Postgres' advisory lock; any number not used otherwise
RETRY_SECONDS = 0.3  #: between two attempts to take the lock
MAX_UNREACHABLE_SECONDS = 60.0  #: to wait for a database that cannot be reached
WATCH_SECONDS = 5.0  #: between two checks that the lock is still held
QUERY_TIMEOUT_SECONDS = 5.0  #: after which such a check has failed
DATABASE_ERRORS = (SQLAlchemyError, OSError, TimeoutError)


@asynccontextmanager
async def hold_leader_lock(
    engine: AsyncEngine,
    folder: Path,
    on_lost: Callable[[], None],
    max_unreachable: float = MAX_UNREACHABLE_SECONDS,
) -> AsyncIterator[None]:
    """Wait for the lock, and hold it until the block or the process ends.

    Args:
        engine: of the database; Postgres holds the lock for as long as a connection is open.
        folder: of the data; with SQLite, a file in it is locked.
        on_lost: called when that connection is lost, after which another process may work.
        max_unreachable: seconds to wait for a database that cannot be reached.

    Raises:
        DatabaseUnusable: the database could not be reached in that time.
    """
    if engine.dialect.name == "postgresql":
        async with _hold_postgres_lock(engine, on_lost, max_unreachable):
            yield
    else:
        async with _hold_file_lock(folder / LOCK_FILE):
            yield


@asynccontextmanager
async def _hold_file_lock(path: Path) -> AsyncIterator[None]:
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    with await asyncio.to_thread(path.open, "wb") as file:
        delay = _RetryDelay()
        while not _try_lock(file.fileno()):
            await delay.wait()
        yield


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@asynccontextmanager
async def _hold_postgres_lock(
    engine: AsyncEngine, on_lost: Callable[[], None], max_unreachable: float
) -> AsyncIterator[None]:
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    connection = await _connect_with_lock(autocommit, max_unreachable)
    watch = asyncio.create_task(_watch_lock(connection, on_lost))
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.wait({watch})
        await (
            connection.invalidate()
        )  # closes the connection instead of pooling it, which frees the lock
        await connection.close()


async def _connect_with_lock(engine: AsyncEngine, max_unreachable: float) -> AsyncConnection:
    """Return a connection that holds the lock."""
    delay, answered_at = _RetryDelay(), time.monotonic()
    while True:
        try:
            connection = await engine.connect()
            if await connection.scalar(text(f"SELECT pg_try_advisory_lock({LEADER_LOCK_ID})")):
                return connection
            await connection.close()
            answered_at = time.monotonic()
        except DATABASE_ERRORS as err:
            if time.monotonic() - answered_at > max_unreachable:
                raise DatabaseUnusable("the database of DATABASE_URL cannot be reached") from err
        await delay.wait()


async def _watch_lock(connection: AsyncConnection, on_lost: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            async with asyncio.timeout(QUERY_TIMEOUT_SECONDS):
                await connection.scalar(text("SELECT 1"))
        except DATABASE_ERRORS as err:
            log.error("the database's lock is lost: %s", type(err).__name__)  # noqa: TRY400 - the traceback of a lost connection says nothing
            on_lost()
            return


class _RetryDelay:
    """Waits between attempts, and logs the first time."""

    def __init__(self) -> None:
        self._is_logged = False

    async def wait(self) -> None:
        if not self._is_logged:
            log.info("waiting for the previous process to end, or for the database")
            self._is_logged = True
        await asyncio.sleep(RETRY_SECONDS)
