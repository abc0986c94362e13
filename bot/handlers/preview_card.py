"""Presses on a card."""

from aiogram import Router
from aiogram.enums import ChatType
from aiogram.filters.callback_data import CallbackData
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery

from bot.database.drafts import Draft, Drafts, UnknownDraft
from bot.database.jobs import QueueFull, TooMany
from bot.database.users import People
from bot.domain.appearance import Backdrop, Look
from bot.domain.job_request import Language, Order
from bot.domain.media_source import Kind
from bot.domain.outcomes import Fault
from bot.handlers.context import Asked, Waiting, router
from bot.jobs.supervisor import Jobs
from bot.preview_cards import Cards
from bot.telegram.messenger import Sending
from bot.ui.callback_data import CHOICES, CardPage, Choice, Keep, Make, Send
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts


def card_router() -> Router:
    """All buttons of cards, each for its owner."""
    made = router("card")
    for choice in CHOICES:
        made.callback_query.register(chosen, choice.filter(), owned)
    made.callback_query.register(turned, CardPage.filter(), owned)
    made.callback_query.register(ask_background, Send.filter(), owned)
    made.callback_query.register(keep_background, Keep.filter(), owned)
    made.callback_query.register(ordered, Make.filter(), owned)
    buttons: tuple[type[CallbackData], ...] = (*CHOICES, CardPage, Send, Keep, Make)
    for button in buttons:
        made.callback_query.register(refused, button.filter())
    return made


async def owned(
    query: CallbackQuery, callback_data: Choice | CardPage | Send | Keep | Make, drafts: Drafts
) -> dict[str, Draft] | bool:
    """Pass whoever presses a button of her own card that can still be pressed; tell its draft."""
    draft = await drafts.get(callback_data.draft)
    if draft is None or draft.used or draft.user != query.from_user.id:
        return False
    return {"draft": draft}


async def refused(
    query: CallbackQuery,
    callback_data: Choice | CardPage | Send | Keep | Make,
    drafts: Drafts,
    sending: Sending,
    texts: Texts,
    language: Language,
) -> None:
    """Say why a press does nothing."""
    draft = await drafts.get(callback_data.draft)
    if draft is None:
        key = "too-old"
    else:
        key = "not-yours" if draft.user != query.from_user.id else "made-already"
    await sending.answer(query.id, texts(language, key), alert=True)


async def chosen(
    query: CallbackQuery,
    callback_data: Choice,
    draft: Draft,
    drafts: Drafts,
    cards: Cards,
    people: People,
    sending: Sending,
    texts: Texts,
    language: Language,
    keyboards: Keyboards,
) -> None:
    """Have the card as it was chosen."""
    look = callback_data.made(draft)
    if look is None:
        await sending.answer(query.id, texts(language, "too-old"), alert=True)
        return
    await sending.answer(query.id)
    if look == draft.look:
        if under := query.message:  # perhaps with another page
            await sending.edit_keyboard(under.chat.id, under.message_id, keyboards.card(draft))
        return
    try:
        await drafts.change(draft.id, look)
    except UnknownDraft:  # in this moment
        return
    await people.remember(draft.user, lasting(look))
    cards.renew(draft.id)


async def turned(
    query: CallbackQuery,
    callback_data: CardPage,
    draft: Draft,
    sending: Sending,
    keyboards: Keyboards,
) -> None:
    """Show another page of buttons."""
    await sending.answer(query.id)
    if under := query.message:
        keyboard = keyboards.card(draft, callback_data.page)
        await sending.edit_keyboard(under.chat.id, under.message_id, keyboard)


async def ask_background(
    query: CallbackQuery,
    draft: Draft,
    state: FSMContext,
    sending: Sending,
    texts: Texts,
    language: Language,
    keyboards: Keyboards,
) -> None:
    """Ask for a picture or a video, and wait for it."""
    await state.set_state(Waiting.background)
    await state.set_data(dict(Asked(draft=draft.id)))
    await sending.answer(query.id)
    private = query.message is None or query.message.chat.type == ChatType.PRIVATE
    await sending.text(
        draft.chat,
        texts(language, "background-ask" if private else "background-ask-group"),
        topic=draft.topic,
        keyboard=keyboards.asking(draft),
    )


async def keep_background(
    query: CallbackQuery,
    state: FSMContext,
    sending: Sending,
    texts: Texts,
    language: Language,
) -> None:
    """Wait for none any more."""
    await state.clear()
    await sending.answer(query.id)
    if under := query.message:
        text = texts(language, "background-kept")
        await sending.edit_text(under.chat.id, under.message_id, text)


async def ordered(
    query: CallbackQuery,
    draft: Draft,
    state: FSMContext,
    drafts: Drafts,
    jobs: Jobs,
    people: People,
    sending: Sending,
    texts: Texts,
    language: Language,
) -> None:
    """Take the job in, once.

    It is accepted before its draft is marked as used: whoever dies between loses nothing, since
    what the same draft asks for again is known.
    """
    if draft.clip is None:
        await sending.answer(query.id, texts(language, "too-old"), alert=True)
        return
    try:
        await jobs.accept(
            Order(clip=draft.clip, look=draft.look),
            user=draft.user,
            chat=draft.chat,
            topic=draft.topic,
            reply_to=draft.message,
            language=language,
            origin=f"draft:{draft.id}",
        )
    except (TooMany, QueueFull) as full:
        await sending.answer(query.id, too_many(texts, language, full), alert=True)
        return
    await drafts.use(draft.id)
    await sending.answer(query.id, texts(language, "accepted"))
    await people.remember(draft.user, lasting(draft.look))
    if (await state.get_data()).get("draft") == draft.id:
        await state.clear()
    if under := query.message:
        await sending.edit_keyboard(under.chat.id, under.message_id)


def too_many(texts: Texts, language: Language, full: TooMany | QueueFull) -> str:
    """Why a job cannot be taken in now."""
    fault = Fault.TOO_MANY if isinstance(full, TooMany) else Fault.QUEUE_FULL
    return texts.fault(language, fault, {})


def lasting(look: Look) -> Look:
    """What of a look can be used for another clip: a link may be dead by then."""
    source = look.backdrop.source
    if source is None or source.kind is not Kind.LINK:
        return look
    return look.model_copy(update={"backdrop": Backdrop()})
