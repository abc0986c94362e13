"""Output formats: what a result is made for, with the limits of each."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, NamedTuple

from video_editing.contract.style import OneOf


class OutputFormat(StrEnum):
    """What a result is made for."""

    VIDEO = "video"
    NOTE = "note"
    ANIMATION = "animation"
    GIF = "gif"
    MOV = "mov"
    WEBM = "webm"
    STICKER = "sticker"

    @property
    def spec(self) -> "FormatSpec":
        """The format's row in the table of formats."""
        return FORMATS[self]

    @property
    def is_transparent(self) -> bool:
        """Whether it is an overlay, transparent around the person."""
        return self.spec.is_transparent

    @property
    def suffix(self) -> str:
        """The suffix of its file name, with the dot."""
        return f".{self.spec.container}"


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """What a format is, and its limits; a limit of 0 is none.

    Attributes:
        container: FFmpeg's name of the container, which is the file's suffix as well.
        is_transparent: whether it is an overlay, which `overlay cut` makes; `overlay edit` makes
            the others.
        has_sound: whether it has an audio stream where anything is heard.
        max_seconds: only the beginning of a longer clip is used.
        max_bytes: largest size of the file.
        side: longer side in pixels; a GIF may be smaller, a video note is square.
        max_rate: largest number of frames a second.
    """

    container: str
    is_transparent: bool = False
    has_sound: bool = True
    max_seconds: int = 0
    max_bytes: int = 0
    side: int = 0
    max_rate: int = 0


FORMATS = {
    OutputFormat.VIDEO: FormatSpec("mp4"),
    # Telegram's video note: a square mp4 that is shown round.
    OutputFormat.NOTE: FormatSpec("mp4", max_seconds=60, side=640),
    # Telegram calls an mp4 without an audio stream an animation.
    OutputFormat.ANIMATION: FormatSpec("mp4", has_sound=False),
    OutputFormat.GIF: FormatSpec("gif", has_sound=False, max_seconds=15, side=480, max_rate=15),
    OutputFormat.MOV: FormatSpec("mov", is_transparent=True),
    OutputFormat.WEBM: FormatSpec("webm", is_transparent=True),
    # Telegram's video sticker, https://core.telegram.org/stickers/webm-vp9-encoding
    OutputFormat.STICKER: FormatSpec(
        "webm",
        is_transparent=True,
        has_sound=False,
        max_seconds=3,
        max_bytes=256 * 1024,
        side=512,
        max_rate=30,
    ),
}

#: what `overlay edit` makes
EDIT_FORMATS = tuple(name for name, spec in FORMATS.items() if not spec.is_transparent)
#: what `overlay cut` makes
CUT_FORMATS = tuple(name for name, spec in FORMATS.items() if spec.is_transparent)


#: width by height of a result, by name
ASPECTS = {
    "16:9": Fraction(16, 9),
    "9:16": Fraction(9, 16),
    "1:1": Fraction(1),
    "4:5": Fraction(4, 5),
}
AUTO_CANVAS = "auto"  #: the background's own size, or the clip's
CanvasName = Annotated[str, OneOf((AUTO_CANVAS, *ASPECTS))]


#: what ``overlay preview --layers`` writes
LAYERS_FILE, PERSON_FILE, FRAME_FILE = "layers.json", "person.webp", "frame.webp"
BACKGROUND_FILE = "background.webp"
#: what ``overlay proxy`` writes
PROXY_FILE, STRIP_FILE = "proxy.mp4", "strip.jpg"


class OutputInfo(NamedTuple):
    """The size of a result in pixels, and its length in seconds."""

    width: int
    height: int
    seconds: float
