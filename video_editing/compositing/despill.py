"""Remove the old background from the colours near the person's edge.

A pixel that shows hair and wall at once has a mixture of both colours. Composited over another
background with its alpha, the wall would remain visible as a rim.

After Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021), "blur fusion": the
foreground near a pixel is a weighted mean, first of a wide and then of a narrow window around it;
likewise the background; the residual of a pixel is kept.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.frames import Matte, Picture, Plane
from video_editing.pixels import find_edge_tiles, resize

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

Colours = NDArray[np.float32]  #: (3, h, w), Y'CbCr of the reduced picture
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
    luma, chroma = [picture.y], [picture.u, picture.v]
    return Picture(
        *_replace_spill(luma, alpha, person[:1], behind[:1]),
        *_replace_spill(chroma, chroma_alpha, person[1:], behind[1:]),
    )


def _estimate_colours(picture: Picture, alpha: Matte) -> tuple[list[Plane], list[Plane]]:
    """Estimate the colours of person and background around each pixel, as reduced planes."""
    width, height = picture.size
    scale = min(1, REDUCED_SIDE / min(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    mixed = np.stack([_reduce(plane, size) for plane in (picture.y, picture.u, picture.v)])
    share = _reduce(alpha, size) * np.float32(1 / 255)
    person_weight, behind_weight = _compute_weight(share), _compute_weight(1 - share)
    middle = np.full_like(mixed, 128)
    person = _average(mixed, person_weight, WIDE_KERNEL, middle)
    behind = _average(mixed, behind_weight, WIDE_KERNEL, middle)
    own = _unmix(mixed, share, person, behind)
    other = _unmix(mixed, 1 - share, behind, person)
    person = _average(own, person_weight, NARROW_KERNEL, person)
    behind = _average(other, behind_weight, NARROW_KERNEL, behind)
    return _convert_to_planes(person), _convert_to_planes(behind)


def _reduce(plane: Plane, size: tuple[int, int]) -> NDArray[np.float32]:
    return resize(plane, size).astype(np.float32)


def _compute_weight(share: Share) -> Share:
    return np.asarray(cv2.pow(share, WEIGHT_POWER), np.float32)


def _convert_to_planes(colours: Colours) -> list[Plane]:
    return [np.asarray(cv2.convertScaleAbs(plane), np.uint8) for plane in colours]


def _average(colours: Colours, weight: Share, side: int, fallback: Colours) -> Colours:
    """Return the weighted mean in a square around each pixel; *fallback* without any weight."""
    weighted = cv2.merge([*(colours * weight), weight])  # four channels cost less than three
    *total, weights = cv2.split(cv2.boxFilter(weighted, -1, (side, side)))
    # Running sums leave rounding errors below 0 where all weights are 0.
    weights = np.maximum(weights, 0)
    return np.asarray(
        (np.stack(total) + MIN_WEIGHT * fallback) / (weights + MIN_WEIGHT), np.float32
    )


def _unmix(mixed: Colours, share: Share, one: Colours, other: Colours) -> Colours:
    """Return *one* of two mixed colours, of which it has *share*, with its detail restored."""
    return np.asarray(one + share * (mixed - share * one - (1 - share) * other), np.float32)


def _replace_spill(
    planes: list[Plane], alpha: Matte, person: list[Plane], background: list[Plane]
) -> Iterator[Plane]:
    """Yield *planes* with the person's colours wherever alpha is below 255."""
    size = alpha.shape[::-1]
    edges = find_edge_tiles(alpha)
    share = edges.take(alpha) * np.float32(1 / 255)
    for plane, own, behind in zip(planes, person, background, strict=True):
        cleaned = np.asarray(cv2.resize(own, size), np.uint8)
        one = edges.take(cleaned).astype(np.float32)
        cv2.copyTo(plane, alpha, cleaned)
        if edges:
            other = edges.take(np.asarray(cv2.resize(behind, size), np.uint8))
            residual = edges.take(plane) - share * one - (1 - share) * other
            mixed = one + np.asarray(cv2.pow(share, RESIDUAL_POWER), np.float32) * residual
            edges.put(np.asarray(np.clip(mixed + np.float32(0.5), 0, 255), np.float32), cleaned)
        yield cleaned
