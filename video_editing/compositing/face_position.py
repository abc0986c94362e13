"""A coarse look over a clip before the work: where is the face, and when is it seen best?

Only key frames are decoded, a few of them, spread evenly: that costs the same for a long clip as
for a short one, where a few frames of every second would cost a quarter of the whole edit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.style import Shape, Style
from video_editing.frames import Picture, Timed
from video_editing.matting.tflite_models import load_tflite
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_keyframes
from video_editing.reading.probe import Clip

DETECTOR_SIDE = 128
MIN_SCORE = 0.6  #: score below which it is no face


class Face(NamedTuple):
    """A face, as fractions of the picture's width and height."""

    x: float
    y: float
    width: float
    height: float


def _compute_anchors() -> NDArray[np.float32]:
    """Centres of the 896 anchors, (896, 2), 0–1."""
    grids = []
    for cells, each in ((16, 2), (8, 6)):
        centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(centres, centres)
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), each, axis=0))
    return np.concatenate(grids)


class FaceDetector:
    """Finds the largest face; one for each thread."""

    def __init__(self) -> None:
        self._model = load_tflite("face_detection/face_detection_short_range.tflite")
        self._input = self._model.get_input_details()[0]["index"]
        self._boxes, self._scores = (d["index"] for d in self._model.get_output_details())
        self._anchors = _compute_anchors()

    def find_largest(self, picture: Picture) -> Face | None:
        """The largest face in *picture*, or None."""
        square, scale = letterbox(picture, DETECTOR_SIDE)
        self._model.set_tensor(self._input, square[None] * 2 - 1)
        self._model.invoke()
        logits = self._model.get_tensor(self._scores)[0, :, 0]
        sure = logits > np.log(MIN_SCORE / (1 - MIN_SCORE))
        if not sure.any():
            return None
        boxes = self._model.get_tensor(self._boxes)[0, sure, :4] / DETECTOR_SIDE
        boxes[:, :2] += self._anchors[sure]
        x, y, width, height = boxes[boxes[:, 2].argmax()] * DETECTOR_SIDE
        return Face(
            *(float(v) for v in (x / scale[0], y / scale[1], width / scale[0], height / scale[1]))
        )


def letterbox(picture: Picture, side: int) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The picture in the corner of a black (side, side, 3) RGB square, 0–1; and its size there."""
    width, height = picture.size
    scale = side / max(width, height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    square = np.zeros((side, side, 3), np.float32)
    square[:h, :w] = convert_to_rgb(picture, (w, h))
    return square, (w, h)


MAX_KEYFRAMES = 12  #: key frames at most


@dataclass(frozen=True, slots=True)
class FacePosition:
    """What was seen.

    Attributes:
        centre: the middle of the face, as fractions of the frame: the median over the clip, for
            a person sways and her circle stands still. The frame's own middle without a face.
        best_frame: the key frame with the largest face; the one in the clip's middle without any.
    """

    centre: tuple[float, float]
    best_frame: Timed[Picture]


def find_face(clip: Clip) -> FacePosition:
    """Glance at a few key frames of *clip*.

    Raises:
        InputRejected: CORRUPT, not one of them decodes.
    """
    detector = FaceDetector()
    faces: list[Face] = []
    best: tuple[float, Timed[Picture]] | None = None
    for frame in _read_spread_keyframes(clip):
        face = detector.find_largest(frame.value)
        if face is not None:
            faces.append(face)
        height = face.height if face else 0.0
        if best is None or height > best[0]:
            best = height, frame
    if best is None:
        raise InputRejected(RejectReason.CORRUPT)
    return FacePosition(_compute_median_centre(faces), best[1])


def compute_shape_centre(position: FacePosition, style: Style) -> tuple[float, float]:
    """Where the middle of *style*'s shape lies, as fractions of the frame."""
    whole = style.shape is Shape.NONE or (style.shape is not Shape.CIRCLE and style.crop == (1, 1))
    return style.centre or ((0.5, 0.5) if whole else position.centre)


def _read_spread_keyframes(clip: Clip) -> Iterator[Timed[Picture]]:
    """Up to LOOKS key frames, spread evenly, the middle of the clip first."""
    keys = clip.keyframes or clip.times[:1]
    count = min(MAX_KEYFRAMES, len(keys))
    spread = [keys[(2 * i + 1) * len(keys) // (2 * count)] for i in range(count)]
    yield from read_keyframes(clip, sorted(spread, key=lambda key: abs(key - clip.times[-1] // 2)))


def _compute_median_centre(faces: list[Face]) -> tuple[float, float]:
    if not faces:
        return 0.5, 0.5
    return median(face.x for face in faces), median(face.y for face in faces)
