"""The forms in which people get what was made."""

from enum import StrEnum
from typing import NamedTuple


class OutputFormat(StrEnum):
    """What a result is for; its last three members are transparent overlays."""

    VIDEO = "video"
    NOTE = "note"
    ANIMATION = "animation"
    GIF = "gif"
    MOV = "mov"
    WEBM = "webm"
    STICKER = "sticker"

    @property
    def is_transparent(self) -> bool:
        """Whether it is an overlay, which `overlay cut` makes, with nothing behind it."""
        return self in {OutputFormat.MOV, OutputFormat.WEBM, OutputFormat.STICKER}

    @property
    def suffix(self) -> str:
        """What its file's name ends with."""
        match self:
            case OutputFormat.GIF | OutputFormat.MOV:
                return f".{self}"
            case OutputFormat.WEBM | OutputFormat.STICKER:
                return ".webm"
            case _:
                return ".mp4"


#: what `overlay edit` makes
EDIT_FORMATS = tuple(form for form in OutputFormat if not form.is_transparent)


class OutputInfo(NamedTuple):
    """How large a result is, in pixels, and how long, in seconds."""

    width: int
    height: int
    seconds: float
