"""In which language somebody is answered, and where."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware, Router
from aiogram.types import InlineKeyboardMarkup, Message, TelegramObject, User

from bot.database.people import People
from bot.languages import spoken
from bot.telegram.sending import Sending


class Speaking(BaseMiddleware):
    """Gives handlers the `language` that a person chose, or else has in Telegram."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Look it up."""
        user: User | None = data.get("event_from_user")
        people: People = data["people"]
        chosen = await people.language(user.id) if user else None
        data["language"] = chosen or spoken(user.language_code if user else None)
        return await handler(event, data)


def router(name: str) -> Router:
    """One whose handlers know the language."""
    made = Router(name=name)
    for observer in (made.message, made.callback_query):
        observer.middleware(Speaking())
    return made


def topic_of(message: Message) -> int | None:
    """The topic in which a message is, if it is in one."""
    return message.message_thread_id if message.is_topic_message else None


async def reply(
    sending: Sending, message: Message, text: str, keyboard: InlineKeyboardMarkup | None = None
) -> None:
    """Answer *message*."""
    await sending.text(
        message.chat.id,
        text,
        topic=topic_of(message),
        reply_to=message.message_id,
        keyboard=keyboard,
    )
