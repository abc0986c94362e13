"""The look with which the next video begins."""

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot.buttons import Reset
from bot.captions import said_of
from bot.database.people import People
from bot.handlers.speaking import reply, router
from bot.keyboards import Keyboards
from bot.languages import Language
from bot.telegram.sending import Sending
from bot.texts import Texts


def style_router() -> Router:
    """Shows it, and goes back to the usual one."""
    made = router("style")
    made.message.register(style, Command("style"))
    made.callback_query.register(reset, Reset.filter())
    return made


async def style(
    message: Message,
    sending: Sending,
    texts: Texts,
    language: Language,
    people: People,
    keyboards: Keyboards,
) -> None:
    """Say how it looks."""
    user = message.from_user
    if user is None:  # a channel
        return
    text = texts(language, "style-shown", **said_of(await people.look(user.id)))
    await reply(sending, message, text, keyboards.style(language))


async def reset(
    query: CallbackQuery, sending: Sending, texts: Texts, language: Language, people: People
) -> None:
    """Forget the look of whoever presses."""
    await people.forget_look(query.from_user.id)
    await sending.answer(query.id)
    if under := query.message:
        text = texts(language, "style-reset")
        await sending.edit_text(under.chat.id, under.message_id, text)
