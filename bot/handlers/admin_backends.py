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

from bot.database.statistics import Statistics, Use
from bot.database.users import People
from bot.domain.job_request import Language
from bot.handlers.context import answer, language_of, span
from bot.operations.backend_pool import Health, LastPlace, Places, UnknownPlace
from bot.telegram.messenger import Sending
from bot.ui.texts import Texts

log = logging.getLogger(__name__)

AUTO = "auto"


class Do(StrEnum):
    """What a button does."""

    UP = "up"
    ON = "on"
    OFF = "off"
    AUTO = "auto"
    LOOK = "look"


class Turn(CallbackData, prefix="adm"):
    """A button of the chain.

    Attributes:
        do: what it does.
        place: with which, by its mark.
    """

    do: Do
    place: str = ""


async def backend(
    message: Message,
    command: CommandObject,
    places: Places,
    statistics: Statistics,
    sending: Sending,
    texts: Texts,
    people: People,
) -> None:
    """Show the chain; first put the place that is named before all others."""
    language = await language_of(message.from_user, people)
    said = await _obeyed((command.args or "").strip().lower(), places, texts, language)
    if command.args:
        log.info("%s of admin %s", command.text, message.from_user and message.from_user.id)
    text = await _chain(places, statistics, texts, language)
    keyboard = _keyboard(places, texts, language)
    await answer(sending, message, f"{said}\n\n{text}" if said else text, keyboard)


async def turned(
    query: CallbackQuery,
    callback_data: Turn,
    places: Places,
    statistics: Statistics,
    sending: Sending,
    texts: Texts,
    people: People,
) -> None:
    """Do what the button says, and show the chain as it is then."""
    language = await language_of(query.from_user, people)
    log.info("%s of admin %s", callback_data, query.from_user.id)
    if callback_data.do is Do.LOOK:  # takes a moment, in which the button would seem dead
        await sending.answer(query.id, texts(language, "admin-looking"))
        await places.look_again()
    else:
        await sending.answer(query.id, await _done(callback_data, places, texts, language))
    if not isinstance(query.message, Message):  # too old to be edited
        return
    text = await _chain(places, statistics, texts, language)
    chat, message = query.message.chat.id, query.message.message_id
    keyboard = _keyboard(places, texts, language)
    await sending.edit_text(chat, message, text, keyboard=keyboard)


async def _obeyed(name: str, places: Places, texts: Texts, language: Language) -> str:
    """What to say of ``/backend`` *name*, after it was done."""
    if not name:
        return ""
    if name == AUTO:
        await places.automatic()
        return texts(language, "admin-auto-done")
    try:
        await places.first(name)
    except UnknownPlace:
        return texts(language, "admin-unknown", names=", ".join((*places.names, AUTO)))
    others = [health.name for health in places.health() if health.on and health.name != name]
    there = next(health for health in places.health() if health.name == name).absent is None
    return texts(
        language,
        "admin-first",
        name=name,
        there="yes" if there else "no",
        others=", ".join(others) or "–",
    )


async def _done(turn: Turn, places: Places, texts: Texts, language: Language) -> str:
    """What to say of a button, after it did what it does."""
    if turn.do is Do.AUTO:
        await places.automatic()
        return texts(language, "admin-auto-done")
    name = next((name for name in places.names if mark(name) == turn.place), None)
    if name is None:  # the settings have changed since
        return texts(language, "admin-unknown", names=", ".join(places.names))
    try:
        if turn.do is Do.UP:
            await places.up(name)
        else:
            await places.switch(name, on=turn.do is Do.ON)
    except LastPlace:
        return texts(language, "admin-last", name=name)
    return texts(language, "admin-done")


async def _chain(places: Places, statistics: Statistics, texts: Texts, language: Language) -> str:
    """The whole chain, a paragraph for each place."""
    uses = await statistics.uses(time())
    order = texts(language, "admin-order", auto="yes" if places.auto else "no")
    lines = [
        _place(number, health, uses.get(health.name), texts, language)
        for number, health in enumerate(places.health(), 1)
    ]
    return "\n\n".join([order, *lines])


def _place(number: int, health: Health, use: Use | None, texts: Texts, language: Language) -> str:
    lines = [
        texts(
            language,
            "admin-place",
            number=number,
            name=health.name,
            state=_state(health),
            why=texts(language, "admin-why", why=health.absent.value) if health.absent else "",
            failures=health.failures,
            seconds=round(health.resting),
        )
    ]
    lines += [
        texts(language, "admin-speed", engine=engine, speed=speed)
        for engine, speed in health.speeds.items()
    ]
    if use:
        ago = span(texts, language, time() - use.last)
        lines.append(texts(language, "admin-use", dollars=use.dollars, ago=ago))
    return "\n".join(lines)


def _state(health: Health) -> str:
    if not health.on:
        return "off"
    if health.absent:
        return "absent"
    if health.resting:
        return "resting"
    return "failing" if health.failures else "there"


def _keyboard(places: Places, texts: Texts, language: Language) -> InlineKeyboardMarkup:
    """A row for each place, and one for all."""

    def button(do: Do, name: str = "") -> InlineKeyboardButton:
        text = texts(language, f"admin-button-{do}", name=name)
        data = Turn(do=do, place=mark(name) if name else "").pack()
        return InlineKeyboardButton(text=text, callback_data=data)

    rows = [
        [
            *([button(Do.UP, health.name)] if number else []),
            button(Do.OFF if health.on else Do.ON, health.name),
        ]
        for number, health in enumerate(places.health())
    ]
    return InlineKeyboardMarkup(inline_keyboard=[*rows, [button(Do.AUTO), button(Do.LOOK)]])


def mark(name: str) -> str:
    """Short enough for a button, and the same after a restart with other places."""
    return f"{crc32(name.encode()):08x}"
