"""What a message brings; the names of files are looked at, and never used as paths."""

from collections.abc import Iterator

from aiogram.types import Document, Message, MessageEntity

from bot.source import Kind, Source

FILMS = (
    *(".mp4", ".m4v", ".mov", ".qt", ".webm", ".mkv", ".avi", ".mpg", ".mpeg"),
    *(".ts", ".mts", ".m2ts", ".3gp", ".wmv", ".flv", ".ogv", ".gif"),
)
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".heic", ".avif")
LINK_LETTERS = 2000  #: longer ones are none that anybody shares


def clip(message: Message) -> Source | None:
    """The video that somebody sent, in whatever way; None where there is none."""
    return _film(message) or _link(message)


def background(message: Message) -> Source | None:
    """The picture or the video that somebody sent; None where there is none."""
    return _picture(message) or clip(message)


def picture(message: Message) -> Source | None:
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
