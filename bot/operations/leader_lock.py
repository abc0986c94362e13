"""One process at a time works and listens, though an old and a new one overlap at a deploy."""

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
LEADER_LOCK_ID = 0x6F76_6C62  #: of Postgres; any number that nobody else takes in this database
RETRY_SECONDS = 0.3  #: between two looks whether the other process is gone
MAX_UNREACHABLE_SECONDS = 60.0  #: for which a database that is away is waited for
WATCH_SECONDS = 5.0  #: between two looks whether the lock is still ours
QUERY_TIMEOUT_SECONDS = 5.0  #: in which a database answers that is there
DATABASE_ERRORS = (SQLAlchemyError, OSError, TimeoutError)


@asynccontextmanager
async def hold_leader_lock(
    engine: AsyncEngine,
    folder: Path,
    on_lost: Callable[[], None],
    max_unreachable: float = MAX_UNREACHABLE_SECONDS,
) -> AsyncIterator[None]:
    """Wait until nobody else works; until the block ends, or we die, nobody else does.

    Args:
        engine: of the database; a Postgres keeps the lock, as long as a connection lives.
        folder: of the data; with SQLite a file in it is the lock.
        on_lost: called when that connection broke, so that another process may work by now.
        max_unreachable: seconds for which a database that is away is waited for.

    Raises:
        DatabaseBroken: the database stays away.
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
        waiting = _RetryDelay()
        while not _try_lock(file.fileno()):
            await waiting.wait()
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
    plain = engine.execution_options(isolation_level="AUTOCOMMIT")
    connection = await _connect_with_lock(plain, max_unreachable)
    watch = asyncio.create_task(_watch_lock(connection, on_lost))
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.wait({watch})
        await connection.invalidate()  # closed for good, and the lock with it
        await connection.close()


async def _connect_with_lock(engine: AsyncEngine, max_unreachable: float) -> AsyncConnection:
    """A connection that holds the lock."""
    waiting, answered = _RetryDelay(), time.monotonic()
    while True:
        try:
            connection = await engine.connect()
            if await connection.scalar(text(f"SELECT pg_try_advisory_lock({LEADER_LOCK_ID})")):
                return connection
            await connection.close()
            answered = time.monotonic()
        except DATABASE_ERRORS as err:
            if time.monotonic() - answered > max_unreachable:
                raise DatabaseUnusable("the database of DATABASE_URL cannot be reached") from err
        await waiting.wait()


async def _watch_lock(connection: AsyncConnection, on_lost: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            async with asyncio.timeout(QUERY_TIMEOUT_SECONDS):
                await connection.scalar(text("SELECT 1"))
        except DATABASE_ERRORS as err:
            log.error("the database's lock is lost: %s", type(err).__name__)  # noqa: TRY400 - its text is long
            on_lost()
            return


class _RetryDelay:
    """Waits a moment; says so the first time."""

    def __init__(self) -> None:
        self._is_logged = False

    async def wait(self) -> None:
        if not self._is_logged:
            log.info("waiting for the process before us to end, or for the database")
            self._is_logged = True
        await asyncio.sleep(RETRY_SECONDS)
