"""From a small matte to the alpha of what is shown: its edges are those of the picture.

He, Sun 2015, "Fast Guided Filter", arXiv:1505.00996: alpha is locally a linear function of luma,
found at the matte's size and applied at the picture's.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.frames import Box, Luma, Matte
from video_editing.pixels import resized

RADIUS = 1  #: pixels of the matte over which alpha is a linear function of luma
NOISE = 65.0  #: variance of luma, in levels squared, below which a picture has no edge

Field = NDArray[np.float32]


def refined(matte: Matte, luma: Luma, box: Box, view: Luma) -> Matte:
    """Alpha of a part of the frame.

    Args:
        matte: of the whole frame, small.
        luma: of the whole frame.
        box: the part that is shown.
        view: luma of that part, scaled as it is shown.

    Returns:
        Alpha of the view's size.
    """
    size = matte.shape[1], matte.shape[0]
    slope, offset = _line(matte, resized(luma, size), RADIUS)
    frame = luma.shape[1], luma.shape[0]
    place = None if (box.width, box.height) == frame else _placed(box, frame, matte, view)
    alpha = _drawn(slope, place, view)
    alpha *= view
    alpha += _drawn(offset, place, view)
    return np.rint(np.clip(alpha, 0, 255, out=alpha), out=alpha).astype(np.uint8)


def guided(matte: Matte, luma: Luma, radius: int) -> Matte:
    """*matte* with its edges on those of *luma*, which is of the same size.

    Args:
        matte: the matte.
        luma: of the same frame.
        radius: pixels over which alpha is a linear function of luma.
    """
    slope, offset = _line(matte, luma, radius)
    return np.asarray(cv2.convertScaleAbs(np.maximum(slope * luma + offset, 0)), np.uint8)


def levelled(alpha: Matte, threshold: float) -> Matte:
    """*alpha* with what was at *threshold*, 0–1, moved to the middle; 0 and 255 stay."""
    steps = np.arange(256) / 255
    curve = np.rint(255 * steps ** (np.log(0.5) / np.log(threshold))).astype(np.uint8)
    return np.asarray(cv2.LUT(alpha, curve), np.uint8)


def feathered(alpha: Matte, pixels: float) -> Matte:
    """*alpha* softened by a Gaussian whose kernel is *pixels* wide; 0 leaves it as it is."""
    width = round(pixels) | 1
    return alpha if pixels < 1 else np.asarray(cv2.GaussianBlur(alpha, (width, width), 0), np.uint8)


def _line(matte: Matte, luma: Luma, radius: int) -> tuple[Field, Field]:
    """Slope and offset, at each pixel, of alpha as a linear function of luma."""
    side = (2 * radius + 1, 2 * radius + 1)
    guide, alpha = luma.astype(np.float32), matte.astype(np.float32)
    mean, level = cv2.blur(guide, side), cv2.blur(alpha, side)
    slope = cv2.blur(guide * alpha, side) - mean * level
    slope /= cv2.blur(guide * guide, side) - mean * mean + NOISE
    return np.asarray(cv2.blur(slope, side)), np.asarray(cv2.blur(level - slope * mean, side))


def _placed(box: Box, frame: tuple[int, int], matte: Matte, view: Luma) -> NDArray[np.float64]:
    """Where each pixel of the view lies in the matte, as an affine map of centres."""
    across, down = matte.shape[1] / frame[0], matte.shape[0] / frame[1]
    right, lower = box.width / view.shape[1], box.height / view.shape[0]
    return np.array(
        [
            [right * across, 0, (box.left + right / 2) * across - 0.5],
            [0, lower * down, (box.top + lower / 2) * down - 0.5],
        ]
    )


def _drawn(field: Field, place: NDArray[np.float64] | None, view: Luma) -> Field:
    if place is None:  # nine times as quick as a map that says the same
        return np.asarray(cv2.resize(field, view.shape[::-1]), np.float32)
    drawn = cv2.warpAffine(
        field,
        place,
        (view.shape[1], view.shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(drawn, np.float32)
