"""Whatever nobody else takes: it is answered with what to send instead."""

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message

from bot.domain.job_request import Language
from bot.domain.outcomes import Fault
from bot.handlers.context import Addressed, reply, router
from bot.telegram.messenger import Sending
from bot.ui.texts import Texts

#: kinds of messages, and what is said to them; all others are Telegram's own, like a pinned one
ANSWERS = {
    "photo": "wrong-photo",
    "voice": "wrong-sound",
    "audio": "wrong-sound",
    "text": "wrong-text",
}
OTHERS = frozenset(
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


def strangers_router(addressed: Addressed) -> Router:
    """Asked last."""
    made = router("strangers")
    made.message.register(wrong_command, F.text.startswith("/"), addressed)
    made.message.register(wrong, F.content_type.in_({*ANSWERS, *OTHERS}), addressed)
    made.callback_query.register(old)
    return made


async def wrong_command(
    message: Message, sending: Sending, texts: Texts, language: Language
) -> None:
    """Say what we know."""
    await reply(sending, message, texts(language, "wrong-command"))


async def wrong(message: Message, sending: Sending, texts: Texts, language: Language) -> None:
    """Say what to send."""
    key = ANSWERS.get(message.content_type)
    text = texts(language, key) if key else texts.fault(language, Fault.WRONG_KIND, {})
    await reply(sending, message, text)


async def old(query: CallbackQuery, sending: Sending, texts: Texts, language: Language) -> None:
    """Say that this button is of no use any more, if it ever was."""
    await sending.answer(query.id, texts(language, "too-old"), alert=True)
