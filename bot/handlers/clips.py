"""What people send: clips, and what is to be behind them."""

from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.types import Message

from bot.cards import Cards
from bot.database.drafts import Draft, Drafts, UnknownDraft
from bot.database.people import People
from bot.handlers import brought
from bot.handlers.addressed import Addressed
from bot.handlers.speaking import reply, router, topic_of
from bot.handlers.waiting import Asked, Waiting
from bot.keyboards import Keyboards
from bot.languages import Language
from bot.source import Kind, Source
from bot.telegram.limits import Limits, refusal
from bot.telegram.sending import Sending
from bot.texts import Texts


def clips_router(addressed: Addressed) -> Router:
    """Backgrounds that were asked for, before clips and albums."""
    made = router("clips")
    for where in (StateFilter(Waiting.background), of_the_same_album):
        made.message.register(behind, where, brought_background)
    no_command = ~F.text.startswith("/")
    made.message.register(no_background, Waiting.background, no_command, addressed)
    made.message.register(opened, addressed, brought_clip)
    made.message.register(opened, F.media_group_id, addressed, brought_picture)
    return made


async def brought_clip(message: Message) -> dict[str, Source] | bool:
    """Pass messages with a clip, and tell what it is."""
    clip = brought.clip(message)
    return {"clip": clip} if clip else False


async def brought_picture(message: Message) -> dict[str, Source] | bool:
    """Pass messages with a picture, and tell what it is."""
    background = brought.picture(message)
    return {"background": background} if background else False


async def brought_background(message: Message) -> dict[str, Source] | bool:
    """Pass messages with a picture or a clip, and tell what it is."""
    source = brought.background(message)
    return {"source": source} if source else False


async def of_the_same_album(message: Message, state: FSMContext) -> bool:
    """Whether a message came with the one that was taken as a background."""
    album = message.media_group_id
    return album is not None and (await state.get_data()).get("album") == album


async def opened(
    message: Message,
    drafts: Drafts,
    cards: Cards,
    people: People,
    sending: Sending,
    texts: Texts,
    limits: Limits,
    language: Language,
    clip: Source | None = None,
    background: Source | None = None,
) -> None:
    """Begin with a clip, or with a picture of its album; or say at once why it is not taken."""
    source = clip or background
    assert source is not None, "a filter found it"
    if refused := refusal(source, limits):
        await reply(sending, message, texts.fault(language, refused.fault, refused.details))
        return
    draft = await _draft(message, drafts, people, language, clip=clip, background=background)
    if draft is not None:
        await _begun(draft, drafts, cards, sending, texts)


async def behind(
    message: Message,
    source: Source,
    state: FSMContext,
    drafts: Drafts,
    cards: Cards,
    sending: Sending,
    texts: Texts,
    limits: Limits,
    language: Language,
) -> None:
    """Take what was asked for; if its card is no more, it is taken as what it is by itself."""
    draft = await drafts.get((await state.get_data()).get("draft", ""))
    if draft is None or draft.used:
        await state.clear()
        raise SkipHandler
    if refused := refusal(source, limits):
        await reply(sending, message, texts.fault(language, refused.fault, refused.details))
        return
    again = await state.get_state() is None  # a further part of an album
    await _asked_no_more(message, state, draft)
    try:
        await drafts.add_background(draft.id, source)
    except UnknownDraft:
        raise SkipHandler from None
    cards.renew(draft.id)
    if not again:
        await reply(sending, message, texts(language, "background-taken"))


async def no_background(
    message: Message,
    state: FSMContext,
    drafts: Drafts,
    sending: Sending,
    texts: Texts,
    language: Language,
    keyboards: Keyboards,
) -> None:
    """Say what a background can be, and how to do without."""
    draft = await drafts.get((await state.get_data()).get("draft", ""))
    if draft is None or draft.used:
        await state.clear()
        raise SkipHandler
    await reply(sending, message, texts(language, "background-wrong"), keyboards.asking(draft))


async def _draft(
    message: Message,
    drafts: Drafts,
    people: People,
    language: Language,
    *,
    clip: Source | None = None,
    background: Source | None = None,
) -> Draft | None:
    """The draft of which *message* is the first or another part; None if that is known."""
    user = message.from_user
    assert user is not None, "what is addressed to us comes from somebody"
    return await drafts.open(
        user=user.id,
        chat=message.chat.id,
        message=message.message_id,
        topic=topic_of(message),
        language=language,
        look=await people.look(user.id),
        clip=clip,
        backgrounds=(background,) if background else (),
        album=message.media_group_id,
    )


async def _begun(
    draft: Draft, drafts: Drafts, cards: Cards, sending: Sending, texts: Texts
) -> None:
    """Say that the card is drawn, and have it drawn: a crowd gets its words first."""
    if draft.joined:
        cards.renew(draft.id)
        return
    key = "looking-link" if draft.clip and draft.clip.kind is Kind.LINK else "looking"
    note = await sending.text(
        draft.chat, texts(draft.language, key), topic=draft.topic, reply_to=draft.message
    )
    cards.make(draft.id)
    if not isinstance(note, int):
        return
    await drafts.noted(draft.id, note)
    now = await drafts.get(draft.id)
    if now is None or now.card is not None:  # the card was faster
        await sending.delete(draft.chat, note)


async def _asked_no_more(message: Message, state: FSMContext, draft: Draft) -> None:
    """Forget the question, but for the rest of an album that answers it."""
    await state.clear()
    if message.media_group_id:
        await state.set_data(dict(Asked(draft=draft.id, album=message.media_group_id)))
