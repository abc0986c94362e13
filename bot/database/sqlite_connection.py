"""Connects to SQLite with one call to the connection's thread for a statement and its rows."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, Self

import aiosqlite

LOCK_TIMEOUT_SECONDS = 60  #: seconds that a statement waits for a lock
ITERATION_ROWS = 64  #: aiosqlite wants it; we read all rows at once

#: what a statement takes
Parameters = Sequence[Any]


async def open_connection(file: str) -> "QuickConnection":
    """Open a connection that leaves all transactions to its user."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(file, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        return connection

    connection = QuickConnection(connect, ITERATION_ROWS)
    await connection
    return connection


class QuickConnection(aiosqlite.Connection):
    """A connection whose statements take a single call to its thread.

    aiosqlite makes four: it opens a cursor, runs the statement, reads the rows and closes the
    cursor. Each call costs the process about a tenth of a millisecond, and an update of a user
    takes a dozen statements.
    """

    def cursor(self) -> "QuickCursor":  # type: ignore[override] # SQLAlchemy takes any cursor
        """Return a cursor; no call is made."""
        return QuickCursor(self)

    async def rollback(self) -> None:
        """Roll the transaction back; no call is made where there is none, as after a read."""
        if self.in_transaction:
            await super().rollback()

    async def run(self, work: Callable[[sqlite3.Cursor], object]) -> "StatementResult":
        """Call *work* with a cursor, and return what it left in it."""

        def run_and_read() -> StatementResult:
            with closing(self._conn.cursor()) as cursor:
                work(cursor)
                return StatementResult(cursor)

        result: StatementResult = await self._execute(run_and_read)  # type: ignore[no-untyped-call]
        return result


class StatementResult:
    """What a statement left in its cursor: all rows, and the attributes of PEP 249."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.description = cursor.description
        self.rows = cursor.fetchall() if cursor.description else []
        self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid


class QuickCursor:
    """The part of an asynchronous cursor that SQLAlchemy uses."""

    arraysize = 1

    def __init__(self, connection: QuickConnection) -> None:
        self._connection = connection
        self._result: StatementResult | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Parameters = ()) -> None:
        """Run a statement, and read its rows."""
        self._result = await self._connection.run(lambda c: c.execute(statement, parameters))

    async def executemany(self, statement: str, parameters: Sequence[Parameters]) -> None:
        """Run a statement for each of *parameters*."""
        self._result = await self._connection.run(lambda c: c.executemany(statement, parameters))

    async def fetchall(self) -> list[Any]:
        """Return the rows."""
        return self._result.rows if self._result else []

    async def close(self) -> None:
        """Do nothing: the cursor of the database is closed."""

    @property
    def description(self) -> Any:
        """See PEP 249."""
        return self._result.description if self._result else None

    @property
    def rowcount(self) -> int:
        """See PEP 249."""
        return self._result.rowcount if self._result else -1

    @property
    def lastrowid(self) -> int | None:
        """See PEP 249."""
        return self._result.lastrowid if self._result else None
