"""Regions of people in mattes, and the boundaries between shots."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.frames import Box, FloatPlane, Luma, Matte, Plane
from video_editing.pixels import resize
from video_editing.pyramid import crop_plane

#: smallest area of another person, who may be far behind, of the largest person's area
MIN_RELATIVE_AREA = 0.1
MIN_PERSON_AREA = 0.004  #: smallest area of a person, of the frame's area
MAX_HOLE_AREA = 0.01  #: of the largest person's area; smaller holes in a body are filled
REGION_MARGIN = 0.12  #: of a box's width and height, added on each side
GRID_STEPS = 32  #: steps of the grid across the frame on which boxes lie, so that they move little
THUMBNAIL_SIZE = (32, 32)  #: pixels; pictures are compared at this size
#: smallest correlation of two frames of one shot; a swaying camera leaves 0.55
MIN_SHOT_CORRELATION = 0.4
MIN_SPREAD = 1e3  #: product of the spreads of two pictures below which one of them is blank
#: levels of luma between two shots; noise on a blank wall is uncorrelated within a shot
MIN_LUMA_DIFFERENCE = 8


def make_thumbnail(luma: Luma) -> FloatPlane:
    """Return *luma*, of any size, as small as the search for shots needs it."""
    return resize(luma, THUMBNAIL_SIZE).astype(np.float32)


def is_shot_boundary(before: FloatPlane, after: FloatPlane) -> bool:
    """Return whether a shot begins with *after*: the pictures differ and do not correlate.

    Args:
        before: thumbnail of a frame.
        after: thumbnail of the next frame.
    """
    if np.abs(after - before).mean() <= MIN_LUMA_DIFFERENCE:
        return False
    first, second = before - before.mean(), after - after.mean()
    spread = np.sqrt((first**2).sum() * (second**2).sum())
    return bool((first * second).sum() < MIN_SHOT_CORRELATION * spread or spread < MIN_SPREAD)


def has_person(matte: Matte) -> bool:
    """Return whether the opaque area of *matte* is as large as a person."""
    return cv2.countNonZero(np.asarray(matte > 127, np.uint8)) >= MIN_PERSON_AREA * matte.size


def find_people_box(matte: Matte) -> Box | None:
    """Return the smallest box that holds all people, or None if there are none."""
    core = (matte > 127).astype(np.uint8)
    labels, areas = _label_areas(core)
    if areas.max(initial=0) < MIN_PERSON_AREA * matte.size:
        return None
    if len(areas) > 1:
        is_person = np.concatenate(([False], areas >= MIN_RELATIVE_AREA * areas.max()))
        core = is_person.astype(np.uint8)[labels]
    return Box(*cv2.boundingRect(core))


def count_people(matte: Matte) -> int:
    """Return how many areas of *matte* are as large as a person; people who touch are one."""
    _, areas = _label_areas((matte > 127).astype(np.uint8))
    least = max(MIN_PERSON_AREA * matte.size, MIN_RELATIVE_AREA * areas.max(initial=0))
    return int(np.count_nonzero(areas >= least))


def _label_areas(core: Plane) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Return the number of the area at each pixel, 0 outside, and the pixels of each from 1 on.

    Args:
        core: 1 in areas, 0 outside.
    """
    count, labels = cv2.connectedComponents(core, ltype=cv2.CV_16U)
    if count <= 2:  # counting labels takes longer than finding them
        areas = np.full(count - 1, cv2.countNonZero(core), np.int64)
    else:
        areas = np.bincount(labels.ravel(), minlength=count)[1:]
    return np.asarray(labels, np.uint16), areas


def remove_islands_and_holes(matte: Matte) -> Matte:
    """Return *matte* without islands that are too small for a person, small holes filled."""
    result = matte.copy()
    box = Box(*cv2.boundingRect(matte))
    if not box.width:
        return result
    part = crop_plane(result, box)
    core = (part > 127).astype(np.uint8)
    count, labels = cv2.connectedComponents((part > 0).astype(np.uint8), ltype=cv2.CV_16U)
    areas = [0, cv2.countNonZero(core)] if count <= 2 else np.bincount(labels[core > 0])
    largest = max(areas, default=0)
    if largest < MIN_PERSON_AREA * matte.size:
        return np.zeros_like(matte)
    for island in range(1, count):
        if island >= len(areas) or areas[island] < MIN_RELATIVE_AREA * largest:
            part[labels == island] = 0
    contours, parents = cv2.findContours(core, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    holes = [
        contour
        for contour, (*_, parent) in zip(contours, parents[0], strict=True)
        if parent >= 0 and cv2.contourArea(contour) < MAX_HOLE_AREA * largest
    ]
    cv2.drawContours(part, holes, -1, 255, cv2.FILLED)
    return result


def merge_boxes(boxes: Sequence[Box], size: tuple[int, int], margin: float = REGION_MARGIN) -> Box:
    """Return a box that holds all of *boxes* and a margin, limited to the frame.

    Args:
        boxes: of people.
        size: width and height of the frame.
        margin: that is added on each side, of the union's width and height.
    """
    union = enclose(boxes)
    step = 2 * -(-max(size) // (2 * GRID_STEPS))
    left, width = _expand_to_grid(union.left, union.width, margin, step, size[0])
    top, height = _expand_to_grid(union.top, union.height, margin, step, size[1])
    return Box(left, top, width, height)


def expand_to_square(box: Box, size: tuple[int, int]) -> Box:
    """Return *box* made wider or higher until it is square, limited to the frame.

    Args:
        box: the part that the square must hold.
        size: width and height of the frame.
    """
    side = max(box.width, box.height)
    left, width = _expand_span(box.left, box.width, side, size[0])
    top, height = _expand_span(box.top, box.height, side, size[1])
    return Box(left, top, width, height)


def enclose(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that holds all of *boxes*, of which there is one at least."""
    left, top = min(b.left for b in boxes), min(b.top for b in boxes)
    right = max(b.left + b.width for b in boxes)
    bottom = max(b.top + b.height for b in boxes)
    return Box(left, top, right - left, bottom - top)


def _expand_to_grid(
    start: int, length: int, margin: float, step: int, limit: int
) -> tuple[int, int]:
    """Return start and length with a margin, both ends on multiples of *step* or at the limits."""
    extra = margin * length
    first = max(0, int((start - extra) // step) * step)
    last = min(limit, -int(-(start + length + extra) // step) * step)
    return first, last - first


def _expand_span(start: int, length: int, target_length: int, limit: int) -> tuple[int, int]:
    """Return start, even, and length of a span around another, within 0 and the limit."""
    target_length = min(target_length, limit)
    start = min(max(0, start - (target_length - length) // 2), limit - target_length)
    return start // 2 * 2, target_length
