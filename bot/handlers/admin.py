"""Commands and buttons of admins, and refusals for everybody else."""

import logging
from collections.abc import Awaitable, Callable

from aiogram import Router
from aiogram.enums import ChatType
from aiogram.filters import Command, CommandObject
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, Message

from bot.handlers.admin_backends import BackendButton, press_backend_button, show_backends
from bot.handlers.admin_errors import show_errors
from bot.handlers.admin_queue import QueueButton, press_queue_button, show_queue
from bot.handlers.admin_stats import show_stats
from bot.handlers.admin_users import (
    BroadcastButton,
    ask_to_broadcast,
    ban_user,
    drain_queue,
    press_broadcast_button,
)
from bot.handlers.context import IN_TEXT, Conversation, create_router

log = logging.getLogger(__name__)


def create_admin_router() -> Router:
    """Create the router for all kinds of chats, so that every other user is refused."""
    router = create_router("admin")
    handlers: dict[str, Callable[..., Awaitable[None]]] = {
        "backend": show_backends,
        "ban": ban_user,
        "broadcast": ask_to_broadcast,
        "drain": drain_queue,
        "errors": show_errors,
        "stats": show_stats,
        "queue": show_queue,
        "unban": ban_user,
    }
    buttons: dict[type[CallbackData], Callable[..., Awaitable[None]]] = {
        BackendButton: press_backend_button,
        BroadcastButton: press_broadcast_button,
        QueueButton: press_queue_button,
    }
    for observer in (
        router.message,
        router.edited_message,
        router.channel_post,
        router.edited_channel_post,
    ):
        for name, handler in handlers.items():
            observer.register(handler, IN_TEXT, Command(name), is_meant_for_bot, is_from_admin)
        observer.register(refuse_command, IN_TEXT, Command(*handlers), is_meant_for_bot)
    for button, press in buttons.items():
        router.callback_query.register(press, button.filter(), is_from_admin)
        router.callback_query.register(refuse_button, button.filter())
    return router


async def is_meant_for_bot(message: Message, command: CommandObject) -> bool:
    """Return whether the command names the bot, or comes in a private chat.

    Other bots of a group may have a command of the same name.
    """
    return message.chat.type == ChatType.PRIVATE or command.mention is not None


async def is_from_admin(event: Message | CallbackQuery, admins: frozenset[int]) -> bool:
    """Return whether a user whose id is among *admins* wrote or pressed this.

    A message in a channel, or in the name of a group or channel, may come from any of its admins,
    and the author of a forwarded message is another user than the sender.
    """
    user = event.from_user
    if user is None or user.is_bot or user.id not in admins:
        return False
    if not isinstance(event, Message):
        return True
    is_channel_post = event.chat.type == ChatType.CHANNEL
    return not (is_channel_post or event.sender_chat or event.forward_origin)


async def refuse_command(message: Message, conversation: Conversation) -> None:
    """Explain that the command is for admins."""
    user = message.from_user
    log.warning(
        "refused a command of admins to %s in chat %s (%s)",
        user.id if user else None,
        message.chat.id,
        message.chat.type,
    )
    await conversation.reply(message, conversation.text("admin-refused"))


async def refuse_button(query: CallbackQuery, conversation: Conversation) -> None:
    """Explain that the button is for admins."""
    log.warning("refused a button of admins to %s", query.from_user.id)
    await conversation.alert(query, conversation.text("admin-refused"))
