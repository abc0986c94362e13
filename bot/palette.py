"""The colours that a card offers for the background."""

from enum import StrEnum

from bot.look import Backdrop


class PaletteColour(StrEnum):
    """One of them, by its name in buttons and texts."""

    NAVY = "navy"
    BLACK = "black"
    WHITE = "white"
    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    PURPLE = "purple"


#: each as video_editing takes it, and as a button shows it
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


def named(backdrop: Backdrop) -> str:
    """What texts call it: a colour's name, "blur", "file", or "other"."""
    if backdrop.kind != "colour":
        return backdrop.kind
    return next(
        (name for name, (colour, _) in PALETTE.items() if colour == backdrop.colour), "other"
    )
