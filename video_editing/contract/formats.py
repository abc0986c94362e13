"""The forms in which people get what was made."""

from enum import StrEnum
from typing import NamedTuple


class Form(StrEnum):
    """What a result is for; its last three members are transparent overlays."""

    VIDEO = "video"
    NOTE = "note"
    ANIMATION = "animation"
    GIF = "gif"
    MOV = "mov"
    WEBM = "webm"
    STICKER = "sticker"

    @property
    def transparent(self) -> bool:
        """Whether it is an overlay, which `overlay cut` makes, with nothing behind it."""
        return self in {Form.MOV, Form.WEBM, Form.STICKER}

    @property
    def suffix(self) -> str:
        """What its file's name ends with."""
        match self:
            case Form.GIF | Form.MOV:
                return f".{self}"
            case Form.WEBM | Form.STICKER:
                return ".webm"
            case _:
                return ".mp4"


#: what `overlay edit` makes
EDITED = tuple(form for form in Form if not form.transparent)


class Extent(NamedTuple):
    """How large a result is, in pixels, and how long, in seconds."""

    width: int
    height: int
    seconds: float
