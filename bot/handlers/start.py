"""Who we are, and which language we speak."""

from aiogram import Bot, Router
from aiogram.filters import Command, CommandStart
from aiogram.fsm.context import FSMContext
from aiogram.types import BotCommand, CallbackQuery, Message

from bot.buttons import Speak
from bot.database.people import People
from bot.handlers.speaking import reply, router
from bot.keyboards import Keyboards
from bot.languages import Language
from bot.telegram.limits import MB, Limits
from bot.telegram.sending import Sending
from bot.texts import Texts

MENU = ("start", "help", "style", "cancel", "language")


def start_router() -> Router:
    """First words, help, and the choice of a language."""
    made = router("start")
    made.message.register(start, CommandStart())
    made.message.register(help_, Command("help"))
    made.message.register(ask_language, Command("language"))
    made.callback_query.register(speak, Speak.filter())
    return made


async def start(
    message: Message, sending: Sending, texts: Texts, language: Language, state: FSMContext
) -> None:
    """Say what to do; whatever was asked is asked no more."""
    await state.clear()
    await reply(sending, message, texts(language, "start"))


async def help_(
    message: Message, sending: Sending, texts: Texts, language: Language, limits: Limits
) -> None:
    """Say all that can be done."""
    megabytes = (limits.download or 0) // MB
    text = texts(language, "help", megabytes=megabytes, seconds=limits.clip_seconds)
    await reply(sending, message, text)


async def ask_language(
    message: Message, sending: Sending, texts: Texts, language: Language, keyboards: Keyboards
) -> None:
    """Ask which language to speak."""
    await reply(sending, message, texts(language, "language-ask"), keyboards.languages())


async def speak(
    query: CallbackQuery, callback_data: Speak, sending: Sending, texts: Texts, people: People
) -> None:
    """Speak the chosen one from now on."""
    await people.speak(query.from_user.id, callback_data.language)
    await sending.answer(query.id)
    if under := query.message:
        text = texts(callback_data.language, "language-set")
        await sending.edit_text(under.chat.id, under.message_id, text)


async def commands(bot: Bot, texts: Texts) -> None:
    """Tell Telegram what to show in its menu; admins know what is for them."""
    for language, code in ((Language.EN, None), (Language.RU, "ru")):
        menu = [
            BotCommand(command=name, description=texts(language, f"command-{name}"))
            for name in MENU
        ]
        await bot.set_my_commands(menu, language_code=code)
