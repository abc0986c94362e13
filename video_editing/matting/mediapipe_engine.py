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

from video_editing.frames import Box, FloatPlane, FrameMatte, Luma, Matte, Picture, Plane, Timed
from video_editing.matting.alpha_refinement import apply_guided_filter
from video_editing.matting.color_prior import apply_colour_prior
from video_editing.matting.person_regions import (
    expand_to_square,
    find_people_box,
    has_person,
    is_shot_boundary,
    merge_boxes,
    remove_islands_and_holes,
)
from video_editing.matting.temporal_filter import LumaMatte, filter_temporally, slide_window
from video_editing.matting.tflite_models import load_tflite
from video_editing.pixels import convert_to_rgb
from video_editing.reading.probe import Clip

LANDSCAPE_MODEL = "selfie_segmentation/selfie_segmentation_landscape.tflite"  #: 256x144
SQUARE_MODEL = "selfie_segmentation/selfie_segmentation.tflite"  #: 256x256
MAX_MATTE_SIDE = (
    800  #: pixels of a matte's longer side; it is the frame, halved until it is shorter
)
DETECTIONS_PER_SECOND = 10  #: looks at the whole frame in a second
MAX_REQUIRED_DETECTIONS = 4  #: looks at most that must see somebody, for a few may err
REGION_WINDOW = 8  #: frames before and after one in which a person must find place in its region
GUIDE_RADIUS = 3  #: pixels of a matte over which alpha follows luma
EDGE_PROBABILITY = 0.4  #: what the models say where the edge is
CONTRAST = 2.5  #: how much surer they could be than they are
MAX_NEIGHBOUR_SECONDS = Fraction(1, 10)  #: seconds from a frame to those that it is steadied by
FILTER_WINDOW = 2  #: frames before and after one that its matte is steadied by

#: what the models mean by what they say, 0–255
_CONTRAST_CURVE = np.rint(
    255 * np.clip(CONTRAST * (np.arange(256) / 255 - EDGE_PROBABILITY) + 0.5, 0, 1)
).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class _AnalysedFrame:
    """What is known of a frame before the models look at its people.

    Attributes:
        index: which of the clip's frames it is.
        levels: the picture and its halves, largest first; a matte is as large as the last.
        shot: frames of one shot have the same number.
        people_box: where they are, or None where nobody is; only if the whole frame was looked at.
        has_detection: whether it was.
    """

    frame: Timed[Picture]
    index: int
    levels: tuple[Picture, ...]
    shot: int
    people_box: Box | None
    has_detection: bool

    @property
    def luma(self) -> Luma:
        """Luma at the matte's size."""
        return self.levels[-1].y

    @property
    def full_box(self) -> Box:
        """All of the matte."""
        return Box(0, 0, *self.levels[-1].size)


