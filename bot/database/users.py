"""Who speaks what, and which look she chose last."""

from pydantic import ValidationError
from sqlalchemy import select

from bot.database.repository import Repository
from bot.database.schema import users
from bot.domain.appearance import Appearance
from bot.domain.job_request import Language


class UserRepository(Repository):
    """What is known of each user."""

    async def get_language(self, user: int) -> Language | None:
        """The one that she chose, or that her Telegram told us before; None at first."""
        async with self._engine.connect() as connection:
            found = await connection.scalar(select(users.c.language).where(users.c.user == user))
        return Language(found) if found in list(Language) else None

    async def set_language(self, user: int, language: Language) -> None:
        """Speak *language* with her from now on."""
        await self._upsert(users, {"user": user}, {"language": language.value})

    async def get_appearance(self, user: int) -> Appearance:
        """The one that she used last, or the default."""
        async with self._engine.connect() as connection:
            found = await connection.scalar(select(users.c.look).where(users.c.user == user))
        try:
            return Appearance() if found is None else Appearance.model_validate(found)
        except ValidationError:  # of an older version, which could do something else
            return Appearance()

    async def set_appearance(self, user: int, appearance: Appearance) -> None:
        """Begin with *appearance* the next time."""
        await self._upsert(users, {"user": user}, {"look": appearance.model_dump(mode="json")})

    async def reset_appearance(self, user: int) -> None:
        """Begin with the default the next time."""
        await self._upsert(users, {"user": user}, {"look": None})
