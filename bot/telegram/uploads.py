"""The call that sends a result, by its form, and what people see it called."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from aiogram.methods import (
    SendAnimation,
    SendDocument,
    SendSticker,
    SendVideo,
    SendVideoNote,
    TelegramMethod,
)
from aiogram.types import (
    FSInputFile,
    InlineKeyboardMarkup,
    InputFile,
    Message,
    ReplyParameters,
)

from video_editing.contract.formats import Form

CHUNK = 1 << 18
NOTE_SIDE = 640
LEAST_SECONDS, LEAST_RATE = 60, 200_000  #: for any upload, and bytes a second beyond that


class Address(NamedTuple):
    """A chat, and a topic in it."""

    chat: int
    topic: int | None = None


class Extended(Protocol):
    """Something with a width and a height in pixels, and a length in seconds."""

    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def seconds(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Upload:
    """A result, ready to be sent.

    Attributes:
        form: what it is for.
        file: where it lies.
        made: its extent.
        thumbnail: a picture of it, where there is one.
        caption: what is said under it, in HTML.
        reply_to: the message that it answers.
        keyboard: the buttons under it.
    """

    form: Form
    file: Path
    made: Extended
    thumbnail: Path | None = None
    caption: str = ""
    reply_to: int | None = None
    keyboard: InlineKeyboardMarkup | None = None

    def call(self, to: Address) -> TelegramMethod[Message]:
        """Send it as what it is."""
        rest, shown, seconds = self._common(to), self._shown(), max(1, round(self.made.seconds))
        match self.form:
            case Form.VIDEO:
                return SendVideo(
                    video=self._file(), supports_streaming=True, duration=seconds, **shown, **rest
                )
            case Form.NOTE:
                rest.pop("caption")
                side = min(self.made.width, NOTE_SIDE)
                return SendVideoNote(
                    video_note=self._file(),
                    length=side,
                    duration=seconds,
                    thumbnail=shown["thumbnail"],
                    **rest,
                )
            case Form.ANIMATION | Form.GIF:
                return SendAnimation(animation=self._file(), duration=seconds, **shown, **rest)
            case Form.STICKER:
                rest.pop("caption")
                return SendSticker(sticker=self._file(), **rest)
            case _:
                return self.plain(to)

    def plain(self, to: Address) -> TelegramMethod[Message]:
        """Send it as a file, which Telegram leaves as it is."""
        return SendDocument(
            document=self._file(),
            disable_content_type_detection=True,
            thumbnail=self._shown()["thumbnail"],
            **self._common(to),
        )

    def _common(self, to: Address) -> dict[str, Any]:
        return {
            "chat_id": to.chat,
            "message_thread_id": to.topic,
            "caption": self.caption or None,
            "reply_parameters": reply(self.reply_to),
            "reply_markup": self.keyboard,
        }

    def _shown(self) -> dict[str, Any]:
        picture = self.thumbnail if self.thumbnail and self.thumbnail.is_file() else None
        return {
            "width": self.made.width,
            "height": self.made.height,
            "thumbnail": picture and FSInputFile(picture, "thumbnail.jpg"),
        }

    def _file(self) -> InputFile:
        name = "overlay" if self.form.transparent else "result"
        return FSInputFile(self.file, f"{name}{self.form.suffix}", chunk_size=CHUNK)


def reply(to: int | None) -> ReplyParameters | None:
    """Answer that message, if it is still there."""
    return (to and ReplyParameters(message_id=to, allow_sending_without_reply=True)) or None


def upload_seconds(size: int) -> int:
    """How long an upload of *size* bytes may take."""
    return LEAST_SECONDS + size // LEAST_RATE


def file_id(message: Message) -> str:
    """Telegram's name of what was sent."""
    sent = (
        message.video
        or message.video_note
        or message.animation
        or message.document
        or message.sticker
    )
    return sent.file_id if sent else ""
