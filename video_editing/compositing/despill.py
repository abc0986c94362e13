"""The old background taken out of the colours near the person's edge.

Where a pixel shows hair and wall at once, its colour is a mixture of both; laid over something
else with its alpha, the wall would still shine through as a rim.

After Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021), "blur fusion": the
foreground near a pixel is a weighted mean around it, first of a wide and then of a narrow
surrounding; likewise the background; what the two do not explain of a pixel is its own.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.frames import Matte, Picture, Plane
from video_editing.pixels import resize

REDUCED_SIDE = 135  #: pixels, shorter side of the small picture of which means are taken
WIDE_KERNEL = (
    23  #: reduced pixels, side of the square that reaches solid colours from a blurred edge
)
NARROW_KERNEL = 7  #: reduced pixels, side of the square that then gives the colours right beside
#: Forte weighs by alpha, which leaves half of the wall in a wide edge's mean. Its eighth power
#: trusts what is solid: a third of that error on soft edges and hair, a fifth on wide ones.
WEIGHT_POWER = 8
#: Forte adds what is unexplained times alpha. A matte is never exact; where it is too wide,
#: its cube lets a third less of the wall through and costs 0.1 of a level on exact ones.
RESIDUAL_POWER = 3
MIN_WEIGHT = 1e-6  #: weight of the wider mean, which decides where the narrow one has no weight

Colours = NDArray[np.float32]  #: (h, w, 3), Y'CbCr of the reduced picture
Share = NDArray[np.float32]  #: (h, w), 0 … 1, of the reduced picture


def despill(picture: Picture, alpha: Matte) -> Picture:
    """Give the person's own colours, straight, for every pixel.

    Where *alpha* is 255 they are the picture's; where it is 0 they go on smoothly from those
    of the person, which compresses well and never shows.

    Args:
        picture: with the background it was filmed before.
        alpha: (H, W), as large as the luma.
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
    """Estimate the person's colours and those behind her around each place, as small planes."""
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
    """Give the weighted mean in a square around each place; *fallback* where nothing weighs."""
    total = cv2.boxFilter(colours * weight[..., None], -1, (side, side))
    weights = cv2.boxFilter(weight, -1, (side, side))[..., None]
    # Running sums leave a little less than nothing where there is nothing.
    weights = np.maximum(weights, 0)
    return np.asarray((total + MIN_WEIGHT * fallback) / (weights + MIN_WEIGHT), np.float32)


def _unmix(mixed: Colours, share: Share, one: Colours, other: Colours) -> Colours:
    """Give *one* side of a mixture, of which it has *share*, with the detail it has there."""
    part = share[..., None]
    return np.asarray(one + part * (mixed - part * one - (1 - part) * other), np.float32)


def _replace_spill(plane: Plane, alpha: Matte, person: Plane, background: Plane) -> Plane:
    """Give *plane* with the person's colours wherever she is not solid."""
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
