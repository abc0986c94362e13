"""Answers what no other handler takes, with what to send instead, and what a handler failed at."""

from aiogram import F, Router
from aiogram.enums import ChatType
from aiogram.types import CallbackQuery, Message, Update

from bot.domain.job_request import detect_language
from bot.domain.outcomes import FailureCode
from bot.handlers.context import AddressedToBot, Conversation, create_router, get_destination
from bot.telegram.messenger import Messenger
from bot.ui.texts import Texts

#: text by content type
HINT_KEYS = {
    "voice": "wrong-sound",
    "audio": "wrong-sound",
    "text": "wrong-text",
}
#: content types with one common text; all others are service messages, like a pinned message
OTHER_CONTENT_TYPES = frozenset(
    {
        "checklist",
        "contact",
        "dice",
        "document",
        "game",
        "location",
        "paid_media",
        "poll",
        "rich_message",
        "sticker",
        "story",
        "unknown",
        "venue",
    }
)


def create_fallback_router(addressed: AddressedToBot) -> Router:
    """Create the router that is asked last."""
    router = create_router("fallback")
    router.message.register(explain_unknown_command, F.text.startswith("/"), addressed)
    router.message.register(
        explain_wrong_content, F.content_type.in_({*HINT_KEYS, *OTHER_CONTENT_TYPES}), addressed
    )
    router.callback_query.register(explain_expired_button)
    return router


async def explain_unknown_command(message: Message, conversation: Conversation) -> None:
    """List the commands that exist."""
    await conversation.reply(message, conversation.text("wrong-command"))


async def explain_wrong_content(message: Message, conversation: Conversation) -> None:
    """Explain what to send instead."""
    if key := HINT_KEYS.get(message.content_type):
        text = conversation.text(key)
    else:
        text = conversation.describe_failure(FailureCode.WRONG_KIND)
    await conversation.reply(message, text)


async def explain_expired_button(query: CallbackQuery, conversation: Conversation) -> None:
    """Explain that the button does nothing any more."""
    await conversation.alert(query, conversation.text("too-old"))


class FailureReply:
    """Tells a user that their update could not be handled, without the database."""

    def __init__(self, messenger: Messenger, texts: Texts) -> None:
        self._messenger, self._texts = messenger, texts

    async def __call__(self, update: Update) -> None:
        """Answer a press, and what was written in private; groups may not have meant the bot."""
        event = update.callback_query or update.message or update.edited_message
        if event is None or event.from_user is None:
            return
        text = self._texts(detect_language(event.from_user.language_code), "failed-here")
        if isinstance(event, CallbackQuery):
            await self._messenger.answer_callback(event.id, text, show_alert=True)
        elif event.chat.type == ChatType.PRIVATE:
            await self._messenger.send_text(get_destination(event), text)
