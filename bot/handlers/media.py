"""Clips, links, albums and backgrounds that users send."""

import time
from collections.abc import Callable

from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import Command, CommandStart, StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Document, Message, MessageEntity
from pydantic import BaseModel

from bot.database.drafts import SERIES_SECONDS, DraftNotFound, DraftRepository
from bot.domain.draft import Draft
from bot.domain.job_request import MediaSource, Requester, SourceKind
from bot.domain.outcomes import Rejected
from bot.handlers.context import (
    IN_TEXT,
    MAKE_COMMAND,
    AddressedToBot,
    Conversation,
    DialogData,
    DialogState,
    create_router,
    get_destination,
)
from bot.preview_cards import PreviewCards
from bot.telegram.assets import SAMPLE_SECONDS
from bot.telegram.limits import TelegramLimits, check_source
from bot.ui.callback_data import TrySample
from video_editing.contract.media import PICTURE_KINDS

FORBIDDEN_CHARACTERS = '<>:"/\\|?*'  #: in names of files, on some systems
MAX_FILE_NAME_LENGTH = 60  #: characters of a name that a result has from its clip
PICTURE_SUFFIXES = tuple(suffix for kind in PICTURE_KINDS for suffix in kind.suffixes)
#: MIME types of files that are refused unseen: documents and archives. All others may be videos,
#: since names and types are often wrong or missing.
REFUSED_TYPES = (
    *("application/pdf", "application/rtf", "application/msword", "application/epub"),
    *("application/vnd.ms-excel", "application/vnd.ms-powerpoint", "application/vnd.ms-word"),
    *("application/vnd.openxmlformats-officedocument", "application/vnd.oasis.opendocument"),
    *("application/vnd.android.package-archive", "application/java-archive"),
    *("application/zip", "application/gzip", "application/vnd.rar", "application/x-rar"),
    *("application/x-7z", "application/x-tar"),
)
SAMPLE = MediaSource(kind=SourceKind.SAMPLE, seconds=SAMPLE_SECONDS)
SAMPLE_LINK = "sample"  #: t.me/BOT?start=sample
KEPT_SECONDS = 600.0  #: for which a picture waits for its clip, or a card for a picture
MAX_LINK_LENGTH = 2000  #: characters; a longer link is ignored
MAX_REMEMBERED_CHATS = 1000  #: in which a file was refused


class KeptBackground(BaseModel):
    """A picture that came before its clip, as it is stored with the state of the dialog.

    Attributes:
        source: the picture.
        at: when it came, in seconds since 1970.
    """

    source: MediaSource
    at: float


class RecentRefusals:
    """Tells the first file of a series that is refused from those that follow at once.

    No user answers a refusal that fast.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused_at: dict[tuple[int, int, str], float] = {}  # the latest last

    def is_first(self, chat: int, user: int, fault: str) -> bool:
        """Record that a file is refused for *fault*; return whether that is to be said."""
        key, now = (chat, user, fault), self._clock()
        last = self._refused_at.pop(key, float("-inf"))
        self._refused_at[key] = now
        if len(self._refused_at) > MAX_REMEMBERED_CHATS:
            del self._refused_at[next(iter(self._refused_at))]
        return now - last > SERIES_SECONDS


def create_sample_router() -> Router:
    """Create the router for the bot's own clip; it is asked before the one for /start."""
    router = create_router("sample")
    is_linked = CommandStart(deep_link=True, magic=F.args == SAMPLE_LINK)
    router.message.register(receive_clip, IN_TEXT, is_linked, provide_sample)
    router.callback_query.register(try_sample, TrySample.filter())
    return router


def create_media_router(addressed: AddressedToBot) -> Router:
    """Create the router; answers to a question for a background come before clips and albums."""
    router = create_router("media")
    for is_answer in (StateFilter(DialogState.background), is_of_same_album):
        router.message.register(receive_background, is_answer, match_background)
    no_command = ~F.text.startswith("/")
    router.message.register(explain_background, DialogState.background, no_command, addressed)
    router.message.register(use_background, match_background, match_replied_card)
    is_make = Command(MAKE_COMMAND)
    for handler, *condition in ((refuse_clip, match_rejection), (receive_clip,)):
        router.message.register(
            handler, IN_TEXT, is_make, addressed, match_replied_clip, *condition
        )
        router.message.register(handler, addressed, match_clip, *condition)
    router.edited_message.register(receive_clip, IN_TEXT, addressed, match_clip)
    router.message.register(receive_clip, F.media_group_id, addressed, match_picture)
    router.message.register(use_background, addressed, match_background, match_new_card)
    router.message.register(keep_background, addressed, match_picture)
    return router


