"""``/backend``: shows the order of the backends, and changes it."""

from enum import StrEnum
from functools import partial
from time import time
from zlib import crc32

from aiogram.enums import ChatType
from aiogram.filters import CommandObject
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.database.statistics import BackendUsage, Statistics
from bot.handlers.admin_stats import format_duration
from bot.handlers.context import Conversation
from bot.jobs.operator_actions import DONE, LAST, UNKNOWN, OperatorAction, OperatorActions
from bot.operations.backend_pool import BackendHealth, BackendPool
from bot.ui.buttons import create_button

AUTO = "auto"


class BackendAction(StrEnum):
    """What a button does."""

    UP = "up"
    ON = "on"
    ASK_OFF = "ask"  #: ask whether the backend is to be switched off
    OFF = "off"
    TEST = "test"
    AUTO = "auto"
    RECHECK = "look"


#: those that change something
ACTIONS = {
    BackendAction.UP: OperatorAction.UP,
    BackendAction.ON: OperatorAction.ON,
    BackendAction.OFF: OperatorAction.OFF,
    BackendAction.TEST: OperatorAction.TEST,
    BackendAction.AUTO: OperatorAction.AUTO,
}


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
    actions: OperatorActions,
) -> None:
    """Show the backends; put the one that the command names first."""
    name, user = (command.args or "").strip().lower(), message.from_user
    assert user is not None, "admins have an id"
    notice = ""
    if name:
        action = OperatorAction.AUTO if name == AUTO else OperatorAction.FIRST
        subject = "" if name == AUTO else name
        outcome = await actions.perform(str(user.id), action, subject)
        notice = _describe_order(conversation, backend_pool, subject, outcome)
    text = await _format_backends(conversation, backend_pool, statistics)
    keyboard = _create_keyboard(conversation, backend_pool, message)
    await conversation.reply(message, f"{notice}\n\n{text}" if notice else text, keyboard)


async def press_backend_button(
    query: CallbackQuery,
    callback_data: BackendButton,
    conversation: Conversation,
    backend_pool: BackendPool,
    statistics: Statistics,
    actions: OperatorActions,
) -> None:
    """Do what the button says, and show the changed order."""
    names = {hash_name(name): name for name in backend_pool.names}
    name = names.get(callback_data.place, "")
    if callback_data.place and not name:  # the settings have changed since the keyboard was sent
        await conversation.answer(query, _describe_unknown(conversation, backend_pool))
    elif action := ACTIONS.get(callback_data.do):
        outcome = await actions.perform(str(query.from_user.id), action, name)
        await conversation.answer(query, _describe_press(conversation, action, name, outcome))
    else:
        # Answered first, because a check takes a moment.
        is_check = callback_data.do is BackendAction.RECHECK
        await conversation.answer(query, conversation.text("admin-looking") if is_check else "")
        if is_check:
            await backend_pool.recheck_unavailable()
    if not isinstance(query.message, Message):  # Telegram allows no edits of old messages
        return
    if callback_data.do is BackendAction.ASK_OFF and name:
        await conversation.edit_keyboard(query, _create_question(conversation, name))
        return
    text = await _format_backends(conversation, backend_pool, statistics)
    keyboard = _create_keyboard(conversation, backend_pool, query.message)
    await conversation.edit_text(query, text, keyboard)


def hash_name(name: str) -> str:
    """Return a name for callback data: short, and the same after a restart."""
    return f"{crc32(name.encode()):08x}"


def _describe_unknown(conversation: Conversation, backend_pool: BackendPool) -> str:
    return conversation.text("admin-unknown", names=", ".join(backend_pool.names))


def _describe_order(
    conversation: Conversation, backend_pool: BackendPool, name: str, outcome: str
) -> str:
    """Return a notice of what ``/backend`` *name* did; "" is *auto*."""
    if outcome == UNKNOWN:
        return conversation.text("admin-unknown", names=", ".join((*backend_pool.names, AUTO)))
    if not name:
        return conversation.text("admin-auto-done")
    health = {health.name: health for health in backend_pool.get_health()}
    others = [other for other in health if health[other].is_enabled and other != name]
    return conversation.text(
        "admin-first",
        name=name,
        there="yes" if health[name].unavailable_because is None else "no",
        others=", ".join(others) or "–",
    )


def _describe_press(
    conversation: Conversation, action: OperatorAction, name: str, outcome: str
) -> str:
    """Return a notice of what a button did."""
    if outcome == LAST:
        return conversation.text("admin-last", name=name)
    match action:
        case OperatorAction.AUTO:
            return conversation.text("admin-auto-done")
        case OperatorAction.TEST:
            result = "yes" if outcome == DONE else "no"
            return conversation.text("admin-tested", name=name, there=result)
        case _:
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
    speeds = [(*item, "no") for item in health.speeds.items()]
    speeds += [(*item, "yes") for item in health.guesses.items()]
    lines += [
        conversation.text("admin-speed", engine=engine, speed=speed, guess=guess)
        for engine, speed, guess in speeds
    ]
    if health.price:
        lines.append(conversation.text("admin-price", dollars=health.price * 3600))
    if usage:
        ago = format_duration(conversation, time() - usage.last_used)
        lines.append(conversation.text("admin-use", dollars=usage.dollars, ago=ago))
    if failure := health.last_failure:
        why = conversation.text("admin-why", why=failure.kind.value)
        ago = format_duration(conversation, time() - failure.at)
        lines.append(conversation.text("admin-failed", ago=ago, why=why))
    return "\n".join(lines)


def _create_question(conversation: Conversation, name: str) -> InlineKeyboardMarkup:
    """Create the keyboard that asks whether a backend is to be switched off."""
    off = _create_button(conversation, BackendAction.OFF, name, key="sure-off")
    return InlineKeyboardMarkup(
        inline_keyboard=[[off], [_create_button(conversation, BackendAction.RECHECK, key="back")]]
    )


def _create_button(
    conversation: Conversation, action: BackendAction, name: str = "", *, key: str = ""
) -> InlineKeyboardButton:
    """Create a button with the text ``admin-button-KEY``; without a key that of the action."""
    text = conversation.text(f"admin-button-{key or action}", name=name)
    data = BackendButton(do=action, place=hash_name(name) if name else "")
    return create_button(text, data)


def _create_keyboard(
    conversation: Conversation, backend_pool: BackendPool, message: Message
) -> InlineKeyboardMarkup:
    """Create a row for each backend, one for all of them, and the way to the dashboard."""
    create = partial(_create_button, conversation)
    rows = []
    for number, health in enumerate(backend_pool.get_health()):
        up = [create(BackendAction.UP, health.name)] if number else []
        switch = BackendAction.ASK_OFF if health.is_enabled else BackendAction.ON
        rows.append([create(BackendAction.TEST, health.name), *up, create(switch, health.name)])
    rows.append([create(BackendAction.AUTO), create(BackendAction.RECHECK)])
    if message.chat.type == ChatType.PRIVATE:  # Telegram opens pages from no other chats
        rows.append(conversation.keyboards.create_dashboard_row(conversation.language))
    return InlineKeyboardMarkup(inline_keyboard=[row for row in rows if row])
