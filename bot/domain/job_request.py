"""What a user asks for, how the result looks, and where it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from video_editing.contract.engines import AUTO_ENGINE, EngineName
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt, Time
from video_editing.contract.formats import AUTO_CANVAS, CanvasName, OutputFormat
from video_editing.contract.sound import DEFAULT_SOUND, SoundOptions
from video_editing.contract.style import (
    Anchor,
    ColourName,
    Fade,
    Feather,
    OffsetFraction,
    RingWidth,
    Shape,
    Style,
    UnitInterval,
)


class SourceKind(StrEnum):
    """The kind of message in which Telegram sent the file; or a link, or the bot's sample."""

    VIDEO = "video"
    NOTE = "note"
    ANIMATION = "animation"
    DOCUMENT = "document"
    PHOTO = "photo"
    LINK = "link"
    SAMPLE = "sample"


class MediaSource(BaseModel):
    """The source of a clip or a background.

    Attributes:
        kind: the kind of message.
        file_id: Telegram's id of the file; "" for a link and for the sample.
        link: the address that the user sent; "" for a file.
        name: of the file, without its ending, as any system can store it; "" if Telegram states
            none.
        size: bytes, if Telegram states them.
        seconds: the duration, if Telegram states it.
        centre: of a clip: where a circle around the face is, as in a style, once it was drawn.
    """

    model_config = ConfigDict(frozen=True)

    kind: SourceKind
    file_id: str = ""
    link: str = ""
    name: str = ""
    size: int | None = None
    seconds: float | None = None
    centre: tuple[UnitInterval, UnitInterval] | None = None


class OverlaySize(StrEnum):
    """The size of the overlay."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class RingStyle(StrEnum):
    """The ring along the edge of the shape."""

    NONE = "none"
    WHITE = "white"
    BLACK = "black"
    GOLD = "gold"


#: the height of the overlay as a fraction of the height of the result
OVERLAY_HEIGHTS = {OverlaySize.SMALL: 0.35, OverlaySize.MEDIUM: 0.5, OverlaySize.LARGE: 0.75}
#: the same without a shape, where a person of half the height looks lost
UNSHAPED_HEIGHTS = {OverlaySize.SMALL: 0.6, OverlaySize.MEDIUM: 0.8, OverlaySize.LARGE: 1.0}
RING_COLOURS = {RingStyle.WHITE: "white", RingStyle.BLACK: "black", RingStyle.GOLD: "#d4a017"}
RING_WIDTH = 0.02
MIN_SCALE, MAX_SCALE = 0.1, 2.0  #: sizes of the overlay that the card and the editor offer
#: what a card offers for fields of an appearance, from none or little to much
EFFECT_LEVELS: Mapping[str, tuple[float, float, float]] = {
    "shadow": (0, 0.35, 0.7),
    "fade": (0, 0.5, 1.5),
    "feather": (0, 3, 8),
    "ring_width": (0.01, RING_WIDTH, 0.04),
}


class BackgroundChoice(BaseModel):
    """The background: a colour, the blurred clip, or a file."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["colour", "blur", "file"] = "colour"
    colour: str = "#1d3557"
    source: MediaSource | None = None


class Appearance(BaseModel):
    """All that a card or its editor lets the user choose; stored for each user.

    Attributes:
        corner: where on the result the overlay is.
        offset: by which the user dragged it from there, as fractions of the result's width and
            height; a choice of the corner resets it.
        size: how large it is.
        scale: the size that the user pinched it to, as in a style; None for that of *size*, whose
            choice resets it.
        centre: of a circle, as in a style; other shapes show all of the clip.
        shadow, fade, feather, keep_background: as in a style.
        ring_width: of a ring, as in a style.
        ring_colour: of a ring, in place of that of *ring*; a choice of the ring resets it.
        sound: of the result.
        canvas: the aspect ratio of the result.
    """

    model_config = ConfigDict(frozen=True)

    shape: Shape = Shape.CIRCLE
    corner: Anchor = Anchor.BOTTOM_RIGHT
    offset: tuple[OffsetFraction, OffsetFraction] = (0, 0)
    size: OverlaySize = OverlaySize.MEDIUM
    scale: Annotated[float, Field(ge=MIN_SCALE, le=MAX_SCALE)] | None = None
    centre: tuple[UnitInterval, UnitInterval] | None = None
    shadow: UnitInterval = 0
    fade: Fade = 0
    feather: Feather = 0
    keep_background: bool = False
    ring: RingStyle = RingStyle.NONE
    ring_width: RingWidth = RING_WIDTH
    ring_colour: ColourName | None = None
    backdrop: BackgroundChoice = BackgroundChoice()
    engine: EngineName = AUTO_ENGINE
    canvas: CanvasName = AUTO_CANVAS
    sound: SoundOptions = DEFAULT_SOUND

    @property
    def overlay_height(self) -> float:
        """The size of the overlay, as in a style."""
        sizes = UNSHAPED_HEIGHTS if self.shape is Shape.NONE else OVERLAY_HEIGHTS
        return self.scale or sizes[self.size]

    def forget_face(self) -> "Appearance":
        """Return the same for another clip, in which the face is elsewhere: it is found again."""
        return self.model_copy(update={"centre": None})

    def to_style(self, form: OutputFormat = OutputFormat.VIDEO) -> Style:
        """Return the style for video_editing; a round note shows the centre of the picture."""
        note = form is OutputFormat.NOTE
        return Style(
            shape=self.shape,
            position=Anchor.CENTER if note else self.corner,
            offset=(0, 0) if note else self.offset,
            size=0.9 if note else self.overlay_height,
            centre=self.centre if self.shape is Shape.CIRCLE else None,
            shadow=self.shadow,
            fade=self.fade,
            feather=self.feather,
            keep_background=self.keep_background,
            ring=0 if self.ring is RingStyle.NONE else self.ring_width,
            ring_colour=self.ring_colour or RING_COLOURS.get(self.ring, "white"),
        )


