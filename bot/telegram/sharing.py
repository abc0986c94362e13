"""Builds the messages by which a user sends a result on, from the file that Telegram has."""

from aiogram.types import (
    InlineQueryResultCachedDocument,
    InlineQueryResultCachedMpeg4Gif,
    InlineQueryResultCachedVideo,
    InlineQueryResultUnion,
)

from video_editing.contract.formats import OutputFormat

RESULT_ID = "result"


def build_shared_results(
    form: OutputFormat, file_id: str, title: str
) -> list[InlineQueryResultUnion]:
    """Return messages with a file, of which Telegram takes the one of the file's kind.

    Telegram keeps a video without sound as an animation, and may keep a GIF so.

    Args:
        form: the format of the result; its kind comes first.
        file_id: Telegram's id of the file.
        title: shown in the list of messages, never in the message.
    """
    video = InlineQueryResultCachedVideo(id=RESULT_ID, video_file_id=file_id, title=title)
    animation = InlineQueryResultCachedMpeg4Gif(id=RESULT_ID, mpeg4_file_id=file_id)
    document = InlineQueryResultCachedDocument(id=RESULT_ID, document_file_id=file_id, title=title)
    match form:
        case OutputFormat.VIDEO:
            return [video, animation, document]
        case OutputFormat.ANIMATION:
            return [animation, video, document]
        case _:
            return [document, animation, video]
