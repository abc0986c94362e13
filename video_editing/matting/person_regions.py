"""Where the people are over time: boxes that move little, shots that are told apart."""

from collections.abc import Sequence

import cv2
import numpy as np

from video_editing.frames import Box, Luma, Matte

MIN_RELATIVE_AREA = 0.2  #: area of somebody, by that of the largest person, who counts as well
MIN_PERSON_AREA = 0.004  #: area of a person by that of the frame
MAX_HOLE_AREA = 0.01  #: area, by that of the largest person, below which a hole in a body is none
REGION_MARGIN = 0.12  #: of a box's width and height, added on each side
GRID_STEPS = 32  #: steps across the frame that a box's sides lie on, so that it seldom moves
MIN_SHOT_CORRELATION = (
    0.4  #: correlation of two frames of one shot, of which a swaying camera leaves 0.55
)
MIN_SPREAD = 1e3  #: product of two pictures' spreads below which one of them shows nothing
MIN_LUMA_DIFFERENCE = (
    8  #: levels of luma between two shots; noise on a blank wall has no correlation either
)


def is_shot_boundary(before: Luma, after: Luma) -> bool:
    """Whether another shot begins with *after*: nothing of *before* is where it was, or as light.

    Args:
        before: luma of a frame, of any size.
        after: that of the next one, of the same size.
    """
    first, second = (
        cv2.resize(luma, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
        for luma in (before, after)
    )
    if np.abs(second - first).mean() <= MIN_LUMA_DIFFERENCE:
        return False
    first -= first.mean()
    second -= second.mean()
    spread = np.sqrt((first**2).sum() * (second**2).sum())
    return bool((first * second).sum() < MIN_SHOT_CORRELATION * spread or spread < MIN_SPREAD)


def has_person(matte: Matte) -> bool:
    """Whether there is as much in *matte* as makes a person."""
    return cv2.countNonZero(np.asarray(matte > 127, np.uint8)) >= MIN_PERSON_AREA * matte.size


def find_people_box(matte: Matte) -> Box | None:
    """The least box that holds all people, or None where nobody is."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((matte > 127).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    if not len(areas) or areas.max() < MIN_PERSON_AREA * matte.size:
        return None
    return _enclose(
        [Box(*row[:4].tolist()) for row in stats[1:][areas >= MIN_RELATIVE_AREA * areas.max()]]
    )


def remove_islands_and_holes(matte: Matte) -> Matte:
    """*matte* without islands that are nobody, and without small holes in bodies."""
    core = (matte > 127).astype(np.uint8)
    _, labels = cv2.connectedComponents((matte > 0).astype(np.uint8), ltype=cv2.CV_16U)
    areas = np.bincount(labels[core > 0])
    if not len(areas) or areas.max() < MIN_PERSON_AREA * matte.size:
        return np.zeros_like(matte)
    tidy = matte.copy()
    for island in range(1, 1 + int(labels.max())):
        if island >= len(areas) or areas[island] < MIN_RELATIVE_AREA * areas.max():
            tidy[labels == island] = 0
    contours, parents = cv2.findContours(core, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    holes = [
        contour
        for contour, (*_, parent) in zip(contours, parents[0], strict=True)
        if parent >= 0 and cv2.contourArea(contour) < MAX_HOLE_AREA * areas.max()
    ]
    return np.asarray(cv2.drawContours(tidy, holes, -1, 255, cv2.FILLED), np.uint8)


def merge_boxes(boxes: Sequence[Box], size: tuple[int, int]) -> Box:
    """A box that holds all of *boxes* and a margin, as far as the frame goes.

    Args:
        boxes: where somebody is.
        size: width and height of the frame.
    """
    least = _enclose(boxes)
    step = 2 * -(-max(size) // (2 * GRID_STEPS))
    left, width = _expand_to_grid(least.left, least.width, step, size[0])
    top, height = _expand_to_grid(least.top, least.height, step, size[1])
    return Box(left, top, width, height)


def expand_to_square(box: Box, size: tuple[int, int]) -> Box:
    """*box* made wider or higher until it is square, as far as the frame goes.

    Args:
        box: what the square must hold.
        size: width and height of the frame.
    """
    side = max(box.width, box.height)
    left, width = _expand_span(box.left, box.width, side, size[0])
    top, height = _expand_span(box.top, box.height, side, size[1])
    return Box(left, top, width, height)


def _enclose(boxes: Sequence[Box]) -> Box:
    left, top = min(b.left for b in boxes), min(b.top for b in boxes)
    right = max(b.left + b.width for b in boxes)
    bottom = max(b.top + b.height for b in boxes)
    return Box(left, top, right - left, bottom - top)


def _expand_to_grid(start: int, length: int, step: int, limit: int) -> tuple[int, int]:
    """Start and length with a margin, both ends on multiples of *step* or at the limits."""
    margin = REGION_MARGIN * length
    first = max(0, int((start - margin) // step) * step)
    last = min(limit, -int(-(start + length + margin) // step) * step)
    return first, last - first


def _expand_span(start: int, length: int, target_length: int, limit: int) -> tuple[int, int]:
    """Start, even, and length of a stretch around another, within 0 and the limit."""
    target_length = min(target_length, limit)
    start = min(max(0, start - (target_length - length) // 2), limit - target_length)
    return start // 2 * 2, target_length
