"""What all that is kept in the database has in common."""

import secrets
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.engine import writing
from bot.database.schema import knobs

Insert = sqlite.Insert | postgresql.Insert


class Kept:
    """Something that is kept in the database."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Remember the way there; the tables must have been prepared."""
        self._reading = engine
        self._writing = writing(engine)

    def _insert(self, table: Table) -> Insert:
        """An insert that knows what to do with what is there already."""
        if self._reading.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    async def _put(self, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Write *values* into the row of *key*, which is made if it is not there."""
        insert = self._insert(table).values(**key, **values)
        async with self._writing.begin() as connection:
            await connection.execute(
                insert.on_conflict_do_update(index_elements=list(key), set_=values)
            )


def secret_id() -> str:
    """An id that cannot be guessed."""
    return secrets.token_urlsafe(12)


JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


class Knobs(Kept):
    """JSON values by name."""

    async def get(self, key: str) -> JSON:
        """What was put there; None where nothing was."""
        async with self._reading.connect() as connection:
            found: JSON = await connection.scalar(select(knobs.c.value).where(knobs.c.key == key))
        return found

    async def put(self, key: str, value: JSON) -> None:
        """Keep *value*."""
        await self._put(knobs, {"key": key}, {"value": value})
