"""Builds the call that sends a result, by its format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiogram.methods import (
    EditMessageMedia,
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
    InputMediaDocument,
    Message,
    ReplyParameters,
)

from bot.domain.job_request import Destination
from bot.domain.outcomes import ResultRendered
from video_editing.contract.formats import OutputFormat

UPLOAD_CHUNK_BYTES = 1 << 18
MIN_UPLOAD_SECONDS = 60  #: for any upload
MIN_UPLOAD_RATE = 200_000  #: bytes per second, for the time in addition to that


@dataclass(frozen=True, slots=True)
class ResultStills:
    """Pictures of one frame of a result, by their paths; None without one.

    Attributes:
        thumbnail: a JPEG of at most 320 pixels a side and 200 kB, for lists and previews.
        cover: a larger one, which a chat shows until a video plays
            (https://core.telegram.org/bots/api#sendvideo).
    """

    thumbnail: Path | None = None
    cover: Path | None = None


NO_STILLS = ResultStills()


@dataclass(frozen=True, slots=True)
class ResultUpload:
    """A result that is ready to be sent.

    Attributes:
        form: its format.
        file: its path.
        rendered: its width, height and length.
        stills: the pictures that stand for it.
        caption: the text under it, in HTML; for a sticker under the file that it may become.
        keyboard: the buttons under it.
        name: of the clip, which the file gets; "" for a name by its format.
    """

    form: OutputFormat
    file: Path
    rendered: ResultRendered
    stills: ResultStills = NO_STILLS
    caption: str = ""
    keyboard: InlineKeyboardMarkup | None = None
    name: str = ""

    def build_method(self, destination: Destination) -> TelegramMethod[Message]:
        """Build the call that sends the result in its format."""
        common, media = self._build_common_fields(destination), self._build_media_fields()
        seconds = max(1, round(self.rendered.seconds))
        match self.form:
            case OutputFormat.VIDEO:
                return SendVideo(
                    video=self._create_input_file(),
                    cover=_open_still(self.stills.cover, "cover.jpg"),
                    supports_streaming=True,
                    duration=seconds,
                    **media,
                    **common,
                )
            case OutputFormat.NOTE:
                common.pop("caption")
                side = min(self.rendered.width, OutputFormat.NOTE.spec.side)
                return SendVideoNote(
                    video_note=self._create_input_file(),
                    length=side,
                    duration=seconds,
                    thumbnail=media["thumbnail"],
                    **common,
                )
            case OutputFormat.ANIMATION:
                return SendAnimation(
                    animation=self._create_input_file(), duration=seconds, **media, **common
                )
            case OutputFormat.STICKER:
                common.pop("caption")
                return SendSticker(sticker=self._create_input_file(), **common)
            case _:
                return self.build_document_method(destination)

    def build_document_method(self, destination: Destination) -> TelegramMethod[Message]:
        """Build the call that sends the result as a document, which Telegram does not change."""
        return SendDocument(
            document=self._create_input_file(),
            disable_content_type_detection=True,
            thumbnail=self._build_media_fields()["thumbnail"],
            **self._build_common_fields(destination),
        )

    def is_unnamed_file(self, message: Message) -> bool:
        """Return whether *message* shows a sticker as a file, which has neither name nor caption.

        Telegram shows a WebM as a sticker only where it belongs to a set
        (https://github.com/tdlib/telegram-bot-api/issues/355).
        """
        return self.form is OutputFormat.STICKER and message.sticker is None

    def build_replacement(self, message: Message) -> EditMessageMedia:
        """Build the call that gives the file in *message* its name and caption."""
        media = InputMediaDocument(
            media=self._create_input_file(),
            caption=self.caption or None,
            disable_content_type_detection=True,
        )
        return EditMessageMedia(
            chat_id=message.chat.id,
            message_id=message.message_id,
            media=media,
            reply_markup=self.keyboard,
        )

    def _build_common_fields(self, destination: Destination) -> dict[str, Any]:
        return {
            "chat_id": destination.chat,
            "message_thread_id": destination.topic,
            "direct_messages_topic_id": destination.direct_topic,
            "caption": self.caption or None,
            "reply_parameters": create_reply_parameters(destination.reply_to),
            "reply_markup": self.keyboard,
        }

    def _build_media_fields(self) -> dict[str, Any]:
        return {
            "width": self.rendered.width,
            "height": self.rendered.height,
            "thumbnail": _open_still(self.stills.thumbnail, "thumbnail.jpg"),
        }

    def _create_input_file(self) -> InputFile:
        name = self.name or ("overlay" if self.form.is_transparent else "result")
        return FSInputFile(self.file, f"{name}{self.form.suffix}", chunk_size=UPLOAD_CHUNK_BYTES)


def _open_still(path: Path | None, name: str) -> InputFile | None:
    """Return a picture to upload; one that was lost meanwhile stops no result."""
    return FSInputFile(path, name) if path is not None and path.is_file() else None


def get_chat_action(form: OutputFormat) -> str:
    """Return what Telegram shows at the top of a chat while a result of *form* is sent."""
    match form:
        case OutputFormat.VIDEO | OutputFormat.ANIMATION:
            return "upload_video"
        case OutputFormat.NOTE:
            return "upload_video_note"
        case _:
            return "upload_document"


def create_reply_parameters(message_id: int | None) -> ReplyParameters | None:
    """Return the parameters of a reply to a message, which may be deleted by now."""
    if not message_id:
        return None
    return ReplyParameters(message_id=message_id, allow_sending_without_reply=True)


def estimate_upload_seconds(size: int) -> int:
    """Return the longest time that an upload of *size* bytes may take."""
    return MIN_UPLOAD_SECONDS + size // MIN_UPLOAD_RATE


def get_file_id(message: Message) -> str:
    """Return Telegram's id of the file in *message*; "" without one."""
    media = (
        message.video
        or message.video_note
        or message.animation
        or message.document
        or message.sticker
    )
    return media.file_id if media else ""
