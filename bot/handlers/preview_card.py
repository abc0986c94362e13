"""Buttons of a preview card: choose the appearance, send a background, order the result."""

from dataclasses import replace

from aiogram import Router
from aiogram.enums import ChatType
from aiogram.filters.callback_data import CallbackData
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery

from bot.database.drafts import DraftNotFound, DraftRepository
from bot.database.jobs import JobOrder, JobRefused
from bot.domain.draft import Draft, SentClip
from bot.domain.job_request import (
    Appearance,
    BackgroundChoice,
    JobRequest,
    Language,
    Requester,
    SourceKind,
)
from bot.handlers.context import Conversation, DialogData, DialogState, create_router
from bot.handlers.media import start_card
from bot.jobs.supervisor import JobSupervisor
from bot.preview_cards import PreviewCards
from bot.ui.callback_data import (
    AskColour,
    AskTimes,
    ChooseStyle,
    KeepBackground,
    MakeResult,
    SendBackground,
    SeparateClips,
    ShowCardPage,
)
from bot.ui.card_choices import CARD_CHOICES, CardChoice

OTHER_BUTTONS = (ShowCardPage, SeparateClips, SendBackground, KeepBackground, MakeResult)
CardButton = (
    CardChoice
    | ShowCardPage
    | SeparateClips
    | AskTimes
    | AskColour
    | SendBackground
    | KeepBackground
    | MakeResult
    | ChooseStyle
)


def create_card_router() -> Router:
    """Create the router for all buttons of cards; each works for the owner of the draft only."""
    router = create_router("card")
    register = router.callback_query.register
    for choice in CARD_CHOICES:
        register(choose, choice.filter(), match_own_draft)
    register(show_page, ShowCardPage.filter(), match_own_draft)
    register(separate_clips, SeparateClips.filter(), match_own_draft)
    register(ask_background, SendBackground.filter(), match_own_draft)
    register(cancel_background_request, KeepBackground.filter(), match_own_draft)
    register(order_result, MakeResult.filter(), match_own_draft)
    buttons: tuple[type[CallbackData], ...] = (*CARD_CHOICES, *OTHER_BUTTONS)
    for button in buttons:
        register(refuse_press, button.filter())
    return router


async def match_own_draft(
    query: CallbackQuery, callback_data: CardButton, drafts: DraftRepository
) -> dict[str, Draft] | bool:
    """Pass the owner of a card that is not ordered yet, and provide its `draft`."""
    draft = await drafts.get(callback_data.draft)
    if draft is None or draft.used or draft.user != query.from_user.id:
        return False
    return {"draft": draft}


async def refuse_press(
    query: CallbackQuery,
    callback_data: CardButton,
    conversation: Conversation,
    drafts: DraftRepository,
) -> None:
    """Explain why a press does nothing."""
    draft = await drafts.get(callback_data.draft)
    if draft is None:
        key = "too-old"
    else:
        key = "not-yours" if draft.user != query.from_user.id else "made-already"
    await conversation.alert(query, conversation.text(key))


async def choose(
    query: CallbackQuery,
    callback_data: CardChoice,
    draft: Draft,
    conversation: Conversation,
    drafts: DraftRepository,
    cards: PreviewCards,
) -> None:
    """Change what a card shows: the mark on its button at once, the picture when it is drawn."""
    changed = callback_data.apply(draft)
    if changed is None:
        await conversation.alert(query, conversation.text("too-old"))
        return
    await conversation.answer(query)
    await change_card(query, draft, changed, conversation, drafts, cards)


async def change_card(
    query: CallbackQuery,
    draft: Draft,
    changed: Draft,
    conversation: Conversation,
    drafts: DraftRepository,
    cards: PreviewCards,
) -> None:
    """Make *changed* of *draft*, whose card was pressed, and remember its look."""
    if changed == draft:
        return
    try:
        await drafts.set_choices(changed)
    except DraftNotFound:  # it was deleted at this moment
        return
    if changed.look != draft.look:
        await conversation.users.set_appearance(draft.user, make_next_look(changed.look))
    cards.request_redraw(draft.id)  # which shows the mark, too, where the next call is refused
    keyboard = conversation.keyboards.create_card(changed, conversation.styles)
    await conversation.edit_keyboard(query, keyboard, is_retried=False)


