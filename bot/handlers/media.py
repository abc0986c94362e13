"""What people send: clips, and what is to be behind them."""

from collections.abc import Iterator

from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.types import Document, Message, MessageEntity

from bot.database.drafts import Draft, DraftNotFound, DraftRepository
from bot.database.users import UserRepository
from bot.domain.job_request import Language, Requester
from bot.domain.media_source import MediaSource, SourceKind
from bot.handlers.context import (
    AddressedToBot,
    DialogData,
    DialogState,
    create_router,
    get_destination,
    reply,
)
from bot.preview_cards import PreviewCards
from bot.telegram.limits import TelegramLimits, check_source
from bot.telegram.messenger import Messenger
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts


def create_media_router(addressed: AddressedToBot) -> Router:
    """Backgrounds that were asked for, before clips and albums."""
    made = create_router("clips")
    for where in (StateFilter(DialogState.background), is_of_same_album):
        made.message.register(receive_background, where, match_background)
    no_command = ~F.text.startswith("/")
    made.message.register(explain_background, DialogState.background, no_command, addressed)
    made.message.register(receive_clip, addressed, match_clip)
    made.message.register(receive_clip, F.media_group_id, addressed, match_picture)
    return made


async def match_clip(message: Message) -> dict[str, MediaSource] | bool:
    """Pass messages with a clip, and tell what it is."""
    clip = extract_clip(message)
    return {"clip": clip} if clip else False


async def match_picture(message: Message) -> dict[str, MediaSource] | bool:
    """Pass messages with a picture, and tell what it is."""
    background = extract_picture(message)
    return {"background": background} if background else False


async def match_background(message: Message) -> dict[str, MediaSource] | bool:
    """Pass messages with a picture or a clip, and tell what it is."""
    source = extract_background(message)
    return {"source": source} if source else False


async def is_of_same_album(message: Message, state: FSMContext) -> bool:
    """Whether a message came with the one that was taken as a background."""
    album = message.media_group_id
    return album is not None and (await state.get_data()).get("album") == album


async def receive_clip(
    message: Message,
    drafts: DraftRepository,
    cards: PreviewCards,
    users: UserRepository,
    messenger: Messenger,
    texts: Texts,
    limits: TelegramLimits,
    language: Language,
    clip: MediaSource | None = None,
    background: MediaSource | None = None,
) -> None:
    """Begin with a clip, or with a picture of its album; or say at once why it is not taken."""
    source = clip or background
    assert source is not None, "a filter found it"
    if refused := check_source(source, limits):
        await reply(
            messenger, message, texts.describe_failure(language, refused.fault, refused.details)
        )
        return
    draft = await _add_to_draft(message, drafts, users, language, clip=clip, background=background)
    if draft is not None:
        await _start_card(draft, drafts, cards, messenger, texts)


async def receive_background(
    message: Message,
    source: MediaSource,
    state: FSMContext,
    drafts: DraftRepository,
    cards: PreviewCards,
    messenger: Messenger,
    texts: Texts,
    limits: TelegramLimits,
    language: Language,
) -> None:
    """Take what was asked for; if its card is no more, it is taken as what it is by itself."""
    draft = await drafts.get((await state.get_data()).get("draft", ""))
    if draft is None or draft.used:
        await state.clear()
        raise SkipHandler
    if refused := check_source(source, limits):
        await reply(
            messenger, message, texts.describe_failure(language, refused.fault, refused.details)
        )
        return
    again = await state.get_state() is None  # a further part of an album
    await _end_question(message, state, draft)
    try:
        await drafts.add_background(draft.id, source)
    except DraftNotFound:
        raise SkipHandler from None
    cards.request_redraw(draft.id)
    if not again:
        await reply(messenger, message, texts(language, "background-taken"))


async def explain_background(
    message: Message,
    state: FSMContext,
    drafts: DraftRepository,
    messenger: Messenger,
    texts: Texts,
    language: Language,
    keyboards: Keyboards,
) -> None:
    """Say what a background can be, and how to do without."""
    draft = await drafts.get((await state.get_data()).get("draft", ""))
    if draft is None or draft.used:
        await state.clear()
        raise SkipHandler
    await reply(
        messenger,
        message,
        texts(language, "background-wrong"),
        keyboards.create_background_request(draft),
    )


