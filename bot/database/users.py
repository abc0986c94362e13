"""Who speaks what, and which look she chose last."""

from pydantic import ValidationError
from sqlalchemy import select

from bot.database.repository import Kept
from bot.database.schema import people
from bot.domain.appearance import Look
from bot.domain.job_request import Language


class People(Kept):
    """What is known of each user."""

    async def language(self, user: int) -> Language | None:
        """The one that she chose, or that her Telegram told us before; None at first."""
        async with self._reading.connect() as connection:
            found = await connection.scalar(select(people.c.language).where(people.c.user == user))
        return Language(found) if found in list(Language) else None

    async def speak(self, user: int, language: Language) -> None:
        """Speak *language* with her from now on."""
        await self._put(people, {"user": user}, {"language": language.value})

    async def look(self, user: int) -> Look:
        """The one that she used last, or the default."""
        async with self._reading.connect() as connection:
            found = await connection.scalar(select(people.c.look).where(people.c.user == user))
        try:
            return Look() if found is None else Look.model_validate(found)
        except ValidationError:  # of an older version, which could do something else
            return Look()

    async def remember(self, user: int, look: Look) -> None:
        """Begin with *look* the next time."""
        await self._put(people, {"user": user}, {"look": look.model_dump(mode="json")})

    async def forget_look(self, user: int) -> None:
        """Begin with the default the next time."""
        await self._put(people, {"user": user}, {"look": None})
