"""The mediapipe engine: MediaPipe's two selfie segmentation models on a region around the people.

One model segments the full frame several times a second to find the region. Both models segment
the region of every frame, upright or mirrored, and their mean is filtered over time.
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
#: pixels; a matte has the size of the frame, halved until its longer side is shorter than this
MAX_MATTE_SIDE = 800
DETECTIONS_PER_SECOND = 10  #: segmentations of the full frame, which find the region of people
MAX_REQUIRED_DETECTIONS = 4  #: detections in a window that must find people, at most
REGION_WINDOW = 8  #: frames before and after a frame whose people its region must hold
GUIDE_RADIUS = 3  #: pixels of a matte, of the window in which alpha is linear in luma
EDGE_PROBABILITY = 0.4  #: the models' output at the edge of a person
CONTRAST = 2.5  #: slope of the curve that maps the models' output to alpha
MAX_NEIGHBOUR_SECONDS = Fraction(1, 10)  #: largest distance of frames in the temporal filter
FILTER_WINDOW = 2  #: frames before and after a frame in the temporal filter

#: alpha by the models' output, 0–255
_CONTRAST_CURVE = np.rint(
    255 * np.clip(CONTRAST * (np.arange(256) / 255 - EDGE_PROBABILITY) + 0.5, 0, 1)
).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class _AnalysedFrame:
    """A frame before segmentation.

    Attributes:
        index: number of the frame in the clip.
        levels: the picture and its halves, largest first; the last has the size of a matte.
        shot: number of the shot that it belongs to.
        people_box: the box of its people; None if there are none or it has no detection.
        has_detection: whether the full frame was segmented to find people.
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
        """The box of the full matte."""
        return Box(0, 0, *self.levels[-1].size)


