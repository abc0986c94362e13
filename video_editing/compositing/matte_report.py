"""A report on the mattes of a clip: what they show, and what a user may want to film again."""

from collections.abc import Callable
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from video_editing.frames import FloatPlane, Luma, Matte, Picture, Timed
from video_editing.matting.matte_stream import is_empty
from video_editing.matting.person_regions import count_people, is_shot_boundary, make_thumbnail
from video_editing.pixels import resize
from video_editing.reading.probe import Clip

SAMPLE_SECONDS = Fraction(1, 4)  #: between two frames that are examined closely
SMALL_SIZE = 64, 36  #: width and height in pixels at which pictures are compared
MAX_DARK_LUMA = 55  #: mean luma of a person below which the light is too low, 16–235
MIN_TOP_SHARE = 0.04  #: part of the top row that a head covers which is cut off
MIN_CAMERA_SHIFT = 0.01  #: of the picture's width, between two samples, of a camera that moves
MIN_CAMERA_RESPONSE = 0.1  #: of the phase correlation, 0–1, below which a shift is not clear


class ClipWarning(StrEnum):
    """What a user may want to know of a clip, the most important first."""

    DARK = "dark"
    CUT_OFF = "cut_off"
    SEVERAL_PEOPLE = "several_people"
    CAMERA_MOVES = "camera_moves"


class MatteReport(BaseModel):
    """What the mattes of a clip show.

    Attributes:
        engine: the engine that made them; "" for mattes of a file.
        frames: number of frames.
        empty_frames: number of frames without a person.
        shots: number of shots.
        people: the number of people seen at once in a quarter of the clip or more.
        certainty: 0–1, the part of the person's area that is not semi-transparent.
        warnings: the most important first.
    """

    engine: str
    frames: int
    empty_frames: int
    shots: int
    people: int
    certainty: float
    warnings: tuple[ClipWarning, ...]


class MatteObserver:
    """Collects the report while the frames of a clip pass by."""

    def __init__(self, clip: Clip) -> None:
        """Prepare for the frames of *clip*, or of its beginning."""
        self._interval = int(SAMPLE_SECONDS / clip.timebase)
        self.start("")

    def start(self, engine: str) -> None:
        """Forget what was seen; *engine* makes the mattes from now on."""
        self._engine = engine
        self._next_sample = 0
        self._frames = self._empty_frames = self._shots = 0
        self._thumbnail: FloatPlane | None = None
        self._samples: list[_Sample] = []
        self._background: NDArray[np.float32] | None = None

    def observe(self, frame: Timed[Picture], matte: Matte) -> None:
        """Take note of one frame."""
        self._frames += 1
        step = max(1, min(frame.value.size) // 90)
        small_luma = np.ascontiguousarray(frame.value.y[::step, ::step])
        thumbnail = make_thumbnail(small_luma)
        if self._thumbnail is None or is_shot_boundary(self._thumbnail, thumbnail):
            self._shots += 1
            self._background = None
        self._thumbnail = thumbnail
        if is_empty(matte):
            self._empty_frames += 1
        elif frame.time >= self._next_sample:
            self._next_sample = frame.time + self._interval
            self._samples.append(self._examine(small_luma, matte))

    def summarize(self) -> MatteReport:
        """Return the report on the frames so far."""
        return MatteReport(
            engine=self._engine,
            frames=self._frames,
            empty_frames=self._empty_frames,
            shots=self._shots,
            people=self._count_people(),
            certainty=round(self._mean(lambda sample: sample.certainty), 3),
            warnings=tuple(self._list_warnings()),
        )

    def _examine(self, luma: Luma, matte: Matte) -> "_Sample":
        person = matte > 127
        on_luma = resize(matte, (luma.shape[1], luma.shape[0])) > 127
        unsure = cv2.countNonZero(np.asarray((matte > 31) & (matte < 224), np.uint8))
        return _Sample(
            people=count_people(matte),
            certainty=1 - unsure / max(1, cv2.countNonZero(np.asarray(matte > 31, np.uint8))),
            is_dark=bool(luma[on_luma].mean() < MAX_DARK_LUMA) if on_luma.any() else False,
            is_cut_off=bool(person[0].mean() > MIN_TOP_SHARE),
            camera_moves=self._has_camera_moved(luma, matte),
        )

    def _has_camera_moved(self, luma: Luma, matte: Matte) -> bool:
        """Return whether the background has moved since the sample before in this shot."""
        small = resize(luma, SMALL_SIZE).astype(np.float32)
        is_background = resize(matte, SMALL_SIZE) < 32
        if not is_background.any():
            return False
        mean = small[is_background].mean()
        background = np.where(is_background, small - mean, 0).astype(np.float32)
        before, self._background = self._background, background
        if before is None:
            return False
        window = cv2.createHanningWindow(SMALL_SIZE, cv2.CV_32F)
        (across, down), response = cv2.phaseCorrelate(before, background, window)
        shift = max(abs(across), abs(down)) / SMALL_SIZE[0]
        return bool(response > MIN_CAMERA_RESPONSE and shift > MIN_CAMERA_SHIFT)

    def _count_people(self) -> int:
        counts = sorted((sample.people for sample in self._samples), reverse=True)
        return counts[len(counts) // 4] if counts else 0

    def _mean(self, value: "Callable[[_Sample], float]") -> float:
        return float(np.mean([value(sample) for sample in self._samples])) if self._samples else 0

    def _list_warnings(self) -> list[ClipWarning]:
        shares = {
            ClipWarning.DARK: self._mean(lambda sample: sample.is_dark) > 0.5,
            ClipWarning.CUT_OFF: self._mean(lambda sample: sample.is_cut_off) > 0.5,
            ClipWarning.SEVERAL_PEOPLE: self._count_people() > 1,
            ClipWarning.CAMERA_MOVES: self._mean(lambda sample: sample.camera_moves) > 0.25,
        }
        return [warning for warning, applies in shares.items() if applies]


class _Sample(NamedTuple):
    """One frame, examined closely."""

    people: int
    certainty: float
    is_dark: bool
    is_cut_off: bool
    camera_moves: bool
