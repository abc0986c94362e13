"""``/backend``: shows the order of the backends, and changes it."""

import logging
from enum import StrEnum
from time import time
from zlib import crc32

from aiogram.enums import ChatType
from aiogram.filters import CommandObject
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.database.statistics import BackendUsage, Statistics
from bot.handlers.admin_stats import format_duration
from bot.handlers.context import Conversation
from bot.operations.backend_pool import BackendHealth, BackendPool, LastBackend, UnknownBackend

log = logging.getLogger(__name__)

AUTO = "auto"


class BackendAction(StrEnum):
    """What a button does."""

    UP = "up"
    ON = "on"
    OFF = "off"
    AUTO = "auto"
    RECHECK = "look"


class BackendButton(CallbackData, prefix="adm"):
    """A button under the list of backends.

    Attributes:
        do: what it does.
        place: the hash of the backend's name; "" for buttons that concern all.
    """

    do: BackendAction
    place: str = ""


async def show_backends(
    message: Message,
    command: CommandObject,
    conversation: Conversation,
    backend_pool: BackendPool,
    statistics: Statistics,
) -> None:
    """Show the backends; put the one that the command names first."""
    name = (command.args or "").strip().lower()
    notice = await _run_command(conversation, backend_pool, name)
    if command.args:
        log.info("%s of admin %s", command.text, message.from_user and message.from_user.id)
    text = await _format_backends(conversation, backend_pool, statistics)
    keyboard = _create_keyboard(conversation, backend_pool, message)
    await conversation.reply(message, f"{notice}\n\n{text}" if notice else text, keyboard)


async def press_backend_button(
    query: CallbackQuery,
    callback_data: BackendButton,
    conversation: Conversation,
    backend_pool: BackendPool,
    statistics: Statistics,
) -> None:
    """Do what the button says, and show the changed order."""
    log.info("%s of admin %s", callback_data, query.from_user.id)
    if callback_data.do is BackendAction.RECHECK:
        # Answered first, because the check takes a moment.
        await conversation.answer(query, conversation.text("admin-looking"))
        await backend_pool.recheck_unavailable()
    else:
        notice = await _run_action(conversation, backend_pool, callback_data)
        await conversation.answer(query, notice)
    if not isinstance(query.message, Message):  # Telegram allows no edits of old messages
        return
    text = await _format_backends(conversation, backend_pool, statistics)
    keyboard = _create_keyboard(conversation, backend_pool, query.message)
    await conversation.edit_text(query, text, keyboard)


def hash_name(name: str) -> str:
    """Return a name for callback data: short, and the same after a restart."""
    return f"{crc32(name.encode()):08x}"


async def _run_command(conversation: Conversation, backend_pool: BackendPool, name: str) -> str:
    """Do what ``/backend`` *name* says, and return a notice of it."""
    if not name:
        return ""
    if name == AUTO:
        await backend_pool.reset_order()
        return conversation.text("admin-auto-done")
    try:
        await backend_pool.put_first(name)
    except UnknownBackend:
        return conversation.text("admin-unknown", names=", ".join((*backend_pool.names, AUTO)))
    health = {health.name: health for health in backend_pool.get_health()}
    others = [other for other in health if health[other].is_enabled and other != name]
    return conversation.text(
        "admin-first",
        name=name,
        there="yes" if health[name].unavailable_because is None else "no",
        others=", ".join(others) or "–",
    )


async def _run_action(
    conversation: Conversation, backend_pool: BackendPool, button: BackendButton
) -> str:
    """Do what *button* says, and return a notice of it."""
    if button.do is BackendAction.AUTO:
        await backend_pool.reset_order()
        return conversation.text("admin-auto-done")
    name = next((name for name in backend_pool.names if hash_name(name) == button.place), None)
    if name is None:  # the settings have changed since the keyboard was sent
        return conversation.text("admin-unknown", names=", ".join(backend_pool.names))
    try:
        if button.do is BackendAction.UP:
            await backend_pool.move_up(name)
        else:
            await backend_pool.set_enabled(name, is_enabled=button.do is BackendAction.ON)
    except LastBackend:
        return conversation.text("admin-last", name=name)
    return conversation.text("admin-done")


async def _format_backends(
    conversation: Conversation, backend_pool: BackendPool, statistics: Statistics
) -> str:
    """Return all backends in their order, a paragraph for each."""
    usage = await statistics.get_backend_usage(time())
    auto = "yes" if backend_pool.is_automatic else "no"
    paragraphs = [
        _format_backend(conversation, number, health, usage.get(health.name))
        for number, health in enumerate(backend_pool.get_health(), 1)
    ]
    return "\n\n".join([conversation.text("admin-order", auto=auto), *paragraphs])


def _format_backend(
    conversation: Conversation, number: int, health: BackendHealth, usage: BackendUsage | None
) -> str:
    kind = health.unavailable_because
    lines = [
        conversation.text(
            "admin-place",
            number=number,
            name=health.name,
            state=health.state,
            why=conversation.text("admin-why", why=kind.value) if kind else "",
            failures=health.failures,
            seconds=round(health.cooldown_seconds),
        )
    ]
    lines += [
        conversation.text("admin-speed", engine=engine, speed=speed)
        for engine, speed in health.speeds.items()
    ]
    if usage:
        ago = format_duration(conversation, time() - usage.last_used)
        lines.append(conversation.text("admin-use", dollars=usage.dollars, ago=ago))
    return "\n".join(lines)


def _create_keyboard(
    conversation: Conversation, backend_pool: BackendPool, message: Message
) -> InlineKeyboardMarkup:
    """Create a row for each backend, one for all of them, and the way to the dashboard."""

    def create_button(action: BackendAction, name: str = "") -> InlineKeyboardButton:
        text = conversation.text(f"admin-button-{action}", name=name)
        data = BackendButton(do=action, place=hash_name(name) if name else "").pack()
        return InlineKeyboardButton(text=text, callback_data=data)

    rows = []
    for number, health in enumerate(backend_pool.get_health()):
        up = [create_button(BackendAction.UP, health.name)] if number else []
        switch = BackendAction.OFF if health.is_enabled else BackendAction.ON
        rows.append([*up, create_button(switch, health.name)])
    rows.append([create_button(BackendAction.AUTO), create_button(BackendAction.RECHECK)])
    if message.chat.type == ChatType.PRIVATE:  # Telegram opens pages from no other chats
        rows.append(conversation.keyboards.create_dashboard_row(conversation.language))
    return InlineKeyboardMarkup(inline_keyboard=[row for row in rows if row])
