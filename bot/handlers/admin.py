"""What admins ask, and what everybody else is told who asks it."""

import logging

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot.database.users import UserRepository
from bot.handlers.admin_backends import BackendButton, press_backend_button, show_backends
from bot.handlers.admin_stats import show_queue, show_stats
from bot.handlers.context import get_language, reply_to_admin
from bot.telegram.messenger import Messenger
from bot.ui.texts import Texts

log = logging.getLogger(__name__)

ADMIN_COMMANDS = ("backend", "stats", "queue")


def create_admin_router() -> Router:
    """Commands and buttons of admins; in all kinds of chats, so that all others are refused."""
    router = Router(name="admin")
    for observer in (
        router.message,
        router.edited_message,
        router.channel_post,
        router.edited_channel_post,
    ):
        observer.register(show_backends, Command("backend"), is_from_admin)
        observer.register(show_stats, Command("stats"), is_from_admin)
        observer.register(show_queue, Command("queue"), is_from_admin)
        observer.register(refuse_command, Command(*ADMIN_COMMANDS))
    router.callback_query.register(press_backend_button, BackendButton.filter(), is_from_admin)
    router.callback_query.register(refuse_button, BackendButton.filter())
    return router


async def is_from_admin(event: Message | CallbackQuery, admins: frozenset[int]) -> bool:
    """Whether a person whose id is among *admins* says this herself.

    Who speaks as a group or a channel cannot be told apart from its other admins, and what is
    forwarded was said by, or to, somebody else.
    """
    user = event.from_user
    if user is None or user.is_bot or user.id not in admins:
        return False
    return not (isinstance(event, Message) and (event.sender_chat or event.forward_origin))


async def refuse_command(
    message: Message, messenger: Messenger, texts: Texts, users: UserRepository
) -> None:
    """Say that this is for admins."""
    user = message.from_user
    log.warning(
        "refused a command of admins to %s in chat %s (%s)",
        user.id if user else None,
        message.chat.id,
        message.chat.type,
    )
    await reply_to_admin(
        messenger, message, texts(await get_language(user, users), "admin-refused")
    )


async def refuse_button(
    query: CallbackQuery, messenger: Messenger, texts: Texts, users: UserRepository
) -> None:
    """Say that this button is for admins."""
    log.warning("refused a button of admins to %s", query.from_user.id)
    language = await get_language(query.from_user, users)
    await messenger.answer_callback(query.id, texts(language, "admin-refused"), show_alert=True)
