"""Where the people are over time: boxes that move little, shots that are told apart."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from video_editing.frames import Luma, Matte

SECOND = 0.2  #: area of somebody, by that of the largest person, who counts as well
SMALLEST = 0.002  #: area of a person by that of the frame
HOLE = 0.01  #: area, by that of the largest person, below which a hole in a body is none
MARGIN = 0.12  #: of a region's width and height, added on each side
GRID = 32  #: steps across the frame that a region's sides lie on, so that it seldom moves
ALIKE = 0.4  #: correlation of two frames of one shot, of which a swaying camera leaves 0.55
BLANK = 1e3  #: product of two pictures' spreads below which one of them shows nothing
DIFFERENT = 8  #: levels of luma between two shots; noise on a blank wall has no correlation either


class Region(NamedTuple):
    """A part of the frame, in fractions of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


WHOLE = Region(0, 0, 1, 1)


def is_cut(before: Luma, after: Luma) -> bool:
    """Whether another shot begins with *after*: nothing of *before* is where it was, or as light.

    Args:
        before: luma of a frame, of any size.
        after: that of the next one, of the same size.
    """
    first, second = (
        cv2.resize(luma, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
        for luma in (before, after)
    )
    if np.abs(second - first).mean() <= DIFFERENT:
        return False
    first -= first.mean()
    second -= second.mean()
    spread = np.sqrt((first**2).sum() * (second**2).sum())
    return bool((first * second).sum() < ALIKE * spread or spread < BLANK)


def shows_somebody(matte: Matte) -> bool:
    """Whether there is as much in *matte* as makes a person."""
    return cv2.countNonZero(np.asarray(matte > 127, np.uint8)) >= SMALLEST * matte.size


def occupied(matte: Matte) -> Region | None:
    """The part of the frame in which people are, or None where nobody is."""
    height, width = matte.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats((matte > 127).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    if not len(areas) or areas.max() < SMALLEST * matte.size:
        return None
    x, y, w, h = stats[1:][areas >= SECOND * areas.max(), :4].T
    return Region(x.min() / width, y.min() / height, (x + w).max() / width, (y + h).max() / height)


def tidied(matte: Matte) -> Matte:
    """*matte* without islands that are nobody, and without small holes in bodies."""
    core = (matte > 127).astype(np.uint8)
    _, labels = cv2.connectedComponents((matte > 0).astype(np.uint8))
    areas = np.bincount(labels.ravel(), core.ravel())
    if areas.max() < SMALLEST * matte.size:
        return np.zeros_like(matte)
    is_somebody = (areas >= SECOND * areas.max()).astype(np.uint8)
    tidy = matte * is_somebody[labels]
    contours, parents = cv2.findContours(core, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    holes = [
        contour
        for contour, (*_, parent) in zip(contours, parents[0], strict=True)
        if parent >= 0 and cv2.contourArea(contour) < HOLE * areas.max()
    ]
    return np.asarray(cv2.drawContours(tidy, holes, -1, 255, cv2.FILLED), np.uint8)


def joined(regions: Sequence[Region]) -> Region:
    """The least region that holds all of *regions*, with a margin, on the grid."""
    left, top = min(r.left for r in regions), min(r.top for r in regions)
    right, bottom = max(r.right for r in regions), max(r.bottom for r in regions)
    across, down = MARGIN * (right - left), MARGIN * (bottom - top)
    return Region(
        max(0, np.floor((left - across) * GRID) / GRID),
        max(0, np.floor((top - down) * GRID) / GRID),
        min(1, np.ceil((right + across) * GRID) / GRID),
        min(1, np.ceil((bottom + down) * GRID) / GRID),
    )


def squared(region: Region, size: tuple[int, int]) -> Region:
    """*region* widened or heightened to a square of pixels, as far as the frame goes.

    Args:
        region: what the square must hold.
        size: width and height of the frame.
    """
    width, height = (region.right - region.left) * size[0], (region.bottom - region.top) * size[1]
    side = max(width, height)
    left, right = _stretched(region.left, region.right, side / size[0])
    top, bottom = _stretched(region.top, region.bottom, side / size[1])
    return Region(left, top, right, bottom)


def _stretched(start: float, end: float, length: float) -> tuple[float, float]:
    """An interval of *length* around the middle of another, moved to lie in 0–1."""
    length = min(1, length)
    start = min(max(0, (start + end - length) / 2), 1 - length)
    return start, start + length
