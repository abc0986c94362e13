"""Remove the old background from the colours near the person's edge.

A pixel that shows hair and wall at once has a mixture of both colours. Composited over another
background with its alpha, the wall would remain visible as a rim.

After Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021), "blur fusion": the
foreground near a pixel is a weighted mean, first of a wide and then of a narrow window around it;
likewise the background; the residual of a pixel is kept.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.frames import Matte, Picture, Plane
from video_editing.pixels import resize

REDUCED_SIDE = 135  #: pixels, shorter side of the reduced picture from which means are computed
WIDE_KERNEL = 23  #: reduced pixels; reaches from a blurred edge to opaque and transparent pixels
NARROW_KERNEL = 7  #: reduced pixels; refines the colours beside the edge
#: Forte weighs by alpha, which leaves half of the background in a wide edge's mean. The eighth
#: power prefers opaque pixels: a third of that error on soft edges and hair, a fifth on wide ones.
WEIGHT_POWER = 8
#: Forte adds the residual times alpha. A matte is never exact; where it is too wide, the cube of
#: alpha lets a third less of the background through and costs 0.1 of a level on exact ones.
RESIDUAL_POWER = 3
MIN_WEIGHT = 1e-6  #: weight of the fallback, used where no pixel of the window has weight

Colours = NDArray[np.float32]  #: (h, w, 3), Y'CbCr of the reduced picture
Share = NDArray[np.float32]  #: (h, w), 0 … 1, of the reduced picture


def despill(picture: Picture, alpha: Matte) -> Picture:
    """Return the person's own colours, not premultiplied, for every pixel.

    Where *alpha* is 255 they are the picture's; where it is 0 they continue the person's colours
    smoothly, which compresses well and is never visible.

    Args:
        picture: the person before the old background.
        alpha: (H, W), of the luma's size.
    """
    person, behind = _estimate_colours(picture, alpha)
    size = picture.u.shape[::-1]
    chroma_alpha = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Picture(
        _replace_spill(picture.y, alpha, person[0], behind[0]),
        _replace_spill(picture.u, chroma_alpha, person[1], behind[1]),
        _replace_spill(picture.v, chroma_alpha, person[2], behind[2]),
    )


def _estimate_colours(picture: Picture, alpha: Matte) -> tuple[list[Plane], list[Plane]]:
    """Estimate the colours of person and background around each pixel, as reduced planes."""
    width, height = picture.size
    scale = min(1, REDUCED_SIDE / min(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    mixed = np.dstack([_reduce(plane, size) for plane in (picture.y, picture.u, picture.v)])
    share = _reduce(alpha, size) * np.float32(1 / 255)
    person_weight, behind_weight = _compute_weight(share), _compute_weight(1 - share)
    middle = np.full_like(mixed, 128)
    person = _average(mixed, person_weight, WIDE_KERNEL, middle)
    behind = _average(mixed, behind_weight, WIDE_KERNEL, middle)
    own = _unmix(mixed, share, person, behind)
    other = _unmix(mixed, 1 - share, behind, person)
    person = _average(own, person_weight, NARROW_KERNEL, person)
    behind = _average(other, behind_weight, NARROW_KERNEL, behind)
    return _split_planes(person), _split_planes(behind)


def _reduce(plane: Plane, size: tuple[int, int]) -> NDArray[np.float32]:
    return resize(plane, size).astype(np.float32)


def _compute_weight(share: Share) -> Share:
    return np.asarray(cv2.pow(share, WEIGHT_POWER), np.float32)


def _split_planes(colours: Colours) -> list[Plane]:
    return [np.asarray(plane, np.uint8) for plane in cv2.split(cv2.convertScaleAbs(colours))]


def _average(colours: Colours, weight: Share, side: int, fallback: Colours) -> Colours:
    """Return the weighted mean in a square around each pixel; *fallback* without any weight."""
    total = cv2.boxFilter(colours * weight[..., None], -1, (side, side))
    weights = cv2.boxFilter(weight, -1, (side, side))[..., None]
    # Running sums leave rounding errors below 0 where all weights are 0.
    weights = np.maximum(weights, 0)
    return np.asarray((total + MIN_WEIGHT * fallback) / (weights + MIN_WEIGHT), np.float32)


def _unmix(mixed: Colours, share: Share, one: Colours, other: Colours) -> Colours:
    """Return *one* of two mixed colours, of which it has *share*, with its detail restored."""
    part = share[..., None]
    return np.asarray(one + part * (mixed - part * one - (1 - part) * other), np.float32)


def _replace_spill(plane: Plane, alpha: Matte, person: Plane, background: Plane) -> Plane:
    """Return *plane* with the person's colours wherever alpha is below 255."""
    size = plane.shape[::-1]
    cleaned = np.asarray(cv2.resize(person, size), np.uint8)
    edge = np.flatnonzero((alpha > 0) & (alpha < 255))
    one = cleaned.ravel()[edge].astype(np.float32)
    other = cv2.resize(background, size).ravel()[edge].astype(np.float32)
    share = alpha.ravel()[edge] * np.float32(1 / 255)
    own = one + share**RESIDUAL_POWER * (plane.ravel()[edge] - share * one - (1 - share) * other)
    cv2.copyTo(plane, alpha, cleaned)
    cleaned.ravel()[edge] = np.clip(own + 0.5, 0, 255)
    return cleaned