class PaletteColour(StrEnum):
    """A colour that a card offers, by its name in buttons and texts."""

    NAVY = "navy"
    BLACK = "black"
    WHITE = "white"
    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    PURPLE = "purple"


#: each colour for video_editing, and for a button
PALETTE = {
    PaletteColour.NAVY: ("#1d3557", "🟦"),
    PaletteColour.BLACK: ("#101010", "⬛"),
    PaletteColour.WHITE: ("#ffffff", "⬜"),
    PaletteColour.RED: ("#c1121f", "🟥"),
    PaletteColour.ORANGE: ("#f3722c", "🟧"),
    PaletteColour.YELLOW: ("#ffd166", "🟨"),
    PaletteColour.GREEN: ("#00b140", "🟩"),
    PaletteColour.PURPLE: ("#6a4c93", "🟪"),
}


def describe_background(background: BackgroundChoice) -> str:
    """Return its name in texts: a colour's name, "blur", "file", or "other"."""
    if background.kind != "colour":
        return background.kind
    return next(
        (name for name, (colour, _) in PALETTE.items() if colour == background.colour), "other"
    )


class JobRequest(BaseModel):
    """All that is needed to make a result.

    Attributes:
        clip: the video of the person.
        look: the appearance of the person and the background.
        form: the format of the result.
        mattes: the id of the job whose mattes are used if they are still kept.
        excerpt: the part of the clip that is used.
        cover: the time in the clip, in seconds, of the frame that stands for the result before it
            is played; None for the middle of the result.
    """

    model_config = ConfigDict(frozen=True)

    clip: MediaSource
    look: Appearance
    form: OutputFormat = OutputFormat.VIDEO
    mattes: str | None = None
    excerpt: Excerpt = WHOLE_CLIP
    cover: Time | None = None


def measure_part(seconds: float, excerpt: Excerpt) -> float:
    """Return the seconds of *excerpt* in a clip of so many *seconds*."""
    end = seconds if excerpt.end is None else min(seconds, excerpt.end)
    return max(0, end - excerpt.start)


class Language(StrEnum):
    """A language of the bot, by its code in Telegram."""

    EN = "en"
    RU = "ru"


@dataclass(frozen=True, slots=True)
class Requester:
    """The user who asks for something.

    Attributes:
        user: Telegram's id of the user.
        language: the language of all messages to the user.
    """

    user: int
    language: Language


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a message is sent.

    Attributes:
        chat: Telegram's id of the chat.
        topic: the id of a topic in the chat; None for the chat itself.
        reply_to: the id of the message that is answered; None for no reply.
        direct_topic: the id of a user's topic, where the chat holds the direct messages of a
            channel; None for other chats.
    """

    chat: int
    topic: int | None = None
    reply_to: int | None = None
    direct_topic: int | None = None


#: codes of languages whose speakers mostly read Russian better than English
RUSSIAN_READER_CODES = frozenset({"ru", "be", "kk", "ky", "tg", "uk", "uz"})


#: those of them whose speakers are asked once, since some would rather read English
ASKED_CODES = frozenset({"be", "kk", "uk"})


def is_language_doubtful(code: str | None) -> bool:
    """Return whether a user whose Telegram has *code* is asked for the language."""
    return (code or "").split("-")[0].lower() in ASKED_CODES


def detect_language(code: str | None) -> Language:
    """Return the language for a user whose Telegram has *code*, like "pt-BR" or None."""
    return (
        Language.RU if (code or "").split("-")[0].lower() in RUSSIAN_READER_CODES else Language.EN
    )
