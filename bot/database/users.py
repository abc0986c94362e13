"""The language and the last appearance of each user."""

from pydantic import ValidationError
from sqlalchemy import select

from bot.database.repository import Repository
from bot.database.schema import users
from bot.domain.job_request import Appearance, Language


class UserRepository(Repository):
    """Stores one row per user."""

    async def get_language(self, user: int) -> Language | None:
        """Return the stored language of a user; None for a new user."""
        async with self._engine.connect() as connection:
            language = await connection.scalar(select(users.c.language).where(users.c.user == user))
        return Language(language) if language in list(Language) else None

    async def set_language(self, user: int, language: Language) -> None:
        """Store the language of a user."""
        await self._upsert(users, {"user": user}, {"language": language.value})

    async def get_appearance(self, user: int) -> Appearance:
        """Return the last appearance of a user, or the default."""
        async with self._engine.connect() as connection:
            look = await connection.scalar(select(users.c.look).where(users.c.user == user))
        try:
            return Appearance() if look is None else Appearance.model_validate(look)
        except ValidationError:  # written by an older version with other choices
            return Appearance()

    async def set_appearance(self, user: int, appearance: Appearance) -> None:
        """Store the appearance with which the next draft starts."""
        await self._upsert(users, {"user": user}, {"look": appearance.model_dump(mode="json")})

    async def reset_appearance(self, user: int) -> None:
        """Let the next draft start with the default appearance."""
        await self._upsert(users, {"user": user}, {"look": None})
