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

from video_editing.contract.formats import OutputFormat

UPLOAD_CHUNK_BYTES = 1 << 18
MIN_UPLOAD_SECONDS, MIN_UPLOAD_RATE = 60, 200_000  #: for any upload, and bytes a second beyond that


class Destination(NamedTuple):
    """A chat, and a topic in it."""

    chat: int
    topic: int | None = None


class MediaDimensions(Protocol):
    """Something with a width and a height in pixels, and a length in seconds."""

    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def seconds(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ResultUpload:
    """A result, ready to be sent.

    Attributes:
        form: what it is for.
        file: where it lies.
        dimensions: its extent.
        thumbnail: a picture of it, where there is one.
        caption: what is said under it, in HTML.
        reply_to: the message that it answers.
        keyboard: the buttons under it.
    """

    form: OutputFormat
    file: Path
    dimensions: MediaDimensions
    thumbnail: Path | None = None
    caption: str = ""
    reply_to: int | None = None
    keyboard: InlineKeyboardMarkup | None = None

    def build_method(self, destination: Destination) -> TelegramMethod[Message]:
        """Send it as what it is."""
        rest, shown, seconds = (
            self._build_common_fields(destination),
            self._build_media_fields(),
            max(1, round(self.dimensions.seconds)),
        )
        match self.form:
            case OutputFormat.VIDEO:
                return SendVideo(
                    video=self._create_input_file(),
                    supports_streaming=True,
                    duration=seconds,
                    **shown,
                    **rest,
                )
            case OutputFormat.NOTE:
                rest.pop("caption")
                side = min(self.dimensions.width, OutputFormat.NOTE.spec.side)
                return SendVideoNote(
                    video_note=self._create_input_file(),
                    length=side,
                    duration=seconds,
                    thumbnail=shown["thumbnail"],
                    **rest,
                )
            case OutputFormat.ANIMATION | OutputFormat.GIF:
                return SendAnimation(
                    animation=self._create_input_file(), duration=seconds, **shown, **rest
                )
            case OutputFormat.STICKER:
                rest.pop("caption")
                return SendSticker(sticker=self._create_input_file(), **rest)
            case _:
                return self.build_document_method(destination)

    def build_document_method(self, destination: Destination) -> TelegramMethod[Message]:
        """Send it as a file, which Telegram leaves as it is."""
        return SendDocument(
            document=self._create_input_file(),
            disable_content_type_detection=True,
            thumbnail=self._build_media_fields()["thumbnail"],
            **self._build_common_fields(destination),
        )

    def _build_common_fields(self, destination: Destination) -> dict[str, Any]:
        return {
            "chat_id": destination.chat,
            "message_thread_id": destination.topic,
            "caption": self.caption or None,
            "reply_parameters": create_reply_parameters(self.reply_to),
            "reply_markup": self.keyboard,
        }

    def _build_media_fields(self) -> dict[str, Any]:
        picture = self.thumbnail if self.thumbnail and self.thumbnail.is_file() else None
        return {
            "width": self.dimensions.width,
            "height": self.dimensions.height,
            "thumbnail": picture and FSInputFile(picture, "thumbnail.jpg"),
        }

    def _create_input_file(self) -> InputFile:
        name = "overlay" if self.form.is_transparent else "result"
        return FSInputFile(self.file, f"{name}{self.form.suffix}", chunk_size=UPLOAD_CHUNK_BYTES)


def create_reply_parameters(message_id: int | None) -> ReplyParameters | None:
    """Answer that message, if it is still there."""
    return (
        message_id and ReplyParameters(message_id=message_id, allow_sending_without_reply=True)
    ) or None


def estimate_upload_seconds(size: int) -> int:
    """How long an upload of *size* bytes may take."""
    return MIN_UPLOAD_SECONDS + size // MIN_UPLOAD_RATE


def get_file_id(message: Message) -> str:
    """Telegram's name of what was sent."""
    sent = (
        message.video
        or message.video_note
        or message.animation
        or message.document
        or message.sticker
    )
    return sent.file_id if sent else ""
