"""Colours: names and #rrggbb as people write them, Y'CbCr as video has them.

All conversions are ITU-R BT.709, 8 bit, limited range (BT.709-6, items 3.2 to 3.5).
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from video_editing.frames import Picture
from video_editing.planes import resized

KR, KB = 0.2126, 0.0722
KG = 1 - KR - KB

#: R'G'B' 0–1 from Y' 0–1 and Cb, Cr −0.5–0.5
_RGB_FROM_YUV: NDArray[np.float32] = np.array(
    [
        [1, 0, 2 * (1 - KR)],
        [1, -2 * KB * (1 - KB) / KG, -2 * KR * (1 - KR) / KG],
        [1, 2 * (1 - KB), 0],
    ],
    np.float32,
)
#: the same from 16–235 and 16–240, as one affine map for cv2.transform
_SCALED = np.asarray(_RGB_FROM_YUV / np.array([219, 224, 224]), np.float32)
_FROM_VIDEO: NDArray[np.float32] = np.hstack(
    [_SCALED, -_SCALED @ np.array([[16], [128], [128]], np.float32)]
)


class Colour(NamedTuple):
    """One colour as 8-bit Y', Cb and Cr."""

    y: int
    u: int
    v: int


def parsed(text: str) -> Colour:
    """The colour that people call *text*: a CSS name, #rgb or #rrggbb.

    Raises:
        ValueError: it is no colour.
    """
    red, green, blue = (c / 255 for c in ImageColor.getrgb(text)[:3])
    if max(red, green, blue) > 1:
        raise ValueError(text)
    luma = KR * red + KG * green + KB * blue
    return Colour(
        round(16 + 219 * luma),
        round(128 + 224 * (blue - luma) / (2 * (1 - KB))),
        round(128 + 224 * (red - luma) / (2 * (1 - KR))),
    )


def rgb(picture: Picture, size: tuple[int, int]) -> NDArray[np.float32]:
    """*picture* scaled to *size* (width, height) as R'G'B', (height, width, 3), 0–1."""
    planes = [resized(plane, size) for plane in (picture.y, picture.u, picture.v)]
    mixed = cv2.transform(cv2.merge(planes).astype(np.float32), _FROM_VIDEO)
    return np.clip(np.asarray(mixed, np.float32), 0, 1)
