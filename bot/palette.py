"""The colours that a card offers for the background."""

from enum import StrEnum

from bot.look import Backdrop


class Colour(StrEnum):
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
    Colour.NAVY: ("#1d3557", "🟦"),
    Colour.BLACK: ("#101010", "⬛"),
    Colour.WHITE: ("#ffffff", "⬜"),
    Colour.RED: ("#c1121f", "🟥"),
    Colour.ORANGE: ("#f3722c", "🟧"),
    Colour.YELLOW: ("#ffd166", "🟨"),
    Colour.GREEN: ("#00b140", "🟩"),
    Colour.PURPLE: ("#6a4c93", "🟪"),
}


def named(backdrop: Backdrop) -> str:
    """What texts call it: a colour's name, "blur", "file", or "other"."""
    if backdrop.kind != "colour":
        return backdrop.kind
    return next(
        (name for name, (colour, _) in PALETTE.items() if colour == backdrop.colour), "other"
    )
