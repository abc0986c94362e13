"""What people send: clips, and what is to be behind them."""

from collections.abc import Iterator

from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.types import Document, Message, MessageEntity

from bot.database.drafts import Draft, Drafts, UnknownDraft
from bot.database.users import People
from bot.domain.job_request import Language
from bot.domain.media_source import Kind, Source
from bot.handlers.context import Addressed, Asked, Waiting, reply, router, topic_of
from bot.preview_cards import Cards
from bot.telegram.limits import Limits, refusal
from bot.telegram.messenger import Sending
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts


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
    clip = extract_clip(message)
    return {"clip": clip} if clip else False


async def brought_picture(message: Message) -> dict[str, Source] | bool:
    """Pass messages with a picture, and tell what it is."""
    background = extract_picture(message)
    return {"background": background} if background else False


async def brought_background(message: Message) -> dict[str, Source] | bool:
    """Pass messages with a picture or a clip, and tell what it is."""
    source = extract_background(message)
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


FILMS = (
    *(".mp4", ".m4v", ".mov", ".qt", ".webm", ".mkv", ".avi", ".mpg", ".mpeg"),
    *(".ts", ".mts", ".m2ts", ".3gp", ".wmv", ".flv", ".ogv", ".gif"),
)
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".heic", ".avif")
LINK_LETTERS = 2000  #: longer ones are none that anybody shares


def extract_clip(message: Message) -> Source | None:
    """The video that somebody sent, in whatever way; None where there is none."""
    return _film(message) or _link(message)


def extract_background(message: Message) -> Source | None:
    """The picture or the video that somebody sent; None where there is none."""
    return _picture(message) or extract_clip(message)


def extract_picture(message: Message) -> Source | None:
    """The picture that somebody sent; None where there is none."""
    return _picture(message)


def _film(message: Message) -> Source | None:
    if video := message.video:
        return _source(Kind.VIDEO, video.file_id, video.file_size, video.duration)
    if note := message.video_note:
        return _source(Kind.NOTE, note.file_id, note.file_size, note.duration)
    if film := message.animation:  # before the document, which Telegram sends with it
        return _source(Kind.ANIMATION, film.file_id, film.file_size, film.duration)
    if (file := message.document) and _is(file, "video/", FILMS, "image/gif"):
        return _source(Kind.DOCUMENT, file.file_id, file.file_size)
    return None


def _picture(message: Message) -> Source | None:
    if message.photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        return _source(Kind.PHOTO, largest.file_id, largest.file_size)
    if (file := message.document) and _is(file, "image/", PICTURES) and not _film(message):
        return _source(Kind.DOCUMENT, file.file_id, file.file_size)
    return None


def _source(kind: Kind, file: str, size: int | None, seconds: float | None = None) -> Source:
    return Source(kind=kind, file_id=file, size=size, seconds=seconds)


def _is(file: Document, mime: str, suffixes: tuple[str, ...], *mimes: str) -> bool:
    """Whether a document is of a kind, by its type or by what its name ends with."""
    told = (file.mime_type or "").lower()
    return told.startswith((mime, *mimes)) or (file.file_name or "").lower().endswith(suffixes)


def _link(message: Message) -> Source | None:
    """The first http or https link of a text."""
    if message.text is None:
        return None
    found = next(_links(message.text, message.entities or []), None)
    return Source(kind=Kind.LINK, link=found) if found else None


def _links(text: str, entities: list[MessageEntity]) -> Iterator[str]:
    named = (entity.url or entity.extract_from(text) for entity in entities)
    for word in (*named, *text.split()):
        if word.lower().startswith(("http://", "https://")) and len(word) <= LINK_LETTERS:
            yield word
