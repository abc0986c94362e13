"""Mattes that do not flicker: each takes from its neighbours in time what they agree on."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from video_editing.frames import Luma, Matte

PATCH_SIZE = 5  #: pixels over which the difference of two pictures is averaged
#: levels of luma times levels of alpha, between two frames, at which trust has fallen to 1/e
CHANGE_TOLERANCE = 36 * 128


class LumaMatte(NamedTuple):
    """A matte and the picture that it was made from, both of one size."""

    luma: Luma
    matte: Matte


def filter_temporally(current: LumaMatte, neighbours: Sequence[LumaMatte]) -> Matte:
    """The mean of a matte's neighbours in time.

    A pixel of a neighbour counts the less the more both picture and matte differ there: where
    only the matte differs it flickered, where only the picture differs the person stood before
    something that moves, where both differ somebody moved, and her trace must not stay. Two-sided,
    so that nothing lags.

    Args:
        current: the matte to be steadied.
        neighbours: its neighbours in time, *current* among them or not.
    """
    steady = np.zeros_like(current.matte)
    place = _find_occupied_area([current, *neighbours])
    here = _crop(current, place)
    total = np.zeros(here.matte.shape, np.float32)
    weights = np.full_like(total, 1e-3)
    for other in neighbours:
        there = _crop(other, place)
        trust = _compute_trust(here, there)
        cv2.accumulateProduct(trust, there.matte, total)
        cv2.accumulate(trust, weights)
    steady[place] = np.rint(total / weights)
    return steady


def _find_occupied_area(samples: Sequence[LumaMatte]) -> tuple[slice, slice]:
    """Rows and columns outside of which no matte shows anything, and a patch more on each side."""
    boxes = [cv2.boundingRect(moment.matte) for moment in samples if moment.matte.any()]
    if not boxes:
        return slice(0, 1), slice(0, 1)
    left, top = min(x for x, _, _, _ in boxes), min(y for _, y, _, _ in boxes)
    right, bottom = max(x + w for x, _, w, _ in boxes), max(y + h for _, y, _, h in boxes)
    rows = slice(max(0, top - PATCH_SIZE), bottom + PATCH_SIZE)
    return rows, slice(max(0, left - PATCH_SIZE), right + PATCH_SIZE)


def _crop(sample: LumaMatte, area: tuple[slice, slice]) -> LumaMatte:
    return LumaMatte(sample.luma[area], sample.matte[area])


def _compute_trust(current: LumaMatte, other: LumaMatte) -> Matte:
    picture = cv2.blur(cv2.absdiff(current.luma, other.luma), (PATCH_SIZE, PATCH_SIZE))
    alpha = cv2.absdiff(current.matte, other.matte)
    return np.asarray(
        cv2.LUT(cv2.multiply(picture, alpha, scale=_TRUST_SCALE), _TRUST_CURVE), np.uint8
    )


_TRUST_SCALE = 255 / (6 * CHANGE_TOLERANCE)
#: trust, 0–255, by a difference of 0 to 6 times the tolerance in 256 steps
_TRUST_CURVE = np.rint(255 * np.exp(-np.arange(256) / 255 * 6)).astype(np.uint8)


T = TypeVar("T")


def slide_window(items: Iterable[T], reach: int) -> Iterator[tuple[T, list[T]]]:
    """Each item with those up to *reach* before and after it, itself among them.

    At both ends of *items* there are fewer. Costs *reach* items of delay and memory for
    2 × *reach* + 1.
    """
    span = 2 * reach + 1
    window: deque[T | None] = deque(repeat(None, span), span)
    for item in chain(items, repeat(None, reach)):
        window.append(item)
        middle = window[reach]
        if middle is not None:
            yield middle, [neighbour for neighbour in window if neighbour is not None]
