"""Filter mattes over time: a weighted mean of neighbouring frames removes flicker."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, repeat
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from video_editing.frames import FrameMatte, Luma, Matte, Picture, Timed
from video_editing.matting.person_regions import has_person
from video_editing.reading.probe import Clip

PATCH_SIZE = 5  #: pixels, side of the square over which picture differences are averaged
#: luma difference times alpha difference, in levels, at which a neighbour's weight is 1/e
CHANGE_TOLERANCE = 36 * 128
MAX_NEIGHBOUR_SECONDS = Fraction(1, 10)  #: largest distance of frames in the temporal filter
FILTER_WINDOW = 2  #: frames before and after a frame in the temporal filter


class LumaMatte(NamedTuple):
    """A matte and the luma of its frame, of the same size."""

    luma: Luma
    matte: Matte


class PersonFilter:
    """Filters the mattes of a clip over time; a person seen in too few frames is removed."""

    def __init__(self, clip: Clip, tolerance: float = CHANGE_TOLERANCE) -> None:
        """Set the window and the tolerance, that of :func:`filter_temporally`."""
        self._max_ticks = MAX_NEIGHBOUR_SECONDS / clip.timebase
        self._tolerance = tolerance

    def apply(self, frames: Iterable[tuple[Timed[Picture], LumaMatte]]) -> Iterator[FrameMatte]:
        """Yield the frames of one shot with filtered mattes.

        A person in at most half of a window's frames is removed.
        """
        for (frame, sample), window in slide_window(frames, FILTER_WINDOW):
            neighbours = [
                other for near, other in window if abs(near.time - frame.time) <= self._max_ticks
            ]
            if 2 * sum(has_person(other.matte) for other in neighbours) <= len(neighbours):
                yield frame, np.zeros_like(sample.matte)
            else:
                yield frame, filter_temporally(sample, neighbours, self._tolerance)


def filter_temporally(
    current: LumaMatte, neighbours: Sequence[LumaMatte], tolerance: float = CHANGE_TOLERANCE
) -> Matte:
    """Return the weighted mean of a matte's neighbours in time.

    A pixel of a neighbour weighs less the more both picture and matte differ. If only the matte
    differs, it flickers; if only the picture differs, the background moves; if both differ, the
    person moves and must leave no trace. The window has two sides, so the result does not lag.

    Args:
        current: the matte to be filtered.
        neighbours: its neighbours in time, with or without *current*.
        tolerance: luma difference times alpha difference, in levels, at which a neighbour's
            weight is 1/e.
    """
    filtered = np.zeros_like(current.matte)
    area = _find_occupied_area([current, *neighbours])
    cropped = _crop(current, area)
    total = np.zeros(cropped.matte.shape, np.float32)
    total_weight = np.full_like(total, 1e-3)
    for neighbour in neighbours:
        other = _crop(neighbour, area)
        weight = _compute_weight(cropped, other, tolerance)
        cv2.accumulateProduct(weight, other.matte, total)
        cv2.accumulate(weight, total_weight)
    filtered[area] = np.rint(total / total_weight)
    return filtered


def _find_occupied_area(samples: Sequence[LumaMatte]) -> tuple[slice, slice]:
    """Return the rows and columns of all non-empty pixels, with a patch more on each side."""
    boxes = [cv2.boundingRect(sample.matte) for sample in samples if sample.matte.any()]
    if not boxes:
        return slice(0, 1), slice(0, 1)
    left, top = min(x for x, _, _, _ in boxes), min(y for _, y, _, _ in boxes)
    right, bottom = max(x + w for x, _, w, _ in boxes), max(y + h for _, y, _, h in boxes)
    rows = slice(max(0, top - PATCH_SIZE), bottom + PATCH_SIZE)
    return rows, slice(max(0, left - PATCH_SIZE), right + PATCH_SIZE)


def _crop(sample: LumaMatte, area: tuple[slice, slice]) -> LumaMatte:
    return LumaMatte(sample.luma[area], sample.matte[area])


def _compute_weight(current: LumaMatte, other: LumaMatte, tolerance: float) -> Matte:
    """Return the weight, 0–255, of each pixel of *other*."""
    picture = cv2.blur(cv2.absdiff(current.luma, other.luma), (PATCH_SIZE, PATCH_SIZE))
    alpha = cv2.absdiff(current.matte, other.matte)
    scale = 255 / (6 * tolerance)
    return np.asarray(cv2.LUT(cv2.multiply(picture, alpha, scale=scale), _WEIGHT_CURVE), np.uint8)


#: weight, 0–255, of differences from 0 to 6 times the tolerance, in 256 steps
_WEIGHT_CURVE = np.rint(255 * np.exp(-np.arange(256) / 255 * 6)).astype(np.uint8)


T = TypeVar("T")


def slide_window(items: Iterable[T], reach: int) -> Iterator[tuple[T, list[T]]]:
    """Yield each item with those up to *reach* before and after it, including itself.

    Windows are shorter at both ends of *items*. Look-ahead delays by *reach* items and keeps
    2 × *reach* + 1 in memory.
    """
    span = 2 * reach + 1
    window: deque[T | None] = deque(repeat(None, span), span)
    for item in chain(items, repeat(None, reach)):
        window.append(item)
        middle = window[reach]
        if middle is not None:
            yield middle, [neighbour for neighbour in window if neighbour is not None]
