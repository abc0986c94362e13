"""What users answer in words to a card: the two times that trim its clip, and colours."""

import re
from dataclasses import replace

import webcolors
from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from pydantic import ValidationError

from bot.database.drafts import DraftNotFound, DraftRepository
from bot.domain.draft import Draft
from bot.domain.job_request import Appearance, BackgroundChoice, RingStyle
from bot.handlers.context import (
    AddressedToBot,
    Conversation,
    DialogData,
    DialogState,
    create_router,
)
from bot.handlers.preview_card import make_next_look, match_own_draft, refuse_press
from bot.preview_cards import PreviewCards
from bot.ui.callback_data import AskColour, AskTimes
from bot.ui.texts import format_excerpt
from video_editing.contract.excerpt import Excerpt

_TIME = r"(\d+(?::\d+){0,2}(?:[.,]\d+)?)?"
#: two times as users write them: 0:05–0:42, 5-42, 0:05 0:42; one may be missing: 0:05–
TWO_TIMES = re.compile(rf"\s*{_TIME}\s*(?:[-–—−]|\.\.+|…|\s)\s*{_TIME}\s*")
HEX_COLOUR = re.compile(r"#[0-9a-f]{3}|#?[0-9a-f]{6}")
#: CSS names of common colours, by their Russian names, written without dots
RUSSIAN_COLOURS = {
    "белый": "white",
    "серый": "gray",
    "черный": "black",
    "красный": "red",
    "малиновый": "crimson",
    "бордовый": "maroon",
    "розовый": "pink",
    "оранжевый": "orange",
    "коричневый": "brown",
    "бежевый": "beige",
    "золотой": "gold",
    "желтый": "yellow",
    "салатовый": "lawngreen",
    "зеленый": "green",
    "темнозеленый": "darkgreen",
    "бирюзовый": "turquoise",
    "голубой": "skyblue",
    "синий": "blue",
    "темносиний": "navy",
    "сиреневый": "plum",
    "фиолетовый": "purple",
    "серебряный": "silver",
}


def create_answers_router(addressed: AddressedToBot) -> Router:
    """Create the router for the questions of cards and for the answers to them.

    Two times need no question: they are for the card that they reply to, or for the last one.
    """
    router = create_router("answers")
    is_text = F.text & ~F.text.startswith("/")
    router.message.register(trim, addressed, match_times)
    router.message.register(explain_times, DialogState.times, is_text, addressed)
    router.message.register(paint, DialogState.colour, is_text, addressed)
    for ask, button in ((ask_times, AskTimes), (ask_colour, AskColour)):
        router.callback_query.register(ask, button.filter(), match_own_draft)
        router.callback_query.register(refuse_press, button.filter())
    return router


async def ask_times(
    query: CallbackQuery, draft: Draft, conversation: Conversation, state: FSMContext
) -> None:
    """Ask for the start and the end of the used part of the clip, as text."""
    await state.set_state(DialogState.times)
    await state.set_data(dict(DialogData(draft=draft.id)))
    await conversation.answer(query)
    await conversation.messenger.send_text(
        replace(draft.destination, reply_to=draft.card), conversation.text("times-ask")
    )


async def ask_colour(
    query: CallbackQuery,
    callback_data: AskColour,
    draft: Draft,
    conversation: Conversation,
    state: FSMContext,
) -> None:
    """Ask for a colour, as text."""
    await state.set_state(DialogState.colour)
    await state.set_data(dict(DialogData(draft=draft.id, part=callback_data.part)))
    await conversation.answer(query)
    await conversation.messenger.send_text(
        replace(draft.destination, reply_to=draft.card), conversation.text("colour-ask")
    )


async def match_times(message: Message) -> dict[str, list[str]] | bool:
    """Pass texts of two times, one of which may be missing, and provide them as `times`."""
    found = TWO_TIMES.fullmatch(message.text or "")
    if found is None or not any(found.groups()):
        return False
    return {"times": [(time or "").replace(",", ".") for time in found.groups()]}


