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

from bot.database.schema import DatabaseBroken

log = logging.getLogger(__name__)

FILE = "overlaybot.lock"
LOCK = 0x6F76_6C62  #: of Postgres; any number that nobody else takes in this database
LOOK_SECONDS = 0.3  #: between two looks whether the other process is gone
AWAY_SECONDS = 60.0  #: for which a database that is away is waited for
WATCH_SECONDS = 5.0  #: between two looks whether the lock is still ours
ANSWER_SECONDS = 5.0  #: in which a database answers that is there
AWAY = (SQLAlchemyError, OSError, TimeoutError)


@asynccontextmanager
async def lease(
    engine: AsyncEngine,
    folder: Path,
    lost: Callable[[], None],
    patience: float = AWAY_SECONDS,
) -> AsyncIterator[None]:
    """Wait until nobody else works; until the block ends, or we die, nobody else does.

    Args:
        engine: of the database; a Postgres keeps the lock, as long as a connection lives.
        folder: of the data; with SQLite a file in it is the lock.
        lost: called when that connection broke, so that another process may work by now.
        patience: seconds for which a database that is away is waited for.

    Raises:
        DatabaseBroken: the database stays away.
    """
    if engine.dialect.name == "postgresql":
        async with _of_postgres(engine, lost, patience):
            yield
    else:
        async with _of_file(folder / FILE):
            yield


@asynccontextmanager
async def _of_file(path: Path) -> AsyncIterator[None]:
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    with await asyncio.to_thread(path.open, "wb") as file:
        waiting = _Waiting()
        while not _locked(file.fileno()):
            await waiting.wait()
        yield


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@asynccontextmanager
async def _of_postgres(
    engine: AsyncEngine, lost: Callable[[], None], patience: float
) -> AsyncIterator[None]:
    plain = engine.execution_options(isolation_level="AUTOCOMMIT")
    connection = await _connected(plain, patience)
    watch = asyncio.create_task(_watch(connection, lost))
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.wait({watch})
        await connection.invalidate()  # closed for good, and the lock with it
        await connection.close()


async def _connected(engine: AsyncEngine, patience: float) -> AsyncConnection:
    """A connection that holds the lock."""
    waiting, answered = _Waiting(), time.monotonic()
    while True:
        try:
            connection = await engine.connect()
            if await connection.scalar(text(f"SELECT pg_try_advisory_lock({LOCK})")):
                return connection
            await connection.close()
            answered = time.monotonic()
        except AWAY as err:
            if time.monotonic() - answered > patience:
                raise DatabaseBroken("the database of DATABASE_URL cannot be reached") from err
        await waiting.wait()


async def _watch(connection: AsyncConnection, lost: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await connection.scalar(text("SELECT 1"))
        except AWAY as err:
            log.error("the database's lock is lost: %s", type(err).__name__)  # noqa: TRY400 - its text is long
            lost()
            return


class _Waiting:
    """Waits a moment; says so the first time."""

    def __init__(self) -> None:
        self._said = False

    async def wait(self) -> None:
        if not self._said:
            log.info("waiting for the process before us to end, or for the database")
            self._said = True
        await asyncio.sleep(LOOK_SECONDS)
