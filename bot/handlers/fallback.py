"""Whatever nobody else takes: it is answered with what to send instead."""

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message

from bot.domain.job_request import Language
from bot.domain.outcomes import FailureCode
from bot.handlers.context import AddressedToBot, create_router, reply
from bot.telegram.messenger import Messenger
from bot.ui.texts import Texts

#: kinds of messages, and what is said to them; all others are Telegram's own, like a pinned one
HINT_KEYS = {
    "photo": "wrong-photo",
    "voice": "wrong-sound",
    "audio": "wrong-sound",
    "text": "wrong-text",
}
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
        "sticker",
        "story",
        "unknown",
        "venue",
    }
)


def create_fallback_router(addressed: AddressedToBot) -> Router:
    """Asked last."""
    made = create_router("strangers")
    made.message.register(explain_unknown_command, F.text.startswith("/"), addressed)
    made.message.register(
        explain_wrong_content, F.content_type.in_({*HINT_KEYS, *OTHER_CONTENT_TYPES}), addressed
    )
    made.callback_query.register(explain_expired_button)
    return made


async def explain_unknown_command(
    message: Message, messenger: Messenger, texts: Texts, language: Language
) -> None:
    """Say what we know."""
    await reply(messenger, message, texts(language, "wrong-command"))


async def explain_wrong_content(
    message: Message, messenger: Messenger, texts: Texts, language: Language
) -> None:
    """Say what to send."""
    key = HINT_KEYS.get(message.content_type)
    text = (
        texts(language, key)
        if key
        else texts.describe_failure(language, FailureCode.WRONG_KIND, {})
    )
    await reply(messenger, message, text)


async def explain_expired_button(
    query: CallbackQuery, messenger: Messenger, texts: Texts, language: Language
) -> None:
    """Say that this button is of no use any more, if it ever was."""
    await messenger.answer_callback(query.id, texts(language, "too-old"), show_alert=True)