async def trim(
    message: Message,
    times: list[str],
    conversation: Conversation,
    state: FSMContext,
    drafts: DraftRepository,
    cards: PreviewCards,
) -> None:
    """Use the part of the clip between two times: of the card that is meant, or the last one."""
    draft = await _find_meant_draft(message, state, drafts)
    if draft is None:
        raise SkipHandler
    length = (draft.clip and draft.clip.seconds) or 0
    try:
        excerpt = Excerpt.model_validate({"start": times[0] or 0, "end": times[1] or None})
    except ValidationError:
        excerpt = None
    if excerpt is None or not _is_possible(excerpt, length):
        await conversation.reply(message, conversation.text("times-wrong", seconds=length))
        return
    if length and excerpt.end and excerpt.end >= length:
        excerpt = Excerpt(start=excerpt.start)
    if await state.get_state() == DialogState.times:
        await state.clear()
    try:
        await drafts.set_choices(replace(draft, excerpt=excerpt))
    except DraftNotFound:
        raise SkipHandler from None
    cards.request_redraw(draft.id)
    part = format_excerpt(excerpt, length)
    await conversation.reply(message, conversation.text("times-taken", part=part))


async def explain_times(message: Message, conversation: Conversation) -> None:
    """Explain how two times are written."""
    await conversation.reply(message, conversation.text("times-wrong", seconds=0))


async def paint(
    message: Message,
    conversation: Conversation,
    state: FSMContext,
    drafts: DraftRepository,
    cards: PreviewCards,
) -> None:
    """Use a colour for the part of the card that was asked about; or explain colours."""
    data = await state.get_data()
    draft = await drafts.get(data.get("draft", ""))
    if draft is None or draft.used:
        await state.clear()
        raise SkipHandler
    colour = parse_colour_text(message.text or "")
    if colour is None:
        await conversation.reply(message, conversation.text("colour-wrong"))
        return
    await state.clear()
    look = _paint(draft.look, data.get("part", ""), colour)
    try:
        await drafts.set_choices(replace(draft, look=look))
    except DraftNotFound:
        raise SkipHandler from None
    await conversation.users.set_appearance(draft.user, make_next_look(look))
    cards.request_redraw(draft.id)
    await conversation.reply(message, conversation.text("colour-taken", colour=colour))


def _paint(look: Appearance, part: str, colour: str) -> Appearance:
    """Return *look* with a ring or a background of *colour*; no ring becomes one."""
    if part == "ring":
        ring = RingStyle.WHITE if look.ring is RingStyle.NONE else look.ring
        return look.model_copy(update={"ring": ring, "ring_colour": colour})
    return look.model_copy(update={"backdrop": BackgroundChoice(colour=colour)})


def parse_colour_text(text: str) -> str | None:
    """Return a colour that a user wrote as "#rrggbb", or None.

    It may be #rgb, #rrggbb with or without the #, a CSS name with or without blanks, or a common
    Russian name.
    """
    word = re.sub(r"[\s_-]", "", text.lower()).replace("ё", "\N{CYRILLIC SMALL LETTER IE}")
    if found := HEX_COLOUR.fullmatch(word):
        return str(webcolors.normalize_hex(f"#{found[0].removeprefix('#')}"))
    try:
        return str(webcolors.name_to_hex(RUSSIAN_COLOURS.get(word, word)))
    except ValueError:
        return None


async def _find_meant_draft(
    message: Message, state: FSMContext, drafts: DraftRepository
) -> Draft | None:
    """Return the open draft that was asked about or replied to, or else the last one here."""
    assert message.from_user is not None, "messages to the bot have an author"
    if await state.get_state() == DialogState.times:
        asked = await drafts.get((await state.get_data()).get("draft", ""))
        if asked is not None and not asked.used:
            return asked
    user, chat, replied = message.from_user.id, message.chat.id, message.reply_to_message
    by_card = replied and await drafts.find_open(user, chat, replied.message_id)
    return by_card or await drafts.find_open(user, chat, None)


def _is_possible(excerpt: Excerpt, length: float) -> bool:
    """Return whether something of a clip that lasts *length* seconds, 0 if unknown, is left."""
    is_before_end = not length or excerpt.start < length
    return is_before_end and (excerpt.end is None or excerpt.start < excerpt.end)
