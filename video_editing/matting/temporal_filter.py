"""Mattes over time: a weighted mean of neighbours removes flicker; the mean of two fills a gap."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, repeat
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from video_editing.frames import Box, FrameMatte, Luma, Matte, Picture, Timed
from video_editing.matting.person_regions import enclose, has_person
from video_editing.pyramid import crop_plane
from video_editing.reading.probe import Clip

PATCH_SIZE = 5  #: pixels, side of the square over which picture differences are averaged
#: luma difference times alpha difference, in levels, at which a neighbour's weight is 1/e
CHANGE_TOLERANCE = 36 * 128
MAX_NEIGHBOUR_SECONDS = Fraction(1, 10)  #: largest distance of frames in the temporal filter
FILTER_WINDOW = 2  #: frames before and after a frame in the temporal filter
#: largest part of a person's area in which the mattes around a frame may differ by half of alpha,
#: for their mean to be its matte
MAX_DISAGREEMENT = 0.03


class LumaMatte(NamedTuple):
    """A matte and the luma of its frame, of the same size, at the frame's time in ticks."""

    time: int
    luma: Luma
    matte: Matte


class PersonFilter:
    """Filters the mattes of a clip over time; a person seen in too few frames is removed."""

    def __init__(self, clip: Clip, tolerance: float = CHANGE_TOLERANCE) -> None:
        """Set the window and the tolerance, that of :class:`TemporalFilter`."""
        self._max_ticks = MAX_NEIGHBOUR_SECONDS / clip.timebase
        self._tolerance = tolerance

    def apply(self, frames: Iterable[tuple[Timed[Picture], LumaMatte]]) -> Iterator[FrameMatte]:
        """Yield the frames of one shot with filtered mattes.

        A person in at most half of a window's frames is removed.
        """
        temporal_filter = TemporalFilter(self._tolerance)
        checked = ((frame, (sample, has_person(sample.matte))) for frame, sample in frames)
        for (frame, (sample, _)), window in slide_window(checked, FILTER_WINDOW):
            near = [each for each in window if abs(each[0].time - frame.time) <= self._max_ticks]
            if 2 * sum(has_person for _, has_person in near) <= len(near):
                yield frame, np.zeros_like(sample.matte)
            else:
                yield frame, temporal_filter(sample, [other for other, _ in near])


class _PairWeights(NamedTuple):
    """How much two neighbours weigh in each other's mean: fully, but in an area less.

    Attributes:
        area: holds all pixels in which the mattes differ; it may be empty.
        weights: of those, 0–255.
    """

    area: Box
    weights: Matte


class TemporalFilter:
    """A weighted mean of a matte's neighbours in time, for the mattes of one shot in order.

    A pixel of a neighbour weighs less the more both picture and matte differ. If only the matte
    differs, it flickers; if only the picture differs, the background moves; if both differ, the
    person moves and must leave no trace. The window has two sides, so the result does not lag.
    """

    def __init__(self, tolerance: float = CHANGE_TOLERANCE) -> None:
        """Set the tolerance.

        Args:
            tolerance: luma difference times alpha difference, in levels, at which a neighbour's
                weight is 1/e.
        """
        self._tolerance = tolerance
        #: by the times of two samples; both need the same weights, one after the other
        self._pairs: dict[tuple[int, int], _PairWeights] = {}

    def __call__(self, current: LumaMatte, neighbours: Sequence[LumaMatte]) -> Matte:
        """Return the mean.

        Args:
            current: the matte to be filtered.
            neighbours: its neighbours in time, with or without *current*.
        """
        others = [other for other in neighbours if other.time != current.time]
        pairs = [self._weigh(current, other) for other in others]
        self._pairs = {key: pair for key, pair in self._pairs.items() if key[1] > current.time}
        changed = [pair.area for pair in pairs if pair.area.width]
        if not changed:
            return current.matte
        area = enclose(changed)
        own = crop_plane(current.matte, area)
        total = np.multiply(own, 255, dtype=np.float32)
        total_weight = np.full_like(total, 255)
        for other, pair in zip(others, pairs, strict=True):
            weight = np.full_like(own, 255)
            crop_plane(weight, _locate(pair.area, area))[:] = pair.weights
            cv2.accumulateProduct(weight, crop_plane(other.matte, area), total)
            cv2.accumulate(weight, total_weight)
        filtered = current.matte.copy()
        crop_plane(filtered, area)[:] = cv2.divide(total, total_weight, dtype=cv2.CV_8U)
        return filtered

    def _weigh(self, current: LumaMatte, other: LumaMatte) -> _PairWeights:
        key = min(current.time, other.time), max(current.time, other.time)
        if key not in self._pairs:
            self._pairs[key] = _compute_weights(current, other, self._tolerance)
        return self._pairs[key]


