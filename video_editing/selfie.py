"""The mediapipe engine: its two selfie segmentation models, looking where the person is.

One model looks at the whole frame several times a second to find where people are; then both look
at that part of every frame, upright and mirrored, and what they say is steadied over time.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from operator import attrgetter

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.clip import Clip
from video_editing.colour import rgb
from video_editing.edges import guided
from video_editing.frames import Luma, Matte, Picture, Plane, Timed
from video_editing.steady import Moment, steadied
from video_editing.track import (
    WHOLE,
    Region,
    is_cut,
    joined,
    occupied,
    shows_somebody,
    squared,
    tidied,
)
from video_editing.weights import bundled
from video_editing.window import windows

LONGEST = 800  #: pixels of a matte's longer side; it is the frame, halved until it is shorter
LOOKS = 10  #: looks at the whole frame in a second
REACH = 8  #: frames before and after one in which a person must find place in its region
GUIDE = 3  #: pixels of a matte over which alpha follows luma
MIDDLE = 0.42  #: what the models say where the edge is
CONTRAST = 2.5  #: how much surer they could be than they are
NEAR = Fraction(1, 10)  #: seconds from a frame to those that it is steadied by
STEADY = 2  #: frames before and after one that its matte is steadied by

#: what the models mean by what they say, 0–255
_MEANT = np.rint(255 * np.clip(CONTRAST * (np.arange(256) / 255 - MIDDLE) + 0.5, 0, 1)).astype(
    np.uint8
)

Field = NDArray[np.float32]  #: (h, w), 0 background … 1 person
Found = tuple[Timed[Picture], Matte]


@dataclass(frozen=True, slots=True)
class _Sight:
    """What is known of a frame before the models look at its people.

    Attributes:
        levels: the picture and its halves, largest first; a matte is as large as the last.
        shot: frames of one shot have the same number.
        people: where they are, or None where nobody is; only if the whole frame was looked at.
        looked: whether it was.
    """

    frame: Timed[Picture]
    levels: tuple[Picture, ...]
    shot: int
    people: Region | None
    looked: bool

    @property
    def luma(self) -> Luma:
        """Luma at the matte's size."""
        return self.levels[-1].y


class Selfie:
    """An engine that needs no more than a processor core.

    Attributes:
        context: how many frames before and after one its matte depends on.
    """

    context: int

    def __init__(self, clip: Clip) -> None:
        """Load the models.

        Raises:
            ModelUnavailable: the installed mediapipe does not carry them.
        """
        self._wide = _Model("selfie_segmentation/selfie_segmentation_landscape.tflite")
        self._square = _Model("selfie_segmentation/selfie_segmentation.tflite")
        self._times = clip.times
        self._every = min(REACH, max(1, round(clip.rate / LOOKS)))
        self._apart = NEAR / clip.timebase
        self.context = REACH + STEADY + 1

    def mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[Found]:
        """Each frame with its matte, which is of the whole frame and small.

        A matte depends on the frames of its shot up to `context` before and after it, and on no
        others: it is the same in whatever piece of the clip it is made.
        """
        for _, shot in groupby(self._sights(frames), attrgetter("shot")):
            found = ((sight, self._within(sight, region)) for sight, region in _tracked(shot))
            yield from self._steady(found)

    def _sights(self, frames: Iterable[Timed[Picture]]) -> Iterator[_Sight]:
        before: _Sight | None = None
        for frame in frames:
            levels = _levels(frame.what)
            shot = 0 if before is None else before.shot + is_cut(before.luma, levels[-1].y)
            looked = bisect_left(self._times, frame.time) % self._every == 0
            people = occupied(_matte(self._look(levels, WHOLE))) if looked else None
            before = _Sight(frame, levels, shot, people, looked)
            yield before

    def _look(self, levels: tuple[Picture, ...], region: Region) -> Field:
        field = np.zeros(levels[-1].y.shape, np.float32)
        self._square.add(field, levels, region)
        return field

    def _within(self, sight: _Sight, region: Region | None) -> Matte:
        field = np.zeros(sight.luma.shape, np.float32)
        if region is not None:
            self._square.add(field, sight.levels, squared(region, sight.frame.what.size))
            self._square.add(field, sight.levels, region, mirrored=True)
            self._wide.add(field, sight.levels, region, mirrored=True)
            field /= 3
        return guided(_matte(field), sight.luma, GUIDE)

    def _steady(self, found: Iterable[tuple[_Sight, Matte]]) -> Iterator[Found]:
        """Mattes that do not flicker; a person who flashes up for a frame or two was none."""
        moments = ((sight.frame, Moment(sight.luma, matte)) for sight, matte in found)
        for (frame, moment), window in windows(moments, STEADY):
            around = [other for near, other in window if abs(near.time - frame.time) <= self._apart]
            if 2 * sum(shows_somebody(other.matte) for other in around) <= len(around):
                yield frame, np.zeros_like(moment.matte)
            else:
                matte = np.asarray(cv2.LUT(steadied(moment, around), _MEANT), np.uint8)
                yield frame, tidied(matte)


