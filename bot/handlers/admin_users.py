"""``/ban``, ``/unban``, ``/drain`` and ``/broadcast``: what concerns users as a whole."""

import html
from enum import StrEnum

from aiogram.filters import CommandObject
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message

from bot.handlers.admin_queue import QueueReader
from bot.handlers.context import Conversation
from bot.jobs.operator_actions import DONE, OperatorAction, OperatorActions
from bot.operations.broadcasts import BroadcastInProgress, Broadcasts
from bot.operations.intake import Intake
from bot.ui.buttons import create_button


class BroadcastAction(StrEnum):
    """What a button does."""

    SEND = "send"
    DISCARD = "discard"


class BroadcastButton(CallbackData, prefix="cast"):
    """A button under a message that is to be sent to all users."""

    do: BroadcastAction


async def ban_user(
    message: Message,
    command: CommandObject,
    conversation: Conversation,
    intake: Intake,
    actions: OperatorActions,
    admins: frozenset[int],
) -> None:
    """Ban the user of that number, or end the ban; without a number, list who is banned."""
    number, sender = (command.args or "").strip(), message.from_user
    assert sender is not None, "admins have an id"
    if not number.isdecimal():
        names = ", ".join(map(str, sorted(intake.banned))) or "–"
        await conversation.reply(message, conversation.text("admin-banned", users=names))
        return
    if int(number) in admins:
        await conversation.reply(message, conversation.text("admin-no-ban"))
        return
    action = OperatorAction.UNBAN if command.command == "unban" else OperatorAction.BAN
    await actions.perform(str(sender.id), action, number)
    await conversation.reply(message, conversation.text(f"admin-{action}", user=number))


async def drain_queue(
    message: Message,
    conversation: Conversation,
    queue_reader: QueueReader,
    actions: OperatorActions,
) -> None:
    """Accept no new jobs, and tell the admins when the last one has ended."""
    sender = message.from_user
    assert sender is not None, "admins have an id"
    await actions.perform(str(sender.id), OperatorAction.DRAIN)
    count = len(await queue_reader.list_jobs())
    await conversation.reply(message, conversation.text("admin-drain", count=count))


async def ask_to_broadcast(
    message: Message, command: CommandObject, conversation: Conversation, broadcasts: Broadcasts
) -> None:
    """Show what would be sent, and to how many users."""
    text = (command.args or "").strip()
    if not text:
        await conversation.reply(message, conversation.text("admin-broadcast-help"))
        return
    try:
        count = await broadcasts.prepare(text)
    except BroadcastInProgress:
        await conversation.reply(message, conversation.text("admin-broadcast-busy"))
        return
    rows = [
        [
            create_button(
                conversation.text(f"admin-button-broadcast-{action}", count=count),
                BroadcastButton(do=action),
            )
        ]
        for action in BroadcastAction
    ]
    keyboard = InlineKeyboardMarkup(inline_keyboard=rows)
    await conversation.reply(message, html.escape(text), keyboard)


async def press_broadcast_button(
    query: CallbackQuery,
    callback_data: BroadcastButton,
    conversation: Conversation,
    broadcasts: Broadcasts,
    actions: OperatorActions,
) -> None:
    """Send the message that was shown, or forget it."""
    if callback_data.do is BroadcastAction.DISCARD:
        await broadcasts.discard()
        key = "admin-broadcast-discarded"
    else:
        outcome = await actions.perform(str(query.from_user.id), OperatorAction.BROADCAST)
        key = "admin-broadcast-begun" if outcome == DONE else "admin-did-nothing"
    await conversation.answer(query, conversation.text(key))
    await conversation.edit_keyboard(query)
