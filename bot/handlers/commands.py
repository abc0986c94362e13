"""Who we are, and which language we speak."""

from aiogram import Bot, Router
from aiogram.filters import Command, CommandStart
from aiogram.fsm.context import FSMContext
from aiogram.types import BotCommand, CallbackQuery, Message

from bot.database.jobs import Ledger
from bot.database.users import People
from bot.domain.job_request import Language
from bot.handlers.context import Waiting, reply, router
from bot.jobs.supervisor import Jobs
from bot.telegram.limits import MB, Limits
from bot.telegram.messenger import Sending
from bot.ui.callback_data import Cancel, Reset, Speak
from bot.ui.captions import said_of
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts

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


def cancelling_router() -> Router:
    """The command stops all jobs of somebody, a button one of them."""
    made = router("cancelling")
    made.message.register(no_background, Command("cancel"), Waiting.background)
    made.message.register(cancel_all, Command("cancel"))
    made.callback_query.register(cancel, Cancel.filter())
    return made


async def no_background(
    message: Message, state: FSMContext, sending: Sending, texts: Texts, language: Language
) -> None:
    """Wait for no background any more."""
    await state.clear()
    await reply(sending, message, texts(language, "background-kept"))


async def cancel_all(
    message: Message,
    ledger: Ledger,
    jobs: Jobs,
    sending: Sending,
    texts: Texts,
    language: Language,
) -> None:
    """Stop all that is made for somebody."""
    user = message.from_user
    if user is None:  # a channel
        return
    count = 0
    for job in await ledger.of(user.id):
        count += await jobs.cancel(job.id, user.id)
    key = "cancel-all" if count else "cancel-nothing"
    await reply(sending, message, texts(language, key, count=count))


async def cancel(
    query: CallbackQuery,
    callback_data: Cancel,
    ledger: Ledger,
    jobs: Jobs,
    sending: Sending,
    texts: Texts,
    language: Language,
) -> None:
    """Stop one job for its owner."""
    job, user = await ledger.get(callback_data.job), query.from_user.id
    if job is None:
        await sending.answer(query.id, texts(language, "too-old"), alert=True)
    elif job.user != user:
        await sending.answer(query.id, texts(language, "not-yours"), alert=True)
    else:
        stopped = await jobs.cancel(job.id, user)
        await sending.answer(query.id, texts(language, "cancelling" if stopped else "cancel-over"))
