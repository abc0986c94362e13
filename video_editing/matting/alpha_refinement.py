"""Refine a small matte to the alpha of the shown part of a frame, along the picture's edges.

He, Sun 2015, "Fast Guided Filter", arXiv:1505.00996: alpha is locally a linear function of luma.
The function is fitted at the matte's size and applied at the picture's size.
"""

from math import ceil, floor

import cv2
import numpy as np

from video_editing.frames import Box, FloatPlane, Luma, Matte
from video_editing.pixels import AffineMap, enlarge_certain, resize
from video_editing.pyramid import crop_plane

GUIDE_RADIUS = 1  #: pixels of the matte, of the window in which alpha is linear in luma
NOISE_VARIANCE = 65.0  #: variance of luma, in levels squared, below which there is no edge
_MIDDLE = 0.5  #: the threshold that changes nothing


def refine_alpha(matte: Matte, luma: Luma, box: Box, view: Luma) -> Matte:
    """Compute the alpha of a part of the frame.

    Args:
        matte: small, of all of the frame.
        luma: of all of the frame.
        box: the part that is shown, in pixels of *luma*.
        view: luma of that part, at the size at which it is shown.

    Returns:
        Alpha, of the view's size.
    """
    guide = resize(luma, (matte.shape[1], matte.shape[0]))
    shown, transform = _find_shown_box(_map_view_to_matte(box, luma, matte, view), matte, view)
    matte, guide = crop_plane(matte, shown), crop_plane(guide, shown)
    alpha, edges = enlarge_certain(matte, 2 * GUIDE_RADIUS + 1, transform, view)
    if edges:
        model = _fit_linear_model(matte, guide, GUIDE_RADIUS)
        slope, offset = edges.sample(model, transform)
        detail = cv2.multiply(slope, edges.take(view), dtype=cv2.CV_32F)
        fine = cv2.add(detail, offset, dtype=cv2.CV_8U)
        edges.put(np.asarray(fine, np.uint8), alpha)
    return alpha


def enlarge_alpha(matte: Matte, luma: Luma, box: Box, view: Luma) -> Matte:
    """Compute the alpha of a part of the frame by interpolation alone.

    Arguments and result are those of :func:`refine_alpha`.
    """
    if (box.height, box.width) == luma.shape:  # nine times as fast as the map with the same result
        return np.asarray(cv2.resize(matte, view.shape[::-1]), np.uint8)
    enlarged = cv2.warpAffine(
        matte,
        _map_view_to_matte(box, luma, matte, view),
        view.shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(enlarged, np.uint8)


def apply_guided_filter(matte: Matte, luma: Luma, radius: int) -> Matte:
    """Return *matte* with its edges moved to those of *luma*.

    Args:
        matte: the matte.
        luma: of the same frame, of the matte's size.
        radius: of the window in which alpha is linear in luma, in pixels.
    """
    slope, offset = _fit_linear_model(matte, luma, radius)
    detail = cv2.multiply(slope, luma, dtype=cv2.CV_32F)
    return np.asarray(cv2.add(detail, offset, dtype=cv2.CV_8U), np.uint8)


def apply_threshold(alpha: Matte, threshold: float) -> Matte:
    """Return *alpha* under a power curve that maps *threshold*, 0–1, to the middle."""
    if threshold == _MIDDLE:
        return alpha
    steps = np.arange(256) / 255
    curve = np.rint(255 * steps ** (np.log(0.5) / np.log(threshold))).astype(np.uint8)
    return np.asarray(cv2.LUT(alpha, curve), np.uint8)


def feather(alpha: Matte, kernel_width: float) -> Matte:
    """Return *alpha* blurred by a Gaussian kernel of that width in pixels; below 1, unchanged."""
    if kernel_width < 1:
        return alpha
    width = round(kernel_width) | 1
    return np.asarray(cv2.GaussianBlur(alpha, (width, width), 0), np.uint8)


def _fit_linear_model(matte: Matte, luma: Luma, radius: int) -> tuple[FloatPlane, FloatPlane]:
    """Fit alpha as a linear function of luma at each pixel; return its slope and offset."""
    side = (2 * radius + 1, 2 * radius + 1)
    # Sums of whole numbers take less time than those of fractions.
    mean, level = (cv2.boxFilter(plane, cv2.CV_32F, side) for plane in (luma, matte))
    product = cv2.multiply(luma, matte, dtype=cv2.CV_16U)
    slope = cv2.boxFilter(product, cv2.CV_32F, side) - mean * level
    slope /= cv2.sqrBoxFilter(luma, cv2.CV_32F, side) - mean * mean + NOISE_VARIANCE
    return np.asarray(cv2.blur(slope, side)), np.asarray(cv2.blur(level - slope * mean, side))


def _map_view_to_matte(box: Box, luma: Luma, matte: Matte, view: Luma) -> AffineMap:
    """Return the map from pixels of the view to those of the matte."""
    across, down = matte.shape[1] / luma.shape[1], matte.shape[0] / luma.shape[0]
    right, lower = box.width / view.shape[1], box.height / view.shape[0]
    return np.array(
        [
            [right * across, 0, (box.left + right / 2) * across - 0.5],
            [0, lower * down, (box.top + lower / 2) * down - 0.5],
        ]
    )


def _find_shown_box(transform: AffineMap, matte: Matte, view: Luma) -> tuple[Box, AffineMap]:
    """Return the part of *matte* that decides the alpha of a view, and the map to that part.

    Args:
        transform: from :func:`_map_view_to_matte`.
        matte: of all of the frame.
        view: the part that is shown.
    """
    (across, _, x), (_, down, y) = transform.tolist()
    reach = 2 * GUIDE_RADIUS + 1  # two means, and the pixels on both sides of a centre
    left, top = (max(0, floor(first) - reach) for first in (x, y))
    last_x, last_y = x + across * (view.shape[1] - 1), y + down * (view.shape[0] - 1)
    right = min(matte.shape[1], ceil(last_x) + reach + 1)
    bottom = min(matte.shape[0], ceil(last_y) + reach + 1)
    return Box(left, top, right - left, bottom - top), transform - [[0, 0, left], [0, 0, top]]