class MediapipeEngine:
    """An engine that runs in real time on one processor core.

    Attributes:
        context_frames: number of frames before and after a frame that its matte depends on.
        warm_up_frames: none; the engine has no state.
    """

    context_frames: int
    warm_up_frames = 0

    def __init__(self, clip: Clip) -> None:
        """Load the models.

        Raises:
            ModelUnavailable: the installed mediapipe does not contain them.
        """
        self._landscape_model = SelfieModel(LANDSCAPE_MODEL)
        self._square_model = SelfieModel(SQUARE_MODEL)
        self._times = clip.times
        self._detection_interval = min(
            REGION_WINDOW, max(1, round(clip.rate / DETECTIONS_PER_SECOND))
        )
        # As many as one side of the window holds: a person is found from the first frame on.
        self._required_detections = min(
            MAX_REQUIRED_DETECTIONS, max(2, (REGION_WINDOW + 1) // self._detection_interval)
        )
        self._max_neighbour_ticks = MAX_NEIGHBOUR_SECONDS / clip.timebase
        self.context_frames = REGION_WINDOW + FILTER_WINDOW + 1

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Yield each frame with its small matte, which shows all of the frame.

        A matte depends on at most `context_frames` frames of its shot before and after it.
        """
        for _, shot in groupby(self._analyse_frames(frames), attrgetter("shot")):
            mattes = (
                (frame, self._segment_region(frame, region))
                for frame, region in self._track_regions(shot)
            )
            yield from self._filter_temporally(mattes)

    def _analyse_frames(self, frames: Iterable[Timed[Picture]]) -> Iterator[_AnalysedFrame]:
        before: _AnalysedFrame | None = None
        for frame in frames:
            levels = build_pyramid(frame.value)
            shot = (
                0 if before is None else before.shot + is_shot_boundary(before.luma, levels[-1].y)
            )
            index = bisect_left(self._times, frame.time)
            has_detection = index % self._detection_interval == 0
            people = self._detect_people(levels) if has_detection else None
            before = _AnalysedFrame(frame, index, levels, shot, people, has_detection)
            yield before

    def _detect_people(self, levels: tuple[Picture, ...]) -> Box | None:
        """Return the box of the people in the full frame."""
        size = levels[-1].size
        return find_people_box(
            _convert_to_matte(self._square_model.predict(levels, Box(0, 0, *size)))
        )

    def _track_regions(
        self, frames: Iterable[_AnalysedFrame]
    ) -> Iterator[tuple[_AnalysedFrame, Box | None]]:
        """Yield each frame with the box of its people; the full frame without a detection nearby.

        The box is None if too few detections in the window find people: a few may be wrong.
        """
        for frame, window in slide_window(frames, REGION_WINDOW):
            detections = [near for near in window if near.has_detection]
            boxes = [near.people_box for near in detections if near.people_box is not None]
            if not detections:
                yield frame, frame.full_box
            elif len(boxes) >= min(self._required_detections, len(detections)):
                yield frame, merge_boxes(boxes, frame.full_box[2:])
            else:
                yield frame, None

    def _segment_region(self, frame: _AnalysedFrame, box: Box | None) -> Matte:
        """Compute the matte of a frame whose people are all in *box*.

        One model sees the region mirrored, the other one does not; frames alternate. The temporal
        filter averages both, which is as good as all four combinations in each frame.
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
        probability = _convert_to_matte(field * np.float32(0.5))
        region = _crop(frame.levels[-1], square)
        corrected = apply_colour_prior(probability, region)
        _crop_plane(matte, square)[:] = apply_guided_filter(corrected, region.y, GUIDE_RADIUS)
        return matte

    def _filter_temporally(
        self, frames: Iterable[tuple[_AnalysedFrame, Matte]]
    ) -> Iterator[FrameMatte]:
        """Yield filtered mattes; a person in at most half of a window's frames is removed."""
        samples = ((item.frame, LumaMatte(item.luma, matte)) for item, matte in frames)
        for (frame, sample), window in slide_window(samples, FILTER_WINDOW):
            neighbours = [
                other
                for near, other in window
                if abs(near.time - frame.time) <= self._max_neighbour_ticks
            ]
            if 2 * sum(has_person(other.matte) for other in neighbours) <= len(neighbours):
                yield frame, np.zeros_like(sample.matte)
            else:
                filtered = filter_temporally(sample, neighbours)
                matte = np.asarray(cv2.LUT(filtered, _CONTRAST_CURVE), np.uint8)
                yield frame, remove_islands_and_holes(matte)


class SelfieModel:
    """One variant of the selfie segmentation model."""

    def __init__(self, name: str) -> None:
        self._interpreter = load_tflite(name)
        (model_input,) = self._interpreter.get_input_details()
        (model_output,) = self._interpreter.get_output_details()
        self._input_index, self._output_index = model_input["index"], model_output["index"]
        _, self._height, self._width, _ = model_input["shape"]

    def predict(
        self, levels: tuple[Picture, ...], box: Box, *, is_mirrored: bool = False
    ) -> FloatPlane:
        """Compute the probability of person in a box, 0–1, of the box's size.

        Args:
            levels: the picture and its halves.
            box: in pixels of the last level.
            is_mirrored: give the model the mirror image.
        """
        size = int(self._width), int(self._height)
        view = convert_to_rgb(_crop_to_size(levels, box, size), size)
        self._interpreter.set_tensor(
            self._input_index, _mirror(view)[None] if is_mirrored else view[None]
        )
        self._interpreter.invoke()
        field = self._interpreter.get_tensor(self._output_index)[0, :, :, 0]
        field = _mirror(field) if is_mirrored else field
        return np.asarray(cv2.resize(field, box[2:], interpolation=cv2.INTER_LINEAR), np.float32)


def build_pyramid(picture: Picture) -> tuple[Picture, ...]:
    """Return *picture* and its halves, down to the size of a matte."""
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
    """Return a box of the picture at *size*, from the smallest level that need not be enlarged."""
    width, _ = levels[-1].size
    min_width = max(size[0] / box.width, size[1] / box.height) * width
    level = next((level for level in reversed(levels) if level.size[0] >= min_width), levels[0])
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
    """Return the part of *plane* in the box, as a view."""
    return plane[box.top : box.top + box.height, box.left : box.left + box.width]


def _mirror(field: FloatPlane) -> FloatPlane:
    return np.asarray(cv2.flip(field, 1), np.float32)


def _convert_to_matte(field: FloatPlane) -> Matte:
    return np.asarray(cv2.convertScaleAbs(field, alpha=255), np.uint8)
