"""What admins ask, and what everybody else is told who asks it."""

import logging

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot.database.users import People
from bot.handlers.admin_backends import Turn, backend, turned
from bot.handlers.admin_stats import queue, stats
from bot.handlers.context import answer, language_of
from bot.telegram.messenger import Sending
from bot.ui.texts import Texts

log = logging.getLogger(__name__)

COMMANDS = ("backend", "stats", "queue")


def admin_router() -> Router:
    """Commands and buttons of admins; in all kinds of chats, so that all others are refused."""
    router = Router(name="admin")
    for observer in (
        router.message,
        router.edited_message,
        router.channel_post,
        router.edited_channel_post,
    ):
        observer.register(backend, Command("backend"), from_admin)
        observer.register(stats, Command("stats"), from_admin)
        observer.register(queue, Command("queue"), from_admin)
        observer.register(refused, Command(*COMMANDS))
    router.callback_query.register(turned, Turn.filter(), from_admin)
    router.callback_query.register(press_refused, Turn.filter())
    return router


async def from_admin(event: Message | CallbackQuery, admins: frozenset[int]) -> bool:
    """Whether a person whose id is among *admins* says this herself.

    Who speaks as a group or a channel cannot be told apart from its other admins, and what is
    forwarded was said by, or to, somebody else.
    """
    user = event.from_user
    if user is None or user.is_bot or user.id not in admins:
        return False
    return not (isinstance(event, Message) and (event.sender_chat or event.forward_origin))


async def refused(message: Message, sending: Sending, texts: Texts, people: People) -> None:
    """Say that this is for admins."""
    user = message.from_user
    log.warning(
        "refused a command of admins to %s in chat %s (%s)",
        user.id if user else None,
        message.chat.id,
        message.chat.type,
    )
    await answer(sending, message, texts(await language_of(user, people), "admin-refused"))


async def press_refused(
    query: CallbackQuery, sending: Sending, texts: Texts, people: People
) -> None:
    """Say that this button is for admins."""
    log.warning("refused a button of admins to %s", query.from_user.id)
    language = await language_of(query.from_user, people)
    await sending.answer(query.id, texts(language, "admin-refused"), alert=True)
