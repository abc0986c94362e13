"""A file or link that a user sent, before it is downloaded."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class SourceKind(StrEnum):
    """The kind of message in which Telegram sent the file, or a link."""

    VIDEO = "video"
    NOTE = "note"
    ANIMATION = "animation"
    DOCUMENT = "document"
    PHOTO = "photo"
    LINK = "link"


class MediaSource(BaseModel):
    """The source of a clip or a background.

    Attributes:
        kind: the kind of message.
        file_id: Telegram's id of the file; "" for a link.
        link: the address that the user sent; "" for a file.
        size: bytes, if Telegram states them.
        seconds: the duration, if Telegram states it.
    """

    model_config = ConfigDict(frozen=True)

    kind: SourceKind
    file_id: str = ""
    link: str = ""
    size: int | None = None
    seconds: float | None = None
