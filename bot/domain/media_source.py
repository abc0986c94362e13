"""A file that somebody named, before it is fetched."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class SourceKind(StrEnum):
    """What Telegram calls it; a link is a link."""

    VIDEO = "video"
    NOTE = "note"
    ANIMATION = "animation"
    DOCUMENT = "document"
    PHOTO = "photo"
    LINK = "link"


class MediaSource(BaseModel):
    """Where a clip or a background comes from.

    Attributes:
        kind: what it was sent as.
        file_id: Telegram's name of it; "" for a link.
        link: as the user sent it; "" for a file.
        size: bytes, as far as Telegram tells.
        seconds: how long it lasts, as far as Telegram tells.
    """

    model_config = ConfigDict(frozen=True)

    kind: SourceKind
    file_id: str = ""
    link: str = ""
    size: int | None = None
    seconds: float | None = None
