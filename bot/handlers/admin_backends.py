"""``/backend``: where mattes are made, and in which order."""

import logging
from enum import StrEnum
from time import time
from zlib import crc32

from aiogram.filters import CommandObject
from aiogram.filters.callback_data import CallbackData
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
)

from bot.database.statistics import BackendUsage, Statistics
from bot.database.users import UserRepository
from bot.domain.job_request import Language
from bot.handlers.context import format_duration, get_language, reply_to_admin
from bot.operations.backend_pool import BackendHealth, BackendPool, LastBackend, UnknownBackend
from bot.telegram.messenger import Messenger
from bot.ui.texts import Texts

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
    """A button of the chain.

    Attributes:
        do: what it does.
        place: with which, by its mark.
    """

    do: BackendAction
    place: str = ""


async def show_backends(
    message: Message,
    command: CommandObject,
    backend_pool: BackendPool,
    statistics: Statistics,
    messenger: Messenger,
    texts: Texts,
    users: UserRepository,
) -> None:
    """Show the chain; first put the place that is named before all others."""
    language = await get_language(message.from_user, users)
    said = await _run_command((command.args or "").strip().lower(), backend_pool, texts, language)
    if command.args:
        log.info("%s of admin %s", command.text, message.from_user and message.from_user.id)
    text = await _format_backends(backend_pool, statistics, texts, language)
    keyboard = _create_keyboard(backend_pool, texts, language)
    await reply_to_admin(messenger, message, f"{said}\n\n{text}" if said else text, keyboard)


async def press_backend_button(
    query: CallbackQuery,
    callback_data: BackendButton,
    backend_pool: BackendPool,
    statistics: Statistics,
    messenger: Messenger,
    texts: Texts,
    users: UserRepository,
) -> None:
    """Do what the button says, and show the chain as it is then."""
    language = await get_language(query.from_user, users)
    log.info("%s of admin %s", callback_data, query.from_user.id)
    if (
        callback_data.do is BackendAction.RECHECK
    ):  # takes a moment, in which the button would seem dead
        await messenger.answer_callback(query.id, texts(language, "admin-looking"))
        await backend_pool.recheck_unavailable()
    else:
        await messenger.answer_callback(
            query.id, await _run_action(callback_data, backend_pool, texts, language)
        )
    if not isinstance(query.message, Message):  # too old to be edited
        return
    text = await _format_backends(backend_pool, statistics, texts, language)
    chat, message = query.message.chat.id, query.message.message_id
    keyboard = _create_keyboard(backend_pool, texts, language)
    await messenger.edit_text(chat, message, text, keyboard=keyboard)


async def _run_command(
    name: str, backend_pool: BackendPool, texts: Texts, language: Language
) -> str:
    """What to say of ``/backend`` *name*, after it was done."""
    if not name:
        return ""
    if name == AUTO:
        await backend_pool.reset_order()
        return texts(language, "admin-auto-done")
    try:
        await backend_pool.put_first(name)
    except UnknownBackend:
        return texts(language, "admin-unknown", names=", ".join((*backend_pool.names, AUTO)))
    others = [
        health.name
        for health in backend_pool.get_health()
        if health.is_enabled and health.name != name
    ]
    there = (
        next(
            health for health in backend_pool.get_health() if health.name == name
        ).unavailable_because
        is None
    )
    return texts(
        language,
        "admin-first",
        name=name,
        there="yes" if there else "no",
        others=", ".join(others) or "–",
    )


async def _run_action(
    pressed: BackendButton, backend_pool: BackendPool, texts: Texts, language: Language
) -> str:
    """What to say of a button, after it did what it does."""
    if pressed.do is BackendAction.AUTO:
        await backend_pool.reset_order()
        return texts(language, "admin-auto-done")
    name = next((name for name in backend_pool.names if hash_name(name) == pressed.place), None)
    if name is None:  # the settings have changed since
        return texts(language, "admin-unknown", names=", ".join(backend_pool.names))
    try:
        if pressed.do is BackendAction.UP:
            await backend_pool.move_up(name)
        else:
            await backend_pool.set_enabled(name, is_enabled=pressed.do is BackendAction.ON)
    except LastBackend:
        return texts(language, "admin-last", name=name)
    return texts(language, "admin-done")


async def _format_backends(
    backend_pool: BackendPool, statistics: Statistics, texts: Texts, language: Language
) -> str:
    """The whole chain, a paragraph for each place."""
    uses = await statistics.get_backend_usage(time())
    order = texts(language, "admin-order", auto="yes" if backend_pool.is_automatic else "no")
    lines = [
        _format_backend(number, health, uses.get(health.name), texts, language)
        for number, health in enumerate(backend_pool.get_health(), 1)
    ]
    return "\n\n".join([order, *lines])


def _format_backend(
    number: int, health: BackendHealth, usage: BackendUsage | None, texts: Texts, language: Language
) -> str:
    lines = [
        texts(
            language,
            "admin-place",
            number=number,
            name=health.name,
            state=_get_state(health),
            why=texts(language, "admin-why", why=health.unavailable_because.value)
            if health.unavailable_because
            else "",
            failures=health.failures,
            seconds=round(health.cooldown_seconds),
        )
    ]
    lines += [
        texts(language, "admin-speed", engine=engine, speed=speed)
        for engine, speed in health.speeds.items()
    ]
    if usage:
        ago = format_duration(texts, language, time() - usage.last_used)
        lines.append(texts(language, "admin-use", dollars=usage.dollars, ago=ago))
    return "\n".join(lines)


def _get_state(health: BackendHealth) -> str:
    if not health.is_enabled:
        return "off"
    if health.unavailable_because:
        return "absent"
    if health.cooldown_seconds:
        return "resting"
    return "failing" if health.failures else "there"


def _create_keyboard(
    backend_pool: BackendPool, texts: Texts, language: Language
) -> InlineKeyboardMarkup:
    """A row for each place, and one for all."""

    def create_button(action: BackendAction, name: str = "") -> InlineKeyboardButton:
        text = texts(language, f"admin-button-{action}", name=name)
        data = BackendButton(do=action, place=hash_name(name) if name else "").pack()
        return InlineKeyboardButton(text=text, callback_data=data)

    rows = [
        [
            *([create_button(BackendAction.UP, health.name)] if number else []),
            create_button(
                BackendAction.OFF if health.is_enabled else BackendAction.ON, health.name
            ),
        ]
        for number, health in enumerate(backend_pool.get_health())
    ]
    return InlineKeyboardMarkup(
        inline_keyboard=[
            *rows,
            [create_button(BackendAction.AUTO), create_button(BackendAction.RECHECK)],
        ]
    )


def hash_name(name: str) -> str:
    """Short enough for a button, and the same after a restart with other places."""
    return f"{crc32(name.encode()):08x}"