class _Model:
    """One form of the selfie segmentation model."""

    def __init__(self, name: str) -> None:
        self._run = bundled(name)
        (given,), (made,) = self._run.get_input_details(), self._run.get_output_details()
        self._given, self._made = given["index"], made["index"]
        _, self._height, self._width, _ = given["shape"]

    def add(
        self,
        field: Field,
        levels: tuple[Picture, ...],
        region: Region,
        *,
        mirrored: bool = False,
    ) -> None:
        """Add to *field*, which is of the whole frame, what the model sees in a region of it."""
        size = int(self._width), int(self._height)
        seen = _cropped(levels, region, size, mirrored=mirrored)
        self._run.set_tensor(self._given, rgb(seen, size)[None])
        self._run.invoke()
        answer = self._run.get_tensor(self._made)[0, :, :, 0]
        _paste(answer[:, ::-1] if mirrored else answer, region, field)


def _levels(picture: Picture) -> tuple[Picture, ...]:
    """*picture* and its halves down to the size of a matte."""
    levels = [picture]
    while max(levels[-1].size) >= LONGEST:
        width, height = (max(1, side // 2) for side in levels[-1].size)
        half = (width + 1) // 2, (height + 1) // 2
        levels.append(
            Picture(
                _shrunk(levels[-1].y, (width, height)),
                _shrunk(levels[-1].u, half),
                _shrunk(levels[-1].v, half),
            )
        )
    return tuple(levels)


def _shrunk(plane: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)


def _cropped(
    levels: tuple[Picture, ...], region: Region, size: tuple[int, int], *, mirrored: bool
) -> Picture:
    """A region of the picture at *size*, taken from the smallest level that is not enlarged."""
    across, down = region.right - region.left, region.bottom - region.top
    level = next(
        (
            level
            for level in reversed(levels)
            if level.size[0] * across >= size[0] and level.size[1] * down >= size[1]
        ),
        levels[0],
    )
    return Picture(*(_taken(p, region, size, mirrored) for p in (level.y, level.u, level.v)))


def _taken(plane: Plane, region: Region, size: tuple[int, int], mirrored: bool) -> Plane:  # noqa: FBT001
    height, width = plane.shape
    left, right = region.left * width, region.right * width
    if mirrored:
        left, right = right, left
    across, down = (right - left) / size[0], (region.bottom - region.top) * height / size[1]
    place = np.array(
        [
            [across, 0, left + across / 2 - 0.5],
            [0, down, region.top * height + down / 2 - 0.5],
        ]
    )
    taken = cv2.warpAffine(
        plane,
        place,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(taken, np.uint8)


def _paste(answer: Field, region: Region, field: Field) -> None:
    """Add *answer*, which fills the region, to the field of the whole frame."""
    height, width = field.shape
    left, right = round(region.left * width), round(region.right * width)
    top, bottom = round(region.top * height), round(region.bottom * height)
    across = answer.shape[1] / ((region.right - region.left) * width)
    down = answer.shape[0] / ((region.bottom - region.top) * height)
    place = np.array(
        [
            [across, 0, (left + 0.5 - region.left * width) * across - 0.5],
            [0, down, (top + 0.5 - region.top * height) * down - 0.5],
        ]
    )
    field[top:bottom, left:right] += cv2.warpAffine(
        answer,
        place,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _matte(field: Field) -> Matte:
    return np.asarray(cv2.convertScaleAbs(field, alpha=255), np.uint8)


def _tracked(sights: Iterable[_Sight]) -> Iterator[tuple[_Sight, Region | None]]:
    """Each sight with the region that holds its people; the whole frame if no look was near."""
    for sight, around in windows(sights, REACH):
        looks = [other for other in around if other.looked]
        people = [look.people for look in looks if look.people is not None]
        yield sight, joined(people) if people else None if looks else WHOLE
