"""Whether a message is for us."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypedDict

from aiogram import BaseMiddleware, Bot, Router
from aiogram.enums import ChatType
from aiogram.filters import Filter
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import InlineKeyboardMarkup, Message, TelegramObject, User

from bot.database.users import UserRepository
from bot.domain.job_request import Destination, Language, detect_language
from bot.telegram.messenger import Messenger
from bot.ui.texts import Texts

MAX_ALBUMS = 1000  #: whose other parts are for us, too


class AddressedToBot(Filter):
    """In private all is for us; in a group what mentions us, or answers what we said.

    Who speaks as a group or a channel is nobody in particular, and no button could be hers.
    """

    def __init__(self) -> None:
        """Know of no album."""
        self._albums: deque[str] = deque(maxlen=MAX_ALBUMS)

    async def __call__(self, message: Message, bot: Bot) -> bool:
        """Whether *message* is."""
        if message.from_user is None or message.from_user.is_bot or message.sender_chat:
            return False
        if message.chat.type == ChatType.PRIVATE:
            return True
        if message.media_group_id in self._albums:  # only one of its parts has a caption
            return True
        if not (_is_reply_to_bot(message, bot) or await _has_mention_of_bot(message, bot)):
            return False
        if message.media_group_id:
            self._albums.append(message.media_group_id)
        return True


def _is_reply_to_bot(message: Message, bot: Bot) -> bool:
    answered = message.reply_to_message
    return bool(answered and answered.from_user and answered.from_user.id == bot.id)


async def _has_mention_of_bot(message: Message, bot: Bot) -> bool:
    text = message.text or message.caption or ""
    name = f"@{(await bot.me()).username}".lower()
    return any(
        (entity.type == "mention" and entity.extract_from(text).lower() == name)
        or (entity.user is not None and entity.user.id == bot.id)
        for entity in message.entities or message.caption_entities or []
    )


class LanguageMiddleware(BaseMiddleware):
    """Gives handlers the `language` that a person chose, or else has in Telegram."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Look it up."""
        user: User | None = data.get("event_from_user")
        users: UserRepository = data["users"]
        chosen = await users.get_language(user.id) if user else None
        data["language"] = chosen or detect_language(user.language_code if user else None)
        return await handler(event, data)


def create_router(name: str) -> Router:
    """One whose handlers know the language."""
    made = Router(name=name)
    for observer in (made.message, made.callback_query):
        observer.middleware(LanguageMiddleware())
    return made


def get_destination(message: Message) -> Destination:
    """Return where a reply to *message* is sent."""
    topic = message.message_thread_id if message.is_topic_message else None
    return Destination(message.chat.id, topic, message.message_id)


async def reply(
    messenger: Messenger, message: Message, text: str, keyboard: InlineKeyboardMarkup | None = None
) -> None:
    """Answer *message*."""
    await messenger.send_text(get_destination(message), text, keyboard=keyboard)


class DialogState(StatesGroup):
    """The questions that we ask."""

    background = State(group_name="Waiting")  #: for the card of a draft


class DialogData(TypedDict, total=False):
    """What we remember of the question.

    Attributes:
        draft: the id of what the background is for.
        album: Telegram's name of the album that began to come as an answer.
    """

    draft: str
    album: str


#: seconds in a unit, the largest first
DURATION_UNITS = {"d": 86400, "h": 3600, "min": 60, "s": 1}


async def reply_to_admin(
    messenger: Messenger, message: Message, text: str, keyboard: InlineKeyboardMarkup | None = None
) -> None:
    """Say *text* where *message* is; a chat that does not let us is left alone."""
    await messenger.send_text(get_destination(message), text, keyboard=keyboard)


async def get_language(user: User | None, users: UserRepository) -> Language:
    """The language that *user* chose, or else has in Telegram; English where there is nobody."""
    if user is None:
        return Language.EN
    return await users.get_language(user.id) or detect_language(user.language_code)


def format_duration(texts: Texts, language: Language, seconds: float) -> str:
    """So many *seconds*, in the largest unit of which there are two."""
    unit = next((unit for unit, size in DURATION_UNITS.items() if seconds >= 2 * size), "s")
    return texts(language, "admin-span", unit=unit, count=int(seconds // DURATION_UNITS[unit]))
