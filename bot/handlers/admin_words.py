"""How things are said to admins, and in which language."""

from aiogram.types import InlineKeyboardMarkup, Message, User

from bot.database.people import People
from bot.languages import Language, spoken
from bot.telegram.sending import Sending
from bot.texts import Texts

#: seconds in a unit, the largest first
UNITS = {"d": 86400, "h": 3600, "min": 60, "s": 1}


async def answer(
    sending: Sending, message: Message, text: str, keyboard: InlineKeyboardMarkup | None = None
) -> None:
    """Say *text* where *message* is; a chat that does not let us is left alone."""
    topic = message.message_thread_id if message.is_topic_message else None
    await sending.text(
        message.chat.id, text, topic=topic, reply_to=message.message_id, keyboard=keyboard
    )


async def language_of(user: User | None, people: People) -> Language:
    """The language that *user* chose, or else has in Telegram; English where there is nobody."""
    if user is None:
        return Language.EN
    return await people.language(user.id) or spoken(user.language_code)


def span(texts: Texts, language: Language, seconds: float) -> str:
    """So many *seconds*, in the largest unit of which there are two."""
    unit = next((unit for unit, size in UNITS.items() if seconds >= 2 * size), "s")
    return texts(language, "admin-span", unit=unit, count=int(seconds // UNITS[unit]))
