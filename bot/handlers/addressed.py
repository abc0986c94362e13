"""Whether a message is for us."""

from collections import deque

from aiogram import Bot
from aiogram.enums import ChatType
from aiogram.filters import Filter
from aiogram.types import Message

ALBUMS = 1000  #: whose other parts are for us, too


class Addressed(Filter):
    """In private all is for us; in a group what mentions us, or answers what we said.

    Who speaks as a group or a channel is nobody in particular, and no button could be hers.
    """

    def __init__(self) -> None:
        """Know of no album."""
        self._albums: deque[str] = deque(maxlen=ALBUMS)

    async def __call__(self, message: Message, bot: Bot) -> bool:
        """Whether *message* is."""
        if message.from_user is None or message.from_user.is_bot or message.sender_chat:
            return False
        if message.chat.type == ChatType.PRIVATE:
            return True
        if message.media_group_id in self._albums:  # only one of its parts has a caption
            return True
        if not (_answers(message, bot) or await _mentions(message, bot)):
            return False
        if message.media_group_id:
            self._albums.append(message.media_group_id)
        return True


def _answers(message: Message, bot: Bot) -> bool:
    answered = message.reply_to_message
    return bool(answered and answered.from_user and answered.from_user.id == bot.id)


async def _mentions(message: Message, bot: Bot) -> bool:
    text = message.text or message.caption or ""
    name = f"@{(await bot.me()).username}".lower()
    return any(
        (entity.type == "mention" and entity.extract_from(text).lower() == name)
        or (entity.user is not None and entity.user.id == bot.id)
        for entity in message.entities or message.caption_entities or []
    )