async def provide_sample(_: Message) -> dict[str, MediaSource]:
    """Provide the bot's own clip as `clip`."""
    return {"clip": SAMPLE}


async def match_clip(message: Message) -> dict[str, MediaSource] | bool:
    """Pass messages with a clip or a link, and provide it as `clip`."""
    clip = extract_clip(message)
    return {"clip": clip} if clip else False


async def match_replied_clip(message: Message) -> dict[str, MediaSource] | bool:
    """Pass replies to a message with a clip or a link, and provide it as `clip`."""
    return await match_clip(message.reply_to_message) if message.reply_to_message else False


async def match_rejection(
    message: Message, clip: MediaSource, limits: TelegramLimits
) -> dict[str, Rejected] | bool:
    """Pass a clip that is not accepted, and provide its `rejection`.

    An album is refused as a whole, by its card.
    """
    rejection = None if message.media_group_id else check_source(clip, limits)
    return {"rejection": rejection} if rejection else False


async def match_picture(message: Message) -> dict[str, MediaSource] | bool:
    """Pass messages with a picture, and provide it as `background`."""
    background = extract_picture(message)
    return {"background": background} if background else False


async def match_background(message: Message) -> dict[str, MediaSource] | bool:
    """Pass messages with a picture or a clip, and provide it as `source`."""
    source = extract_background(message)
    return {"source": source} if source else False


async def match_replied_card(message: Message, drafts: DraftRepository) -> dict[str, Draft] | bool:
    """Pass replies to the user's own card that is not ordered yet, and provide its `draft`."""
    replied = message.reply_to_message
    if message.from_user is None or replied is None:
        return False
    draft = await drafts.find_open(message.from_user.id, message.chat.id, replied.message_id)
    return {"draft": draft} if draft else False


async def match_new_card(message: Message, drafts: DraftRepository) -> dict[str, Draft] | bool:
    """Pass messages that follow a new card of the user's, and provide its `draft`."""
    assert message.from_user is not None, "messages to the bot have an author"
    draft = await drafts.find_open(message.from_user.id, message.chat.id, None)
    is_new = draft is not None and time.time() - draft.created < KEPT_SECONDS
    return {"draft": draft} if draft and is_new else False


async def is_of_same_album(message: Message, state: FSMContext) -> bool:
    """Return whether *message* is a further part of an album that answered the question."""
    album = message.media_group_id
    return album is not None and (await state.get_data()).get("album") == album


async def refuse_clip(
    message: Message,
    rejection: Rejected,
    conversation: Conversation,
    refusals: RecentRefusals,
) -> None:
    """Explain why a clip is refused; of a series that is refused for one reason, once."""
    user = message.from_user
    assert user is not None, "messages to the bot have an author"
    if refusals.is_first(message.chat.id, user.id, rejection.fault):
        text = conversation.describe_failure(rejection.fault, rejection.details)
        await conversation.reply(message, text)


async def receive_clip(
    message: Message,
    conversation: Conversation,
    state: FSMContext,
    drafts: DraftRepository,
    cards: PreviewCards,
    clip: MediaSource | None = None,
    background: MediaSource | None = None,
) -> None:
    """Start a card from a clip, with a picture that came before; or from a picture in its album."""
    user = message.from_user
    assert user is not None, "messages to the bot have an author"
    if message.media_group_id is None:
        background = await _take_kept_background(state)
    draft = await drafts.add_message(
        Requester(user.id, conversation.language),
        get_destination(message),
        conversation.appearance,
        clip=clip,
        backgrounds=(background,) if background else (),
        album=message.media_group_id,
    )
    if draft is None:
        return
    await start_card(draft, conversation, drafts, cards)
    if clip and clip.kind is SourceKind.LINK and len(_find_links(message)) > 1:
        await conversation.reply(message, conversation.text("one-link"))


