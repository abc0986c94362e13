"""The language and the last appearance of each user."""

from dataclasses import dataclass, field

from pydantic import ValidationError
from sqlalchemy import select, union

from bot.database.repository import Repository
from bot.database.schema import drafts, jobs, users
from bot.domain.job_request import Appearance, Language


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a user chose before.

    Attributes:
        language: None for a user who chose none.
        appearance: with which the next draft starts.
    """

    language: Language | None = None
    appearance: Appearance = field(default_factory=Appearance)


class UserRepository(Repository):
    """Stores one row per user."""

    async def get_preferences(self, user: int) -> Preferences:
        """Return what a user chose; the defaults for a new user."""
        query = select(users.c.language, users.c.look).where(users.c.user == user)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return Preferences()
        language = Language(row.language) if row.language in list(Language) else None
        return Preferences(language, _parse_appearance(row.look))

    async def set_language(self, user: int, language: Language) -> None:
        """Store the language of a user."""
        await self._upsert(users, {"user": user}, {"language": language.value})

    async def set_appearance(self, user: int, appearance: Appearance) -> None:
        """Store the appearance with which the next draft starts."""
        await self._upsert(users, {"user": user}, {"look": appearance.model_dump(mode="json")})

    async def reset_appearance(self, user: int) -> None:
        """Let the next draft start with the default appearance."""
        await self._upsert(users, {"user": user}, {"look": None})

    async def list_all(self) -> list[int]:
        """Return all users who sent or chose something that is still stored, in order."""
        known = union(select(users.c.user), select(jobs.c.user), select(drafts.c.user))
        async with self._engine.connect() as connection:
            return sorted(await connection.scalars(known))

    async def delete(self, user: int) -> None:
        """Forget what a user chose."""
        async with self._write_engine.begin() as connection:
            await connection.execute(users.delete().where(users.c.user == user))


def _parse_appearance(look: object) -> Appearance:
    """Return a stored appearance, or the default."""
    try:
        return Appearance() if look is None else Appearance.model_validate(look)
    except ValidationError:  # written by an older version with other choices
        return Appearance()
