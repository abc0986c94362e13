"""Presses on a card."""

from dataclasses import replace

from aiogram import Router
from aiogram.enums import ChatType
from aiogram.filters.callback_data import CallbackData
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery

from bot.database.drafts import Draft, DraftNotFound, DraftRepository
from bot.database.jobs import JobRefused
from bot.database.users import UserRepository
from bot.domain.appearance import Appearance, BackgroundChoice
from bot.domain.job_request import JobRequest, Language, Requester
from bot.domain.media_source import SourceKind
from bot.handlers.context import DialogData, DialogState, create_router
from bot.jobs.supervisor import JobSupervisor
from bot.preview_cards import PreviewCards
from bot.telegram.messenger import Messenger
from bot.ui.callback_data import (
    CARD_CHOICES,
    CardChoice,
    KeepBackground,
    MakeResult,
    SendBackground,
    ShowCardPage,
)
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts


def create_card_router() -> Router:
    """All buttons of cards, each for its owner."""
    made = create_router("card")
    for choice in CARD_CHOICES:
        made.callback_query.register(choose, choice.filter(), match_own_draft)
    made.callback_query.register(show_page, ShowCardPage.filter(), match_own_draft)
    made.callback_query.register(ask_background, SendBackground.filter(), match_own_draft)
    made.callback_query.register(
        cancel_background_request, KeepBackground.filter(), match_own_draft
    )
    made.callback_query.register(order_result, MakeResult.filter(), match_own_draft)
    buttons: tuple[type[CallbackData], ...] = (
        *CARD_CHOICES,
        ShowCardPage,
        SendBackground,
        KeepBackground,
        MakeResult,
    )
    for button in buttons:
        made.callback_query.register(refuse_press, button.filter())
    return made


async def match_own_draft(
    query: CallbackQuery,
    callback_data: CardChoice | ShowCardPage | SendBackground | KeepBackground | MakeResult,
    drafts: DraftRepository,
) -> dict[str, Draft] | bool:
    """Pass whoever presses a button of her own card that can still be pressed; tell its draft."""
    draft = await drafts.get(callback_data.draft)
    if draft is None or draft.used or draft.user != query.from_user.id:
        return False
    return {"draft": draft}


async def refuse_press(
    query: CallbackQuery,
    callback_data: CardChoice | ShowCardPage | SendBackground | KeepBackground | MakeResult,
    drafts: DraftRepository,
    messenger: Messenger,
    texts: Texts,
    language: Language,
) -> None:
    """Say why a press does nothing."""
    draft = await drafts.get(callback_data.draft)
    if draft is None:
        key = "too-old"
    else:
        key = "not-yours" if draft.user != query.from_user.id else "made-already"
    await messenger.answer_callback(query.id, texts(language, key), show_alert=True)


async def choose(
    query: CallbackQuery,
    callback_data: CardChoice,
    draft: Draft,
    drafts: DraftRepository,
    cards: PreviewCards,
    users: UserRepository,
    messenger: Messenger,
    texts: Texts,
    language: Language,
    keyboards: Keyboards,
) -> None:
    """Have the card as it was chosen."""
    look = callback_data.apply(draft)
    if look is None:
        await messenger.answer_callback(query.id, texts(language, "too-old"), show_alert=True)
        return
    await messenger.answer_callback(query.id)
    if look == draft.look:
        if under := query.message:  # perhaps with another page
            await messenger.edit_keyboard(
                under.chat.id, under.message_id, keyboards.create_card(draft)
            )
        return
    try:
        await drafts.set_appearance(draft.id, look)
    except DraftNotFound:  # in this moment
        return
    await users.set_appearance(draft.user, make_reusable(look))
    cards.request_redraw(draft.id)


async def show_page(
    query: CallbackQuery,
    callback_data: ShowCardPage,
    draft: Draft,
    messenger: Messenger,
    keyboards: Keyboards,
) -> None:
    """Show another page of buttons."""
    await messenger.answer_callback(query.id)
    if under := query.message:
        keyboard = keyboards.create_card(draft, callback_data.page)
        await messenger.edit_keyboard(under.chat.id, under.message_id, keyboard)


async def ask_background(
    query: CallbackQuery,
    draft: Draft,
    state: FSMContext,
    messenger: Messenger,
    texts: Texts,
    language: Language,
    keyboards: Keyboards,
) -> None:
    """Ask for a picture or a video, and wait for it."""
    await state.set_state(DialogState.background)
    await state.set_data(dict(DialogData(draft=draft.id)))
    await messenger.answer_callback(query.id)
    private = query.message is None or query.message.chat.type == ChatType.PRIVATE
    await messenger.send_text(
        replace(draft.destination, reply_to=None),
        texts(language, "background-ask" if private else "background-ask-group"),
        keyboard=keyboards.create_background_request(draft),
    )


async def cancel_background_request(
    query: CallbackQuery,
    state: FSMContext,
    messenger: Messenger,
    texts: Texts,
    language: Language,
) -> None:
    """Wait for none any more."""
    await state.clear()
    await messenger.answer_callback(query.id)
    if under := query.message:
        text = texts(language, "background-kept")
        await messenger.edit_text(under.chat.id, under.message_id, text)


async def order_result(
    query: CallbackQuery,
    draft: Draft,
    state: FSMContext,
    drafts: DraftRepository,
    jobs: JobSupervisor,
    users: UserRepository,
    messenger: Messenger,
    texts: Texts,
    language: Language,
) -> None:
    """Take the job in, once.

    It is accepted before its draft is marked as used: whoever dies between loses nothing, since
    what the same draft asks for again is known.
    """
    if draft.clip is None:
        await messenger.answer_callback(query.id, texts(language, "too-old"), show_alert=True)
        return
    try:
        await jobs.accept(
            JobRequest(clip=draft.clip, look=draft.look),
            Requester(draft.user, language),
            draft.destination,
            origin=f"draft:{draft.id}",
        )
    except JobRefused as refused:
        await messenger.answer_callback(
            query.id, texts.describe_failure(language, refused.code, {}), show_alert=True
        )
        return
    await drafts.mark_used(draft.id)
    await messenger.answer_callback(query.id, texts(language, "accepted"))
    await users.set_appearance(draft.user, make_reusable(draft.look))
    if (await state.get_data()).get("draft") == draft.id:
        await state.clear()
    if under := query.message:
        await messenger.edit_keyboard(under.chat.id, under.message_id)


def make_reusable(appearance: Appearance) -> Appearance:
    """What of a look can be used for another clip: a link may be dead by then."""
    source = appearance.backdrop.source
    if source is None or source.kind is not SourceKind.LINK:
        return appearance
    return appearance.model_copy(update={"backdrop": BackgroundChoice()})