async def receive_background(
    message: Message,
    source: MediaSource,
    conversation: Conversation,
    state: FSMContext,
    drafts: DraftRepository,
    cards: PreviewCards,
) -> None:
    """Add the background to the draft; without that draft, handle the message like any other."""
    draft = await _get_requesting_draft(state, drafts)
    if await _refuse_background(message, source, conversation):
        return
    is_first = await state.get_state() is not None  # not a further part of an album
    await _close_question(message, state, draft)
    await _add_background(draft, source, drafts, cards)
    if is_first:
        await conversation.reply(message, conversation.text("background-taken"))


async def use_background(
    message: Message,
    source: MediaSource,
    draft: Draft,
    conversation: Conversation,
    drafts: DraftRepository,
    cards: PreviewCards,
) -> None:
    """Add the background to the card that it replies to or follows."""
    if await _refuse_background(message, source, conversation):
        return
    await _add_background(draft, source, drafts, cards)
    await conversation.reply(message, conversation.text("background-taken"))


async def keep_background(
    message: Message, background: MediaSource, conversation: Conversation, state: FSMContext
) -> None:
    """Keep a picture for the clip that comes next."""
    if await _refuse_background(message, background, conversation):
        return
    kept = KeptBackground(source=background, at=time.time())
    await state.update_data(kept=kept.model_dump(mode="json"))
    await conversation.reply(message, conversation.text("background-kept"))


async def _add_background(
    draft: Draft, source: MediaSource, drafts: DraftRepository, cards: PreviewCards
) -> None:
    """Add the background, and draw the card anew.

    Raises:
        SkipHandler: the draft was deleted; the message is handled like any other.
    """
    try:
        await drafts.add_background(draft.id, source)
    except DraftNotFound:
        raise SkipHandler from None
    cards.request_redraw(draft.id)


async def _take_kept_background(state: FSMContext) -> MediaSource | None:
    """Return the picture that came in the last minutes, and forget it."""
    data = await state.get_data()
    if (stored := data.pop("kept", None)) is None:
        return None
    await state.set_data(data)
    kept = KeptBackground.model_validate(stored)
    return kept.source if time.time() - kept.at < KEPT_SECONDS else None


async def _refuse_background(
    message: Message, source: MediaSource, conversation: Conversation
) -> bool:
    """Explain why *source* cannot be used; return False if it can."""
    rejection = check_source(source, conversation.limits)
    if rejection is None:
        return False
    text = conversation.describe_failure(rejection.fault, rejection.details)
    await conversation.reply(message, text)
    return True


async def explain_background(
    message: Message, conversation: Conversation, state: FSMContext, drafts: DraftRepository
) -> None:
    """Explain what a background can be, and offer to keep the present one."""
    draft = await _get_requesting_draft(state, drafts)
    keyboard = conversation.keyboards.create_background_request(draft)
    await conversation.reply(message, conversation.text("background-wrong"), keyboard)


async def _get_requesting_draft(state: FSMContext, drafts: DraftRepository) -> Draft:
    """Return the draft that waits for a background.

    Raises:
        SkipHandler: it is ordered or deleted; the question is closed.
    """
    draft = await drafts.get((await state.get_data()).get("draft", ""))
    if draft is None or draft.used:
        await state.clear()
        raise SkipHandler
    return draft


async def _close_question(message: Message, state: FSMContext, draft: Draft) -> None:
    """Close the question, except for further parts of an album."""
    await state.clear()
    if message.media_group_id:
        await state.set_data(dict(DialogData(draft=draft.id, album=message.media_group_id)))


async def try_sample(
    query: CallbackQuery, conversation: Conversation, drafts: DraftRepository, cards: PreviewCards
) -> None:
    """Start a card from the bot's own clip, as if the user had sent it; the button is removed."""
    welcome = query.message
    if not isinstance(welcome, Message):  # Telegram no longer shows it
        await conversation.alert(query, conversation.text("too-old"))
        return
    draft = await drafts.add_message(
        Requester(query.from_user.id, conversation.language),
        get_destination(welcome),
        conversation.appearance,
        clip=SAMPLE,
    )
    await conversation.answer(query)
    await conversation.edit_keyboard(query)
    if draft is not None:
        await start_card(draft, conversation, drafts, cards)


