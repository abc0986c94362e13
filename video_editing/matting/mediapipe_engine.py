"""The mediapipe engine: its two selfie segmentation models, looking where the person is.

One model looks at the whole frame several times a second to find where people are; then both look
at that part of every frame, upright or mirrored, and what they say is steadied over time.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from operator import attrgetter
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.frames import Box, Luma, Matte, Picture, Plane, Timed
from video_editing.matting.alpha_refinement import guided
from video_editing.matting.color_prior import swayed
from video_editing.matting.person_regions import (
    is_cut,
    joined,
    occupied,
    shows_somebody,
    squared,
    tidied,
)
from video_editing.matting.temporal_filter import Moment, steadied, windows
from video_editing.matting.tflite_models import bundled
from video_editing.pixels import rgb
from video_editing.reading.probe import Clip

WIDE = "selfie_segmentation/selfie_segmentation_landscape.tflite"  #: 256x144
SQUARE = "selfie_segmentation/selfie_segmentation.tflite"  #: 256x256
LONGEST = 800  #: pixels of a matte's longer side; it is the frame, halved until it is shorter
LOOKS = 10  #: looks at the whole frame in a second
MOST = 4  #: looks at most that must see somebody, for a few may err
REACH = 8  #: frames before and after one in which a person must find place in its region
GUIDE = 3  #: pixels of a matte over which alpha follows luma
MIDDLE = 0.4  #: what the models say where the edge is
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
        index: which of the clip's frames it is.
        levels: the picture and its halves, largest first; a matte is as large as the last.
        shot: frames of one shot have the same number.
        people: where they are, or None where nobody is; only if the whole frame was looked at.
        looked: whether it was.
    """

    frame: Timed[Picture]
    index: int
    levels: tuple[Picture, ...]
    shot: int
    people: Box | None
    looked: bool

    @property
    def luma(self) -> Luma:
        """Luma at the matte's size."""
        return self.levels[-1].y

    @property
    def whole(self) -> Box:
        """All of the matte."""
        return Box(0, 0, *self.levels[-1].size)


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
        self._wide = Model(WIDE)
        self._square = Model(SQUARE)
        self._times = clip.times
        self._every = min(REACH, max(1, round(clip.rate / LOOKS)))
        # As many as the frames on one side hold: who comes is there from her first frame on.
        self._enough = min(MOST, max(2, (REACH + 1) // self._every))
        self._apart = NEAR / clip.timebase
        self.context = REACH + STEADY + 1

    def mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[Found]:
        """Each frame with its matte, which is of the whole frame and small.

        A matte depends on the frames of its shot up to `context` before and after it, and on no
        others: it is the same in whatever piece of the clip it is made.
        """
        for _, shot in groupby(self._sights(frames), attrgetter("shot")):
            found = ((sight, self._within(sight, region)) for sight, region in self._tracked(shot))
            yield from self._steady(found)

    def _sights(self, frames: Iterable[Timed[Picture]]) -> Iterator[_Sight]:
        before: _Sight | None = None
        for frame in frames:
            levels = pyramid(frame.what)
            shot = 0 if before is None else before.shot + is_cut(before.luma, levels[-1].y)
            index = bisect_left(self._times, frame.time)
            looked = index % self._every == 0
            people = self._people(levels) if looked else None
            before = _Sight(frame, index, levels, shot, people, looked)
            yield before

    def _people(self, levels: tuple[Picture, ...]) -> Box | None:
        """Where people are, as far as one look at the whole frame tells."""
        size = levels[-1].size
        return occupied(_matte(self._square.seen(levels, Box(0, 0, *size))))

    def _tracked(self, sights: Iterable[_Sight]) -> Iterator[tuple[_Sight, Box | None]]:
        """Each sight with the box that holds its people; the whole frame if no look was near."""
        for sight, around in windows(sights, REACH):
            looks = [other for other in around if other.looked]
            people = [look.people for look in looks if look.people is not None]
            if not looks:
                yield sight, sight.whole
            elif len(people) >= min(self._enough, len(looks)):
                yield sight, joined(people, sight.whole[2:])
            else:
                yield sight, None

    def _within(self, sight: _Sight, box: Box | None) -> Matte:
        """The matte of a frame whose people are all in *box*.

        Both models look, in two ways that frames take in turns: steadying brings them together,
        and is as good as all four ways in each frame.
        """
        matte = np.zeros_like(sight.luma)
        if box is None:
            return matte
        square = squared(box, sight.whole[2:])
        inner = Box(box.left - square.left, box.top - square.top, *box[2:])
        if sight.index % 2:
            field = np.zeros((square.height, square.width), np.float32)
            _part(field, inner)[:] = self._square.seen(sight.levels, box, mirrored=True)
        else:
            field = self._square.seen(sight.levels, square)
        _part(field, inner)[:] += self._wide.seen(sight.levels, box, mirrored=not sight.index % 2)
        said = _matte(field * np.float32(0.5))
        there = _cut_out(sight.levels[-1], square)
        part = guided(swayed(said, there), there.y, GUIDE)
        _part(matte, square)[:] = part
        return matte

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


class Model:
    """One form of the selfie segmentation model."""

    def __init__(self, name: str) -> None:
        self._run = bundled(name)
        (given,), (made,) = self._run.get_input_details(), self._run.get_output_details()
        self._given, self._made = given["index"], made["index"]
        _, self._height, self._width, _ = given["shape"]

    def seen(self, levels: tuple[Picture, ...], box: Box, *, mirrored: bool = False) -> Field:
        """Where the model sees people in a box, as large as the box.

        Args:
            levels: the picture.
            box: in pixels of the last level.
            mirrored: show it the mirror image.
        """
        size = int(self._width), int(self._height)
        view = rgb(_cropped(levels, box, size), size)
        self._run.set_tensor(self._given, _mirrored(view)[None] if mirrored else view[None])
        self._run.invoke()
        answer = self._run.get_tensor(self._made)[0, :, :, 0]
        answer = _mirrored(answer) if mirrored else answer
        return np.asarray(cv2.resize(answer, box[2:], interpolation=cv2.INTER_LINEAR), np.float32)


def pyramid(picture: Picture) -> tuple[Picture, ...]:
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


def _cropped(levels: tuple[Picture, ...], box: Box, size: tuple[int, int]) -> Picture:
    """A box of the picture at *size*, taken from the smallest level that need not be enlarged."""
    width, _ = levels[-1].size
    wanted = max(size[0] / box.width, size[1] / box.height) * width
    level = next((level for level in reversed(levels) if level.size[0] >= wanted), levels[0])
    scale = level.size[0] / width
    luma = Box(*(round(side * scale) for side in box))
    chroma = Box(*(round(side * scale / 2) for side in box))
    return Picture(
        _scaled(_part(level.y, luma), size),
        _scaled(_part(level.u, chroma), size),
        _scaled(_part(level.v, chroma), size),
    )


def _cut_out(picture: Picture, box: Box) -> Picture:
    half = Box(*(side // 2 for side in box[:2]), *((side + 1) // 2 for side in box[2:]))
    return Picture(_part(picture.y, box), _part(picture.u, half), _part(picture.v, half))


def _scaled(plane: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _part(plane: NDArray[Any], box: Box) -> NDArray[Any]:
    """The view of *plane* that lies in the box."""
    return plane[box.top : box.top + box.height, box.left : box.left + box.width]


def _mirrored(field: Field) -> Field:
    return np.asarray(cv2.flip(field, 1), np.float32)


def _matte(field: Field) -> Matte:
    return np.asarray(cv2.convertScaleAbs(field, alpha=255), np.uint8)
