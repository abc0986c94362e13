"""From a small matte to the alpha of what is shown: its edges are those of the picture.

He, Sun 2015, "Fast Guided Filter", arXiv:1505.00996: alpha is locally a linear function of luma,
found at the matte's size and applied at the picture's.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.frames import Box, FloatPlane, Luma, Matte
from video_editing.pixels import resize

GUIDE_RADIUS = 1  #: pixels of the matte over which alpha is a linear function of luma
NOISE_VARIANCE = 65.0  #: variance of luma, in levels squared, below which a picture has no edge


def refine_alpha(matte: Matte, luma: Luma, box: Box, view: Luma) -> Matte:
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
    slope, offset = _fit_linear_model(matte, resize(luma, size), GUIDE_RADIUS)
    frame = luma.shape[1], luma.shape[0]
    place = (
        None if (box.width, box.height) == frame else _map_view_to_matte(box, frame, matte, view)
    )
    alpha = _sample(slope, place, view)
    alpha *= view
    alpha += _sample(offset, place, view)
    return np.rint(np.clip(alpha, 0, 255, out=alpha), out=alpha).astype(np.uint8)


def apply_guided_filter(matte: Matte, luma: Luma, radius: int) -> Matte:
    """*matte* with its edges on those of *luma*, which is of the same size.

    Args:
        matte: the matte.
        luma: of the same frame.
        radius: pixels over which alpha is a linear function of luma.
    """
    slope, offset = _fit_linear_model(matte, luma, radius)
    return np.asarray(cv2.convertScaleAbs(np.maximum(slope * luma + offset, 0)), np.uint8)


def apply_threshold(alpha: Matte, threshold: float) -> Matte:
    """*alpha* with what was at *threshold*, 0–1, moved to the middle; 0 and 255 stay."""
    steps = np.arange(256) / 255
    curve = np.rint(255 * steps ** (np.log(0.5) / np.log(threshold))).astype(np.uint8)
    return np.asarray(cv2.LUT(alpha, curve), np.uint8)


def feather(alpha: Matte, kernel_width: float) -> Matte:
    """*alpha* softened by a Gaussian whose kernel is *kernel_width* wide; 0 leaves it as it is."""
    width = round(kernel_width) | 1
    return (
        alpha
        if kernel_width < 1
        else np.asarray(cv2.GaussianBlur(alpha, (width, width), 0), np.uint8)
    )


def _fit_linear_model(matte: Matte, luma: Luma, radius: int) -> tuple[FloatPlane, FloatPlane]:
    """Slope and offset, at each pixel, of alpha as a linear function of luma."""
    side = (2 * radius + 1, 2 * radius + 1)
    guide, alpha = luma.astype(np.float32), matte.astype(np.float32)
    mean, level = cv2.blur(guide, side), cv2.blur(alpha, side)
    slope = cv2.blur(guide * alpha, side) - mean * level
    slope /= cv2.blur(guide * guide, side) - mean * mean + NOISE_VARIANCE
    return np.asarray(cv2.blur(slope, side)), np.asarray(cv2.blur(level - slope * mean, side))


def _map_view_to_matte(
    box: Box, frame_size: tuple[int, int], matte: Matte, view: Luma
) -> NDArray[np.float64]:
    """Where each pixel of the view lies in the matte, as an affine map of centres."""
    across, down = matte.shape[1] / frame_size[0], matte.shape[0] / frame_size[1]
    right, lower = box.width / view.shape[1], box.height / view.shape[0]
    return np.array(
        [
            [right * across, 0, (box.left + right / 2) * across - 0.5],
            [0, lower * down, (box.top + lower / 2) * down - 0.5],
        ]
    )


def _sample(field: FloatPlane, transform: NDArray[np.float64] | None, view: Luma) -> FloatPlane:
    if transform is None:  # nine times as quick as a map that says the same
        return np.asarray(cv2.resize(field, view.shape[::-1]), np.float32)
    drawn = cv2.warpAffine(
        field,
        transform,
        (view.shape[1], view.shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(drawn, np.float32)