async def _add_to_draft(
    message: Message,
    drafts: DraftRepository,
    users: UserRepository,
    language: Language,
    *,
    clip: MediaSource | None = None,
    background: MediaSource | None = None,
) -> Draft | None:
    """The draft of which *message* is the first or another part; None if that is known."""
    user = message.from_user
    assert user is not None, "what is addressed to us comes from somebody"
    return await drafts.add_message(
        Requester(user.id, language),
        get_destination(message),
        await users.get_appearance(user.id),
        clip=clip,
        backgrounds=(background,) if background else (),
        album=message.media_group_id,
    )


async def _start_card(
    draft: Draft, drafts: DraftRepository, cards: PreviewCards, messenger: Messenger, texts: Texts
) -> None:
    """Say that the card is drawn, and have it drawn: a crowd gets its words first."""
    if draft.is_merged:
        cards.request_redraw(draft.id)
        return
    key = "looking-link" if draft.clip and draft.clip.kind is SourceKind.LINK else "looking"
    note = await messenger.send_text(draft.destination, texts(draft.language, key))
    cards.request_card(draft.id)
    if not isinstance(note, int):
        return
    await drafts.set_note(draft.id, note)
    now = await drafts.get(draft.id)
    if now is None or now.card is not None:  # the card was faster
        await messenger.delete_message(draft.chat, note)


async def _end_question(message: Message, state: FSMContext, draft: Draft) -> None:
    """Forget the question, but for the rest of an album that answers it."""
    await state.clear()
    if message.media_group_id:
        await state.set_data(dict(DialogData(draft=draft.id, album=message.media_group_id)))


VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".qt", ".webm", ".mkv", ".avi", ".mpg", ".mpeg"),
    *(".ts", ".mts", ".m2ts", ".3gp", ".wmv", ".flv", ".ogv", ".gif"),
)
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".heic", ".avif")
MAX_LINK_LENGTH = 2000  #: longer ones are none that anybody shares


def extract_clip(message: Message) -> MediaSource | None:
    """The video that somebody sent, in whatever way; None where there is none."""
    return _find_video(message) or _find_link(message)


def extract_background(message: Message) -> MediaSource | None:
    """The picture or the video that somebody sent; None where there is none."""
    return _find_picture(message) or extract_clip(message)


def extract_picture(message: Message) -> MediaSource | None:
    """The picture that somebody sent; None where there is none."""
    return _find_picture(message)


def _find_video(message: Message) -> MediaSource | None:
    if video := message.video:
        return _create_source(SourceKind.VIDEO, video.file_id, video.file_size, video.duration)
    if note := message.video_note:
        return _create_source(SourceKind.NOTE, note.file_id, note.file_size, note.duration)
    if film := message.animation:  # before the document, which Telegram sends with it
        return _create_source(SourceKind.ANIMATION, film.file_id, film.file_size, film.duration)
    if (file := message.document) and _has_type(file, "video/", VIDEO_SUFFIXES, "image/gif"):
        return _create_source(SourceKind.DOCUMENT, file.file_id, file.file_size)
    return None


def _find_picture(message: Message) -> MediaSource | None:
    if message.photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        return _create_source(SourceKind.PHOTO, largest.file_id, largest.file_size)
    if (
        (file := message.document)
        and _has_type(file, "image/", IMAGE_SUFFIXES)
        and not _find_video(message)
    ):
        return _create_source(SourceKind.DOCUMENT, file.file_id, file.file_size)
    return None


def _create_source(
    kind: SourceKind, file_id: str, size: int | None, seconds: float | None = None
) -> MediaSource:
    return MediaSource(kind=kind, file_id=file_id, size=size, seconds=seconds)


def _has_type(file: Document, mime: str, suffixes: tuple[str, ...], *mimes: str) -> bool:
    """Whether a document is of a kind, by its type or by what its name ends with."""
    told = (file.mime_type or "").lower()
    return told.startswith((mime, *mimes)) or (file.file_name or "").lower().endswith(suffixes)


def _find_link(message: Message) -> MediaSource | None:
    """The first http or https link of a text."""
    if message.text is None:
        return None
    found = next(_iterate_links(message.text, message.entities or []), None)
    return MediaSource(kind=SourceKind.LINK, link=found) if found else None


def _iterate_links(text: str, entities: list[MessageEntity]) -> Iterator[str]:
    named = (entity.url or entity.extract_from(text) for entity in entities)
    for word in (*named, *text.split()):
        if word.lower().startswith(("http://", "https://")) and len(word) <= MAX_LINK_LENGTH:
            yield word
