"""The appearance of a result that a user chooses on a card."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bot.domain.media_source import MediaSource
from video_editing.contract.engines import FAST_ENGINE, EngineName
from video_editing.contract.formats import OutputFormat
from video_editing.contract.style import Anchor, Shape, Style


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


class BackgroundChoice(BaseModel):
    """The background: a colour, the blurred clip, or a file."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["colour", "blur", "file"] = "colour"
    colour: str = "#1d3557"
    source: MediaSource | None = None


class Appearance(BaseModel):
    """All that a card lets the user choose; stored for each user."""

    model_config = ConfigDict(frozen=True)

    shape: Shape = Shape.CIRCLE
    corner: Anchor = Anchor.BOTTOM_RIGHT
    size: OverlaySize = OverlaySize.MEDIUM
    ring: RingStyle = RingStyle.NONE
    backdrop: BackgroundChoice = BackgroundChoice()
    engine: EngineName = FAST_ENGINE

    def to_style(self, form: OutputFormat = OutputFormat.VIDEO) -> Style:
        """Return the style for video_editing; a round note shows the centre of the picture."""
        sizes = UNSHAPED_HEIGHTS if self.shape is Shape.NONE else OVERLAY_HEIGHTS
        note = form is OutputFormat.NOTE
        return Style(
            shape=self.shape,
            position=Anchor.CENTER if note else self.corner,
            size=0.9 if note else sizes[self.size],
            ring=0 if self.ring is RingStyle.NONE else RING_WIDTH,
            ring_colour=RING_COLOURS.get(self.ring, "white"),
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
