"""Where the people are: shots, and the region of the people in each of their frames.

A selfie model looks at the full frame several times a second. The region of a frame holds the
people of all looks around it, so it moves little, and a few wrong looks neither lose a person nor
invent one.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from video_editing.frames import Box, FloatPlane, Luma, Matte, Picture, Timed
from video_editing.matting.networks.selfie_models import SQUARE_MODEL, SelfieModel
from video_editing.matting.person_regions import (
    REGION_MARGIN,
    find_people_box,
    is_shot_boundary,
    make_thumbnail,
    merge_boxes,
)
from video_editing.matting.temporal_filter import slide_window
from video_editing.pyramid import Pyramid, build_pyramid
from video_editing.reading.probe import Clip

DETECTIONS_PER_SECOND = 10  #: segmentations of the full frame, which find the region of people
MAX_REQUIRED_DETECTIONS = 4  #: detections in a window that must find people, at most
REGION_WINDOW = 8  #: frames before and after a frame whose people its region must hold


@dataclass(frozen=True, slots=True)
class AnalysedFrame:
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
    levels: Pyramid
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


class _Look(NamedTuple):
    """What the regions of the frames around a frame depend on; see :class:`AnalysedFrame`."""

    has_detection: bool
    people_box: Box | None


T = TypeVar("T")

#: a frame, and the box of its people in pixels of the matte; None if it shows no person
TrackedFrame = tuple[AnalysedFrame, Box | None]


class PeopleTracker:
    """Finds the shots of a clip and the people in them.

    Attributes:
        square_model: the model that looks at the full frame.
    """

    def __init__(self, clip: Clip, margin: float = REGION_MARGIN) -> None:
        """Load the model.

        Args:
            clip: the clip whose frames are tracked.
            margin: of the box of the people, as a fraction of its width and height, that is added
                on each side of it for their region.

        Raises:
            ModelUnavailable: the installed mediapipe does not contain it.
        """
        self.square_model = SelfieModel(SQUARE_MODEL)
        self._times = clip.times
        self._margin = margin
        self._detection_interval = min(
            REGION_WINDOW, max(1, round(clip.rate / DETECTIONS_PER_SECOND))
        )
        # As many as one side of the window holds: a person is found from the first frame on.
        self._required_detections = min(
            MAX_REQUIRED_DETECTIONS, max(2, (REGION_WINDOW + 1) // self._detection_interval)
        )

    def track(self, frames: Iterable[Timed[Picture]]) -> Iterator[TrackedFrame]:
        """Yield each frame with the region of its people.

        A region depends on at most :data:`REGION_WINDOW` frames of its shot before and after it.
        """
        for _, shot in groupby(self._analyse_frames(frames), attrgetter("shot")):
            yield from self._find_regions(shot)

    def _analyse_frames(self, frames: Iterable[Timed[Picture]]) -> Iterator[AnalysedFrame]:
        shot = 0
        before: FloatPlane | None = None
        for frame in frames:
            levels = build_pyramid(frame.value)
            thumbnail = make_thumbnail(levels[-1].y)
            shot += before is not None and is_shot_boundary(before, thumbnail)
            before = thumbnail
            index = bisect_left(self._times, frame.time)
            has_detection = index % self._detection_interval == 0
            people = self._detect_people(levels) if has_detection else None
            yield AnalysedFrame(frame, index, levels, shot, people, has_detection)

    def _detect_people(self, levels: Pyramid) -> Box | None:
        """Return the box of the people in the full frame."""
        size = levels[-1].size
        return find_people_box(
            convert_to_matte(self.square_model.predict(levels, Box(0, 0, *size)))
        )

    def _find_regions(self, frames: Iterable[AnalysedFrame]) -> Iterator[TrackedFrame]:
        """Yield each frame with the box of its people; the full frame without a detection nearby.

        The box is None if too few detections in the window find people: a few may be wrong.
        """
        looks = ((frame, _Look(frame.has_detection, frame.people_box)) for frame in frames)
        for (frame, _), window in slide_window(looks, REGION_WINDOW):
            detections = [near.people_box for near in window if near.has_detection]
            boxes = [box for box in detections if box is not None]
            if not detections:
                yield frame, frame.full_box
            elif len(boxes) >= min(self._required_detections, len(detections)):
                yield frame, merge_boxes(boxes, frame.full_box[2:], self._margin)
            else:
                yield frame, None


def split_into_shots(
    frames: Iterable[tuple[AnalysedFrame, T]],
) -> Iterator[Iterator[tuple[AnalysedFrame, T]]]:
    """Yield the shots of *frames*; each must be read to its end before the next one."""
    for _, shot in groupby(frames, lambda item: item[0].shot):
        yield shot


def convert_to_matte(field: FloatPlane) -> Matte:
    """Return *field*, 0–1, as a matte."""
    return np.asarray(cv2.convertScaleAbs(field, alpha=255), np.uint8)
