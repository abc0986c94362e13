"""Connects to the database: SQLite in the data folder, or Postgres by DATABASE_URL."""

import asyncio
import shutil
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.database.schema import DatabaseUnusable, migrate
from bot.database.sqlite_connection import open_connection
from settings import StorageSettings

DATABASE_FILE = "overlaybot.sqlite"


def create_engine(storage: StorageSettings) -> AsyncEngine:
    """Create an engine for the database that *storage* names; it does not connect yet.

    Raises:
        DatabaseUnusable: the address is not valid.
    """
    url = _build_url(storage)
    if url.get_backend_name() == "sqlite":
        return _create_sqlite_engine(url)
    return create_async_engine(url, pool_pre_ping=True, hide_parameters=True)


def build_system_url(storage: StorageSettings) -> str:
    """Return the address of the same database for clients that are not async."""
    url = _build_url(storage)
    if url.get_backend_name() == "sqlite":
        url = url.set(drivername="sqlite")
    return url.render_as_string(hide_password=False)


async def prepare_database(engine: AsyncEngine) -> None:
    """Check the database, and create or migrate its tables.

    Raises:
        DatabaseUnusable: it is damaged, or cannot be reached.
    """
    if engine.dialect.name == "sqlite":
        await _check_sqlite_file(engine)
    try:
        async with get_write_engine(engine).begin() as connection:
            await connection.run_sync(migrate)
    except DatabaseError as err:
        raise DatabaseUnusable(f"the database cannot be used: {_get_cause(err)}") from err
    except OSError as err:
        raise DatabaseUnusable(f"the database cannot be reached: {err.strerror or err}") from err


def get_write_engine(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine for transactions that write.

    On SQLite such a transaction waits for the lock when it begins. A transaction that reads first
    and then writes fails at once if another one holds the lock.
    """
    return engine.execution_options(writes=True)


def _build_url(storage: StorageSettings) -> URL:
    address = storage.database_url.get_secret_value()
    if not address:
        file = str((storage.folder / DATABASE_FILE).absolute())
        return URL.create("sqlite+aiosqlite", database=file)
    try:
        url = make_url(address)
    except ArgumentError as err:
        raise DatabaseUnusable("DATABASE_URL is not an address of a database") from err
    if url.drivername not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise DatabaseUnusable("DATABASE_URL must begin with postgresql://")
    return url.set(drivername="postgresql+psycopg")


def _create_sqlite_engine(url: URL) -> AsyncEngine:
    assert url.database is not None
    engine = create_async_engine(
        url, async_creator=partial(open_connection, url.database), pool_size=1, max_overflow=0
    )

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        if connection.get_execution_options().get("writes"):  # a single read needs no transaction
            connection.connection.cursor().execute("BEGIN IMMEDIATE")

    return engine


async def _check_sqlite_file(engine: AsyncEngine) -> None:
    assert engine.url.database is not None
    file = Path(engine.url.database)
    try:
        await asyncio.to_thread(file.parent.mkdir, parents=True, exist_ok=True)
    except OSError as err:
        raise DatabaseUnusable(f"DATA_DIR cannot be used: {err.strerror or err}") from err
    try:
        async with engine.connect() as connection:
            found = await connection.scalar(text("PRAGMA quick_check(1)"))
    except DatabaseError as err:
        if not _is_corrupt(err):
            raise DatabaseUnusable(f"{file.name} cannot be used: {_get_cause(err)}") from err
        found = _get_cause(err)
    if found != "ok":
        await engine.dispose()
        copy = await asyncio.to_thread(_copy_database, file)
        raise DatabaseUnusable(
            f"{file.name} is damaged ({str(found).splitlines()[0]}); a copy is kept as {copy.name}"
            f" beside it; put a backup in its place, or remove it to start without data"
        )


def _is_corrupt(err: DatabaseError) -> bool:
    return "malformed" in str(err.orig) or "not a database" in str(err.orig)


def _get_cause(err: DatabaseError) -> str:
    return str(err.orig).partition("\n")[0]


def _copy_database(file: Path) -> Path:
    """Copy *file* beside itself, unless an earlier start did; return the path of the copy."""
    copy = file.with_suffix(".broken.sqlite")
    if not copy.exists():
        shutil.copyfile(file, copy)
        log = file.with_name(file.name + "-wal")
        if log.exists():
            shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
    return copy