async def start_card(
    draft: Draft, conversation: Conversation, drafts: DraftRepository, cards: PreviewCards
) -> None:
    """Send a note at once, since the card may take long under load, and request the card."""
    if draft.is_merged:
        cards.request_redraw(draft.id)
        return
    key = "looking-link" if draft.clip and draft.clip.kind is SourceKind.LINK else "looking"
    messenger, text = conversation.messenger, conversation.texts(draft.language, key)
    note = await messenger.send_text(draft.destination, text)
    cards.request_card(draft.id)
    if not isinstance(note, int):
        return
    if not await drafts.set_note(draft.id, note):  # the card was sent before the note was stored
        await messenger.delete_message(draft.chat, note)


def extract_clip(message: Message) -> MediaSource | None:
    """Return the video or the link in *message*; None where it has neither.

    A file may be a video whatever its name says; but in an album, a picture goes with a video.
    """
    if message.media_group_id and extract_picture(message):
        return None
    return _find_video(message) or _find_link(message)


def extract_background(message: Message) -> MediaSource | None:
    """Return the picture, video or link in *message*; None where it has none of them."""
    return extract_picture(message) or extract_clip(message)


def extract_picture(message: Message) -> MediaSource | None:
    """Return the picture in *message*; None where it has none."""
    if message.photo and not message.live_photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        return _create_source(SourceKind.PHOTO, largest.file_id, largest.file_size)
    if (file := message.document) and not message.animation and _is_named_as_picture(file):
        return _create_source(SourceKind.DOCUMENT, file.file_id, file.file_size)
    return None


def _find_video(message: Message) -> MediaSource | None:
    if video := message.video:
        return _create_source(
            SourceKind.VIDEO, video.file_id, video.file_size, video.duration, video.file_name
        )
    if live := message.live_photo:
        return _create_source(SourceKind.VIDEO, live.file_id, live.file_size, live.duration)
    if note := message.video_note:
        return _create_source(SourceKind.NOTE, note.file_id, note.file_size, note.duration)
    if animation := message.animation:  # before the document, which Telegram sends with it
        return _create_source(
            SourceKind.ANIMATION,
            animation.file_id,
            animation.file_size,
            animation.duration,
            animation.file_name,
        )
    if (file := message.document) and not (file.mime_type or "").lower().startswith(REFUSED_TYPES):
        return _create_source(
            SourceKind.DOCUMENT, file.file_id, file.file_size, name=file.file_name
        )
    return None


def _create_source(
    kind: SourceKind,
    file_id: str,
    size: int | None,
    seconds: float | None = None,
    name: str | None = None,
) -> MediaSource:
    return MediaSource(
        kind=kind, file_id=file_id, name=clean_file_name(name or ""), size=size, seconds=seconds
    )


def clean_file_name(name: str) -> str:
    """Return the name of a user's file without its ending, as any system can store it."""
    stem = name.rpartition(".")[0] or name
    words = "".join(
        char if char.isprintable() and char not in FORBIDDEN_CHARACTERS else " " for char in stem
    ).split()
    return " ".join(words)[:MAX_FILE_NAME_LENGTH].strip(" .")


def _is_named_as_picture(file: Document) -> bool:
    """Return whether the name or the type of *file* is that of a still picture."""
    mime_type, name = (file.mime_type or "").lower(), (file.file_name or "").lower()
    is_image = mime_type.startswith("image/") and mime_type != "image/gif"
    return is_image or name.endswith(PICTURE_SUFFIXES)


def _find_link(message: Message) -> MediaSource | None:
    """Return the first link of a text or a caption."""
    links = _find_links(message)
    return MediaSource(kind=SourceKind.LINK, link=links[0]) if links else None


def _find_links(message: Message) -> list[str]:
    """Return the different http and https links of a text or a caption."""
    text = message.text or message.caption or ""
    entities = message.entities or message.caption_entities or []
    marked = filter(None, (_read_link(entity, text) for entity in entities))
    links = list(filter(_is_link, marked)) or list(filter(_is_link, text.split()))
    return list(dict.fromkeys(links))


def _read_link(entity: MessageEntity, text: str) -> str | None:
    """Return the link that *entity* marks; Telegram marks addresses without a scheme as well."""
    if entity.url or entity.type != "url":
        return entity.url
    address = entity.extract_from(text)
    return address if "://" in address else f"https://{address}"


def _is_link(word: str) -> bool:
    return word.lower().startswith(("http://", "https://")) and len(word) <= MAX_LINK_LENGTH
