"""How numbers are said to admins, and in which language."""

from aiogram.types import User

from bot.database.people import People
from bot.languages import Language, spoken
from bot.texts import Texts

#: seconds in a unit, the largest first
UNITS = {"d": 86400, "h": 3600, "min": 60, "s": 1}


async def language_of(user: User | None, people: People) -> Language:
    """The language that *user* chose, or else has in Telegram; English where there is nobody."""
    if user is None:
        return Language.EN
    return await people.language(user.id) or spoken(user.language_code)


def span(texts: Texts, language: Language, seconds: float) -> str:
    """So many *seconds*, in the largest unit of which there are two."""
    unit = next((unit for unit, size in UNITS.items() if seconds >= 2 * size), "s")
    return texts(language, "admin-span", unit=unit, count=int(seconds // UNITS[unit]))
