"""The language, the last appearance and the saved styles of each user."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import ValidationError
from sqlalchemy import select, union

from bot.database.repository import Repository
from bot.database.schema import drafts, jobs, users
from bot.domain.job_request import Appearance, Language
from bot.domain.saved_styles import SavedStyle, SavedStyles


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a user chose before.

    Attributes:
        language: None for a user who chose none.
        appearance: with which the next draft starts: that of the default style, or the last one.
        styles: which the user saved.
    """

    language: Language | None = None
    appearance: Appearance = field(default_factory=Appearance)
    styles: SavedStyles = field(default_factory=SavedStyles)


class UserRepository(Repository):
    """Stores one row per user."""

    async def get_preferences(self, user: int) -> Preferences:
        """Return what a user chose; the defaults for a new user."""
        query = select(users).where(users.c.user == user)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return Preferences()
        language = Language(row.language) if row.language in list(Language) else None
        styles = _parse_styles(row.styles)
        default = styles.find(styles.default)
        return Preferences(
            language, default.look if default else _parse_appearance(row.look), styles
        )

    async def set_language(self, user: int, language: Language) -> None:
        """Store the language of a user."""
        await self._upsert(users, {"user": user}, {"language": language.value})

    async def set_appearance(self, user: int, appearance: Appearance) -> None:
        """Store the last appearance, with which the next draft starts without a default style."""
        await self._upsert(users, {"user": user}, {"look": appearance.model_dump(mode="json")})

    async def reset_appearance(self, user: int) -> None:
        """Let the next draft start with the usual appearance; no style is the default."""
        await self.change_styles(user, lambda styles: styles.set_default(None))
        await self._upsert(users, {"user": user}, {"look": None})

    async def get_styles(self, user: int) -> SavedStyles:
        """Return the styles that a user saved."""
        return (await self.get_preferences(user)).styles

    async def change_styles(
        self, user: int, change: Callable[[SavedStyles], SavedStyles]
    ) -> SavedStyles:
        """Store what *change* makes of the styles of a user, and return that.

        Raises what *change* raises; then nothing is stored.
        """
        of_user = users.c.user == user
        async with self._write_engine.begin() as connection:
            await connection.execute(self._insert(users).values(user=user).on_conflict_do_nothing())
            query = select(users.c.styles).where(of_user).with_for_update()
            styles = change(_parse_styles(await connection.scalar(query)))
            stored = styles.model_dump(mode="json")
            await connection.execute(users.update().where(of_user).values(styles=stored))
        return styles

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


def _parse_styles(stored: object) -> SavedStyles:
    """Return stored styles, without those that cannot be read any more."""
    if not isinstance(stored, dict):
        return SavedStyles()
    saved = []
    for style in stored.get("saved", []):
        with suppress(ValidationError):  # written by another version with other choices
            saved.append(SavedStyle.model_validate(style))
    return SavedStyles(saved=tuple(saved), default=stored.get("default"))
