"""The base of all repositories, and a store of JSON values."""

import secrets
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.engine import get_write_engine
from bot.database.schema import key_values

Insert = sqlite.Insert | postgresql.Insert


class Repository:
    """Reads and writes some tables of the database."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Use *engine*; the tables must exist."""
        self._engine = engine
        self._write_engine = get_write_engine(engine)

    def _insert(self, table: Table) -> Insert:
        """Return an insert with an ON CONFLICT clause, which both databases have."""
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    async def _upsert(self, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Write *values* into the row of *key*; insert the row if there is none."""
        insert = self._insert(table).values(**key, **values)
        async with self._write_engine.begin() as connection:
            await connection.execute(
                insert.on_conflict_do_update(index_elements=list(key), set_=values)
            )


def generate_id() -> str:
    """Return a new id that cannot be guessed."""
    return secrets.token_urlsafe(12)


JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class KeyValueStore(Repository):
    """Stores JSON values by key."""

    async def get(self, key: str) -> JsonValue:
        """Return the value of *key*; None if there is none."""
        async with self._engine.connect() as connection:
            value: JsonValue = await connection.scalar(
                select(key_values.c.value).where(key_values.c.key == key)
            )
        return value

    async def put(self, key: str, value: JsonValue) -> None:
        """Store *value* under *key*."""
        await self._upsert(key_values, {"key": key}, {"value": value})
