"""Colours as people write them, and as video has them.

Y'CbCr is ITU-R BT.709, 8 bit, limited range (BT.709-6, items 3.2 to 3.5).
"""

from typing import NamedTuple

import webcolors

KR, KB = 0.2126, 0.0722
KG = 1 - KR - KB


class YuvColour(NamedTuple):
    """One colour as 8-bit Y', Cb and Cr."""

    y: int
    u: int
    v: int


def parsed(text: str) -> YuvColour:
    """The colour that people call *text*: a CSS name, #rgb or #rrggbb.

    Raises:
        ValueError: it is no colour.
    """
    rgb = webcolors.hex_to_rgb(text) if text.startswith("#") else webcolors.name_to_rgb(text)
    red, green, blue = (channel / 255 for channel in rgb)
    luma = KR * red + KG * green + KB * blue
    return YuvColour(
        round(16 + 219 * luma),
        round(128 + 224 * (blue - luma) / (2 * (1 - KB))),
        round(128 + 224 * (red - luma) / (2 * (1 - KR))),
    )