async def show_page(
    query: CallbackQuery,
    callback_data: ShowCardPage,
    draft: Draft,
    conversation: Conversation,
    drafts: DraftRepository,
) -> None:
    """Show another page of buttons, which stays until the user leaves it."""
    await conversation.answer(query)
    try:
        draft = await drafts.set_page(draft.id, callback_data.page)
    except DraftNotFound:  # it was deleted at this moment
        return
    keyboard = conversation.keyboards.create_card(draft, conversation.styles)
    await conversation.edit_keyboard(query, keyboard)


async def separate_clips(
    query: CallbackQuery,
    draft: Draft,
    conversation: Conversation,
    drafts: DraftRepository,
    cards: PreviewCards,
) -> None:
    """Start a card for each clip of a series, and show on this one that it is for one clip."""
    try:
        separated = await drafts.separate(draft.id)
    except DraftNotFound:  # it was deleted at this moment
        separated = []
    await conversation.answer(query)
    cards.request_redraw(draft.id)
    for other in separated:
        await start_card(other, conversation, drafts, cards)


async def ask_background(
    query: CallbackQuery, draft: Draft, conversation: Conversation, state: FSMContext
) -> None:
    """Ask for a picture or a video, which :mod:`bot.handlers.media` receives."""
    await state.set_state(DialogState.background)
    await state.set_data(dict(DialogData(draft=draft.id)))
    await conversation.answer(query)
    is_private = query.message is None or query.message.chat.type == ChatType.PRIVATE
    await conversation.messenger.send_text(
        replace(draft.destination, reply_to=None),
        conversation.text("background-ask" if is_private else "background-ask-group"),
        keyboard=conversation.keyboards.create_background_request(draft),
    )


async def cancel_background_request(
    query: CallbackQuery, conversation: Conversation, state: FSMContext
) -> None:
    """Close the question for a background."""
    await state.clear()
    await conversation.answer(query)
    await conversation.edit_text(query, conversation.text("question-closed"))


async def order_result(
    query: CallbackQuery,
    draft: Draft,
    conversation: Conversation,
    state: FSMContext,
    drafts: DraftRepository,
    jobs: JobSupervisor,
) -> None:
    """Accept the job of a draft, once."""
    if draft.clip is None:
        await conversation.alert(query, conversation.text("too-old"))
        return
    try:
        await accept_draft(draft, conversation.language, jobs, drafts)
    except JobRefused as refused:
        await conversation.alert(query, conversation.describe_failure(refused.code))
        return
    if (following := make_next_look(draft.look)) != conversation.appearance:
        await conversation.users.set_appearance(draft.user, following)
    await conversation.answer(query, conversation.text("accepted"))
    if (await state.get_data()).get("draft") == draft.id:
        await state.clear()
    await conversation.edit_keyboard(query)


async def accept_draft(
    draft: Draft,
    language: Language,
    jobs: JobSupervisor,
    drafts: DraftRepository,
) -> None:
    """Accept the jobs of a draft, one for each of its clips.

    They are accepted before their draft is marked as used. A crash between the two loses nothing:
    the supervisor accepts the same clip of a draft only once. Nor does a clip that comes meanwhile.

    Raises: see :meth:`JobSupervisor.accept`.
    """
    latest: Draft | None = draft
    while latest is not None:
        orders = [_create_order(latest, clip) for clip in latest.clips]
        await jobs.accept(orders, Requester(draft.user, language))
        latest = await drafts.mark_used(latest)


def _create_order(draft: Draft, clip: SentClip) -> JobOrder:
    is_shown = clip.message == draft.message  # and so its file is in the folder of the draft
    return JobOrder(
        JobRequest(
            clip=clip.source,
            look=draft.look if is_shown else draft.look.forget_face(),
            form=draft.form,
            mattes=draft.mattes,
            excerpt=draft.excerpt,
            cover=draft.cover if is_shown else None,
        ),
        replace(draft.destination, reply_to=clip.message),
        origin=f"draft:{draft.id}" if is_shown else f"clip:{draft.id}:{clip.message}",
    )


def make_next_look(appearance: Appearance) -> Appearance:
    """Return what the next card begins with."""
    return make_reusable(appearance).forget_face()


def make_reusable(appearance: Appearance) -> Appearance:
    """Return *appearance* for another clip: without a linked background, which may disappear."""
    source = appearance.backdrop.source
    if source is None or source.kind is not SourceKind.LINK:
        return appearance
    return appearance.model_copy(update={"backdrop": BackgroundChoice()})
