"""What all that is kept in the database has in common."""

import secrets
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.engine import get_write_engine
from bot.database.schema import key_values

Insert = sqlite.Insert | postgresql.Insert


class Repository:
    """Something that is kept in the database."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Remember the way there; the tables must have been prepared."""
        self._engine = engine
        self._write_engine = get_write_engine(engine)

    def _insert(self, table: Table) -> Insert:
        """An insert that knows what to do with what is there already."""
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    async def _upsert(self, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Write *values* into the row of *key*, which is made if it is not there."""
        insert = self._insert(table).values(**key, **values)
        async with self._write_engine.begin() as connection:
            await connection.execute(
                insert.on_conflict_do_update(index_elements=list(key), set_=values)
            )


def generate_id() -> str:
    """An id that cannot be guessed."""
    return secrets.token_urlsafe(12)


JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class KeyValueStore(Repository):
    """JSON values by name."""

    async def get(self, key: str) -> JsonValue:
        """What was put there; None where nothing was."""
        async with self._engine.connect() as connection:
            found: JsonValue = await connection.scalar(
                select(key_values.c.value).where(key_values.c.key == key)
            )
        return found

    async def put(self, key: str, value: JsonValue) -> None:
        """Keep *value*."""
        await self._upsert(key_values, {"key": key}, {"value": value})
