"""Small settings that admins change while the bot runs."""

from sqlalchemy import select

from bot.database.kept import Kept
from bot.database.tables import knobs

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