def _compute_weights(current: LumaMatte, other: LumaMatte, tolerance: float) -> _PairWeights:
    alpha = cv2.absdiff(current.matte, other.matte)
    area = Box(*cv2.boundingRect(alpha))
    alpha = crop_plane(alpha, area)
    if not area.width:
        return _PairWeights(area, np.asarray(alpha, np.uint8))
    around = _add_margin(area)
    luma = cv2.absdiff(crop_plane(current.luma, around), crop_plane(other.luma, around))
    picture = crop_plane(cv2.blur(luma, (PATCH_SIZE, PATCH_SIZE)), _locate(area, around))
    scale = 255 / (6 * tolerance)
    product = cv2.multiply(picture, alpha, scale=scale)
    return _PairWeights(area, np.asarray(cv2.LUT(product, _WEIGHT_CURVE), np.uint8))


def _add_margin(box: Box) -> Box:
    """Return *box* with a patch more on each side, limited to the left and the top."""
    left, top = max(0, box.left - PATCH_SIZE), max(0, box.top - PATCH_SIZE)
    right, bottom = box.left + box.width + PATCH_SIZE, box.top + box.height + PATCH_SIZE
    return Box(left, top, right - left, bottom - top)


def _locate(inner: Box, outer: Box) -> Box:
    """Return the box *inner* in pixels of *outer*."""
    return Box(inner.left - outer.left, inner.top - outer.top, inner.width, inner.height)


#: weight, 0–255, of differences from 0 to 6 times the tolerance, in 256 steps
_WEIGHT_CURVE = np.rint(255 * np.exp(-np.arange(256) / 255 * 6)).astype(np.uint8)


def disagree(before: Matte, after: Matte) -> bool:
    """Return whether the person moved too far between two frames for their mean to be right."""
    changed = cv2.countNonZero(np.asarray(cv2.absdiff(before, after) > 127, np.uint8))
    person = cv2.countNonZero(np.asarray(cv2.max(before, after) > 127, np.uint8))
    return changed > MAX_DISAGREEMENT * person


def interpolate(before: Timed[Matte], after: Timed[Matte], time: int) -> Matte:
    """Return the mean of the mattes around a frame, weighted by the distance to its *time*."""
    share = (time - before.time) / (after.time - before.time)
    return np.asarray(cv2.addWeighted(before.value, 1 - share, after.value, share, 0), np.uint8)


T = TypeVar("T")
S = TypeVar("S")


def slide_window(items: Iterable[tuple[T, S]], reach: int) -> Iterator[tuple[tuple[T, S], list[S]]]:
    """Yield each item with the samples of those up to *reach* before and after it, and its own.

    Windows are shorter at both ends of *items*. Look-ahead delays by *reach* items; of those
    before only the samples are kept in memory, not the frames.

    Args:
        items: a frame, for example, and its sample.
        reach: number of items on each side.
    """
    upcoming: deque[tuple[T, S] | None] = deque()
    samples: deque[tuple[S] | None] = deque(maxlen=2 * reach + 1)
    for item in chain(items, repeat(None, reach)):
        upcoming.append(item)
        samples.append(item and item[1:])
        if len(upcoming) > reach and (middle := upcoming.popleft()) is not None:
            yield middle, [sample for (sample,) in filter(None, samples)]