class MediapipeEngine:
    """An engine that needs no more than a processor core.

    Attributes:
        context_frames: number of frames before and after a frame that its matte depends on.
        warm_up_frames: none; the engine has no state.
    """

    context_frames: int
    warm_up_frames = 0

    def __init__(self, clip: Clip) -> None:
        """Load the models.

        Raises:
            ModelUnavailable: the installed mediapipe does not carry them.
        """
        self._landscape_model = SelfieModel(LANDSCAPE_MODEL)
        self._square_model = SelfieModel(SQUARE_MODEL)
        self._times = clip.times
        self._detection_interval = min(
            REGION_WINDOW, max(1, round(clip.rate / DETECTIONS_PER_SECOND))
        )
        # As many as the frames on one side hold: who comes is there from her first frame on.
        self._required_detections = min(
            MAX_REQUIRED_DETECTIONS, max(2, (REGION_WINDOW + 1) // self._detection_interval)
        )
        self._max_neighbour_ticks = MAX_NEIGHBOUR_SECONDS / clip.timebase
        self.context_frames = REGION_WINDOW + FILTER_WINDOW + 1

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Each frame with its matte, which is of the whole frame and small.

        A matte depends on the frames of its shot up to `context` before and after it, and on no
        others: it is the same in whatever piece of the clip it is made.
        """
        for _, shot in groupby(self._analyse_frames(frames), attrgetter("shot")):
            found = (
                (sight, self._segment_region(sight, region))
                for sight, region in self._track_regions(shot)
            )
            yield from self._filter_temporally(found)

    def _analyse_frames(self, frames: Iterable[Timed[Picture]]) -> Iterator[_AnalysedFrame]:
        before: _AnalysedFrame | None = None
        for frame in frames:
            levels = build_pyramid(frame.value)
            shot = (
                0 if before is None else before.shot + is_shot_boundary(before.luma, levels[-1].y)
            )
            index = bisect_left(self._times, frame.time)
            looked = index % self._detection_interval == 0
            people = self._detect_people(levels) if looked else None
            before = _AnalysedFrame(frame, index, levels, shot, people, looked)
            yield before

    def _detect_people(self, levels: tuple[Picture, ...]) -> Box | None:
        """Where people are, as far as one look at the whole frame tells."""
        size = levels[-1].size
        return find_people_box(
            _convert_to_matte(self._square_model.predict(levels, Box(0, 0, *size)))
        )

    def _track_regions(
        self, frames: Iterable[_AnalysedFrame]
    ) -> Iterator[tuple[_AnalysedFrame, Box | None]]:
        """Each sight with the box that holds its people; the whole frame if no look was near."""
        for sight, around in slide_window(frames, REGION_WINDOW):
            looks = [other for other in around if other.has_detection]
            people = [look.people_box for look in looks if look.people_box is not None]
            if not looks:
                yield sight, sight.full_box
            elif len(people) >= min(self._required_detections, len(looks)):
                yield sight, merge_boxes(people, sight.full_box[2:])
            else:
                yield sight, None

    def _segment_region(self, frame: _AnalysedFrame, box: Box | None) -> Matte:
        """The matte of a frame whose people are all in *box*.

        Both models look, in two ways that frames take in turns: steadying brings them together,
        and is as good as all four ways in each frame.
        """
        matte = np.zeros_like(frame.luma)
        if box is None:
            return matte
        square = expand_to_square(box, frame.full_box[2:])
        inner = Box(box.left - square.left, box.top - square.top, *box[2:])
        if frame.index % 2:
            field = np.zeros((square.height, square.width), np.float32)
            _crop_plane(field, inner)[:] = self._square_model.predict(
                frame.levels, box, is_mirrored=True
            )
        else:
            field = self._square_model.predict(frame.levels, square)
        _crop_plane(field, inner)[:] += self._landscape_model.predict(
            frame.levels, box, is_mirrored=not frame.index % 2
        )
        said = _convert_to_matte(field * np.float32(0.5))
        there = _crop(frame.levels[-1], square)
        part = apply_guided_filter(apply_colour_prior(said, there), there.y, GUIDE_RADIUS)
        _crop_plane(matte, square)[:] = part
        return matte

    def _filter_temporally(
        self, frames: Iterable[tuple[_AnalysedFrame, Matte]]
    ) -> Iterator[FrameMatte]:
        """Mattes that do not flicker; a person who flashes up for a frame or two was none."""
        moments = ((sight.frame, LumaMatte(sight.luma, matte)) for sight, matte in frames)
        for (frame, moment), window in slide_window(moments, FILTER_WINDOW):
            around = [
                other
                for near, other in window
                if abs(near.time - frame.time) <= self._max_neighbour_ticks
            ]
            if 2 * sum(has_person(other.matte) for other in around) <= len(around):
                yield frame, np.zeros_like(moment.matte)
            else:
                matte = np.asarray(
                    cv2.LUT(filter_temporally(moment, around), _CONTRAST_CURVE), np.uint8
                )
                yield frame, remove_islands_and_holes(matte)


class SelfieModel:
    """One form of the selfie segmentation model."""

    def __init__(self, name: str) -> None:
        self._interpreter = load_tflite(name)
        (given,), (made,) = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        self._input_index, self._output_index = given["index"], made["index"]
        _, self._height, self._width, _ = given["shape"]

    def predict(
        self, levels: tuple[Picture, ...], box: Box, *, is_mirrored: bool = False
    ) -> FloatPlane:
        """Where the model sees people in a box, as large as the box.

        Args:
            levels: the picture.
            box: in pixels of the last level.
            is_mirrored: show it the mirror image.
        """
        size = int(self._width), int(self._height)
        view = convert_to_rgb(_crop_to_size(levels, box, size), size)
        self._interpreter.set_tensor(
            self._input_index, _mirror(view)[None] if is_mirrored else view[None]
        )
        self._interpreter.invoke()
        answer = self._interpreter.get_tensor(self._output_index)[0, :, :, 0]
        answer = _mirror(answer) if is_mirrored else answer
        return np.asarray(cv2.resize(answer, box[2:], interpolation=cv2.INTER_LINEAR), np.float32)


def build_pyramid(picture: Picture) -> tuple[Picture, ...]:
    """*picture* and its halves down to the size of a matte."""
    levels = [picture]
    while max(levels[-1].size) >= MAX_MATTE_SIDE:
        width, height = (max(1, side // 2) for side in levels[-1].size)
        half = (width + 1) // 2, (height + 1) // 2
        levels.append(
            Picture(
                _shrink(levels[-1].y, (width, height)),
                _shrink(levels[-1].u, half),
                _shrink(levels[-1].v, half),
            )
        )
    return tuple(levels)


def _shrink(plane: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)


def _crop_to_size(levels: tuple[Picture, ...], box: Box, size: tuple[int, int]) -> Picture:
    """A box of the picture at *size*, taken from the smallest level that need not be enlarged."""
    width, _ = levels[-1].size
    wanted = max(size[0] / box.width, size[1] / box.height) * width
    level = next((level for level in reversed(levels) if level.size[0] >= wanted), levels[0])
    scale = level.size[0] / width
    luma = Box(*(round(side * scale) for side in box))
    chroma = Box(*(round(side * scale / 2) for side in box))
    return Picture(
        _scale_to_size(_crop_plane(level.y, luma), size),
        _scale_to_size(_crop_plane(level.u, chroma), size),
        _scale_to_size(_crop_plane(level.v, chroma), size),
    )


def _crop(picture: Picture, box: Box) -> Picture:
    half = Box(*(side // 2 for side in box[:2]), *((side + 1) // 2 for side in box[2:]))
    return Picture(
        _crop_plane(picture.y, box), _crop_plane(picture.u, half), _crop_plane(picture.v, half)
    )


def _scale_to_size(plane: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _crop_plane(plane: NDArray[Any], box: Box) -> NDArray[Any]:
    """The view of *plane* that lies in the box."""
    return plane[box.top : box.top + box.height, box.left : box.left + box.width]


def _mirror(field: FloatPlane) -> FloatPlane:
    return np.asarray(cv2.flip(field, 1), np.float32)


def _convert_to_matte(field: FloatPlane) -> Matte:
    return np.asarray(cv2.convertScaleAbs(field, alpha=255), np.uint8)
