"""Commands of users, from /start to /forget, and their buttons."""

import asyncio
import logging
import time
from collections.abc import Iterable

from aiogram import Bot, Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters import Command, CommandStart, StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.types import BotCommand, BotCommandScopeChat, CallbackQuery, Message

from bot.database.drafts import DraftRepository
from bot.database.jobs import JobRepository
from bot.domain.job_request import Language
from bot.handlers.context import (
    IN_TEXT,
    Conversation,
    DialogState,
    create_router,
    get_destination,
)
from bot.jobs.style_pictures import StylePictures
from bot.jobs.supervisor import JobSupervisor
from bot.preview_cards import PreviewCards
from bot.telegram.assets import WELCOME
from bot.telegram.limits import MB
from bot.ui.callback_data import CancelJob, ChooseLanguage, ForgetUser
from bot.ui.texts import Texts

log = logging.getLogger(__name__)

MENU_COMMANDS = ("start", "help", "style", "cancel", "language", "privacy")
ADMIN_COMMANDS = ("queue", "backend", "stats", "errors", "drain", "ban", "broadcast")
STOP_SECONDS = 10  #: for which a user who is to be forgotten waits for the end of cancelled jobs


async def set_commands(bot: Bot, texts: Texts, admins: Iterable[int] = ()) -> None:
    """Set the menu of commands in Telegram; in their private chats admins see theirs first.

    Raises TelegramAPIError; an admin who has not written to the bot yet is left out.
    """
    for language, code in ((Language.EN, None), (Language.RU, "ru")):
        menu, for_admins = (
            [
                BotCommand(command=name, description=texts(language, f"command-{name}"))
                for name in names
            ]
            for names in (MENU_COMMANDS, ADMIN_COMMANDS)
        )
        await bot.set_my_commands(menu, language_code=code)
        for admin in admins:
            scope = BotCommandScopeChat(chat_id=admin)
            try:
                await bot.set_my_commands([*for_admins, *menu], scope, code)
            except TelegramBadRequest as err:
                log.info("admin %s has no menu of commands: %s", admin, err.message)


def create_start_router() -> Router:
    """Create the router for the welcome, the help and the choice of a language."""
    router = create_router("start")
    router.message.register(send_welcome, IN_TEXT, CommandStart())
    router.message.register(send_help, IN_TEXT, Command("help"))
    router.message.register(ask_language, IN_TEXT, Command("language"))
    router.callback_query.register(set_language, ChooseLanguage.filter())
    return router


async def send_welcome(message: Message, conversation: Conversation, state: FSMContext) -> None:
    """Explain what to send; an open question is closed."""
    await state.clear()
    await conversation.messenger.send_animation(
        get_destination(message),
        WELCOME,
        conversation.text("start"),
        keyboard=conversation.keyboards.create_welcome(conversation.language),
    )


async def send_help(message: Message, conversation: Conversation) -> None:
    """Explain everything that the bot can do."""
    limits = conversation.limits
    megabytes = (limits.download_bytes or 0) // MB
    text = conversation.text("help", megabytes=megabytes, seconds=limits.clip_seconds)
    await conversation.reply(message, text)


async def ask_language(message: Message, conversation: Conversation) -> None:
    """Ask for the language."""
    keyboard = conversation.keyboards.create_languages()
    await conversation.reply(message, conversation.text("language-ask"), keyboard)


async def set_language(
    query: CallbackQuery, callback_data: ChooseLanguage, conversation: Conversation
) -> None:
    """Use the chosen language from now on."""
    language = callback_data.language
    await conversation.users.set_language(query.from_user.id, language)
    await conversation.answer(query)
    await conversation.edit_text(query, conversation.texts(language, "language-set"))


def create_privacy_router() -> Router:
    """Create the router that says what is kept, and deletes it."""
    router = create_router("privacy")
    router.message.register(show_privacy, IN_TEXT, Command("privacy"))
    router.message.register(ask_to_forget, IN_TEXT, Command("forget"))
    router.callback_query.register(forget, ForgetUser.filter())
    return router


async def show_privacy(message: Message, conversation: Conversation, job_days: int) -> None:
    """Say what is kept of a user, and for how long."""
    await conversation.reply(message, conversation.text("privacy", days=job_days))


async def ask_to_forget(message: Message, conversation: Conversation) -> None:
    """Ask whether everything of the user is to be deleted."""
    user = message.from_user
    if user is None:  # in the name of a channel
        return
    keyboard = conversation.keyboards.create_forget(conversation.language, user.id)
    await conversation.reply(message, conversation.text("forget-ask"), keyboard)


async def forget(
    query: CallbackQuery,
    callback_data: ForgetUser,
    conversation: Conversation,
    state: FSMContext,
    drafts: DraftRepository,
    cards: PreviewCards,
    style_pictures: StylePictures,
    job_repository: JobRepository,
    jobs: JobSupervisor,
) -> None:
    """Stop the jobs of the user, and delete all rows and files."""
    user = query.from_user.id
    if callback_data.user != user:
        await conversation.alert(query, conversation.text("not-yours"))
        return
    await conversation.answer(query)
    for job in await job_repository.list_open_of_user(user):
        await jobs.cancel(job.id, user)
    await _wait_until_stopped(job_repository, user)
    for draft_id in await drafts.list_of_user(user):
        await cards.drop(draft_id)
    await style_pictures.forget(user)
    await state.clear()
    await conversation.users.delete(user)
    await job_repository.delete_ended(before=time.time() + 1, user=user)
    await conversation.edit_text(query, conversation.text("forgotten"))


async def _wait_until_stopped(job_repository: JobRepository, user: int) -> None:
    """Wait for the end of the jobs of *user*, which were cancelled."""
    give_up_at = time.monotonic() + STOP_SECONDS
    while time.monotonic() < give_up_at and await job_repository.list_open_of_user(user):  # noqa: ASYNC110 - the database sends no event
        await asyncio.sleep(0.1)


def create_cancel_router() -> Router:
    """Create the router that cancels all jobs by a command, and one job by a button."""
    router = create_router("cancel")
    router.message.register(close_question, IN_TEXT, Command("cancel"), StateFilter(DialogState))
    router.message.register(cancel_all_jobs, IN_TEXT, Command("cancel"))
    router.callback_query.register(cancel_job, CancelJob.filter())
    return router


async def close_question(message: Message, conversation: Conversation, state: FSMContext) -> None:
    """Close the open question; the card stays as it is."""
    await state.clear()
    await conversation.reply(message, conversation.text("question-closed"))


async def cancel_all_jobs(
    message: Message,
    conversation: Conversation,
    job_repository: JobRepository,
    jobs: JobSupervisor,
) -> None:
    """Cancel all jobs of the user."""
    user = message.from_user
    if user is None:  # in the name of a channel
        return
    count = 0
    for job in await job_repository.list_open_of_user(user.id):
        count += await jobs.cancel(job.id, user.id)
    key = "cancel-all" if count else "cancel-nothing"
    await conversation.reply(message, conversation.text(key, count=count))


async def cancel_job(
    query: CallbackQuery,
    callback_data: CancelJob,
    conversation: Conversation,
    job_repository: JobRepository,
    jobs: JobSupervisor,
) -> None:
    """Cancel one job, if the user owns it."""
    job, user = await job_repository.get(callback_data.job), query.from_user.id
    if job is None:
        await conversation.alert(query, conversation.text("too-old"))
    elif job.user != user:
        await conversation.alert(query, conversation.text("not-yours"))
    else:
        key = "cancelling" if await jobs.cancel(job.id, user) else "cancel-over"
        await conversation.answer(query, conversation.text(key))
