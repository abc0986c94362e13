"""Who we are, and which language we speak."""

from aiogram import Bot, Router
from aiogram.filters import Command, CommandStart
from aiogram.fsm.context import FSMContext
from aiogram.types import BotCommand, CallbackQuery, Message

from bot.database.jobs import JobRepository
from bot.database.users import UserRepository
from bot.domain.job_request import Language
from bot.handlers.context import DialogState, create_router, reply
from bot.jobs.supervisor import JobSupervisor
from bot.telegram.limits import MB, TelegramLimits
from bot.telegram.messenger import Messenger
from bot.ui.callback_data import CancelJob, ChooseLanguage, ResetAppearance
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts, describe_appearance

MENU_COMMANDS = ("start", "help", "style", "cancel", "language")


def create_start_router() -> Router:
    """First words, help, and the choice of a language."""
    made = create_router("start")
    made.message.register(send_welcome, CommandStart())
    made.message.register(send_help, Command("help"))
    made.message.register(ask_language, Command("language"))
    made.callback_query.register(set_language, ChooseLanguage.filter())
    return made


async def send_welcome(
    message: Message, messenger: Messenger, texts: Texts, language: Language, state: FSMContext
) -> None:
    """Say what to do; whatever was asked is asked no more."""
    await state.clear()
    await reply(messenger, message, texts(language, "start"))


async def send_help(
    message: Message, messenger: Messenger, texts: Texts, language: Language, limits: TelegramLimits
) -> None:
    """Say all that can be done."""
    megabytes = (limits.download_bytes or 0) // MB
    text = texts(language, "help", megabytes=megabytes, seconds=limits.clip_seconds)
    await reply(messenger, message, text)


async def ask_language(
    message: Message, messenger: Messenger, texts: Texts, language: Language, keyboards: Keyboards
) -> None:
    """Ask which language to speak."""
    await reply(messenger, message, texts(language, "language-ask"), keyboards.create_languages())


async def set_language(
    query: CallbackQuery,
    callback_data: ChooseLanguage,
    messenger: Messenger,
    texts: Texts,
    users: UserRepository,
) -> None:
    """Speak the chosen one from now on."""
    await users.set_language(query.from_user.id, callback_data.language)
    await messenger.answer_callback(query.id)
    if under := query.message:
        text = texts(callback_data.language, "language-set")
        await messenger.edit_text(under.chat.id, under.message_id, text)


async def set_commands(bot: Bot, texts: Texts) -> None:
    """Tell Telegram what to show in its menu; admins know what is for them."""
    for language, code in ((Language.EN, None), (Language.RU, "ru")):
        menu = [
            BotCommand(command=name, description=texts(language, f"command-{name}"))
            for name in MENU_COMMANDS
        ]
        await bot.set_my_commands(menu, language_code=code)


def create_style_router() -> Router:
    """Shows it, and goes back to the usual one."""
    made = create_router("style")
    made.message.register(show_style, Command("style"))
    made.callback_query.register(reset_style, ResetAppearance.filter())
    return made


async def show_style(
    message: Message,
    messenger: Messenger,
    texts: Texts,
    language: Language,
    users: UserRepository,
    keyboards: Keyboards,
) -> None:
    """Say how it looks."""
    user = message.from_user
    if user is None:  # a channel
        return
    text = texts(
        language, "style-shown", **describe_appearance(await users.get_appearance(user.id))
    )
    await reply(messenger, message, text, keyboards.create_style(language))


async def reset_style(
    query: CallbackQuery,
    messenger: Messenger,
    texts: Texts,
    language: Language,
    users: UserRepository,
) -> None:
    """Forget the look of whoever presses."""
    await users.reset_appearance(query.from_user.id)
    await messenger.answer_callback(query.id)
    if under := query.message:
        text = texts(language, "style-reset")
        await messenger.edit_text(under.chat.id, under.message_id, text)


def create_cancel_router() -> Router:
    """The command stops all jobs of somebody, a button one of them."""
    made = create_router("cancelling")
    made.message.register(cancel_background, Command("cancel"), DialogState.background)
    made.message.register(cancel_all_jobs, Command("cancel"))
    made.callback_query.register(cancel_job, CancelJob.filter())
    return made


async def cancel_background(
    message: Message, state: FSMContext, messenger: Messenger, texts: Texts, language: Language
) -> None:
    """Wait for no background any more."""
    await state.clear()
    await reply(messenger, message, texts(language, "background-kept"))


async def cancel_all_jobs(
    message: Message,
    job_repository: JobRepository,
    jobs: JobSupervisor,
    messenger: Messenger,
    texts: Texts,
    language: Language,
) -> None:
    """Stop all that is made for somebody."""
    user = message.from_user
    if user is None:  # a channel
        return
    count = 0
    for job in await job_repository.list_open_of_user(user.id):
        count += await jobs.cancel(job.id, user.id)
    key = "cancel-all" if count else "cancel-nothing"
    await reply(messenger, message, texts(language, key, count=count))


async def cancel_job(
    query: CallbackQuery,
    callback_data: CancelJob,
    job_repository: JobRepository,
    jobs: JobSupervisor,
    messenger: Messenger,
    texts: Texts,
    language: Language,
) -> None:
    """Stop one job for its owner."""
    job, user = await job_repository.get(callback_data.job), query.from_user.id
    if job is None:
        await messenger.answer_callback(query.id, texts(language, "too-old"), show_alert=True)
    elif job.user != user:
        await messenger.answer_callback(query.id, texts(language, "not-yours"), show_alert=True)
    else:
        stopped = await jobs.cancel(job.id, user)
        await messenger.answer_callback(
            query.id, texts(language, "cancelling" if stopped else "cancel-over")
        )
