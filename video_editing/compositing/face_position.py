"""Find the face in a clip: its position, and the key frame that shows it largest.

Only a few key frames are decoded, spread evenly: the cost is the same for a long clip as for a
short one. A few frames of every second would cost a quarter of the edit.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.excerpt import Span
from video_editing.contract.style import Shape, Style
from video_editing.frames import Picture, Timed
from video_editing.matting.networks.tflite import load_tflite
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_keyframes
from video_editing.reading.probe import Clip

DETECTOR_SIDE = 128  #: pixels of the detector's square input
MIN_SCORE = 0.6  #: score below which a detection is no face
MAX_KEYFRAMES = 12  #: key frames that are searched


class Face(NamedTuple):
    """A face, as fractions of the picture's width and height."""

    x: float
    y: float
    width: float
    height: float


def _compute_anchors() -> NDArray[np.float32]:
    """Return the centres of the 896 anchors, (896, 2), 0–1."""
    grids = []
    for cells, each in ((16, 2), (8, 6)):
        centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(centres, centres)
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), each, axis=0))
    return np.concatenate(grids)


class FaceDetector:
    """Finds the largest face in a picture; not for use by several threads."""

    def __init__(self) -> None:
        self._model = load_tflite("face_detection/face_detection_short_range.tflite")
        self._input = self._model.get_input_details()[0]["index"]
        self._boxes, self._scores = (d["index"] for d in self._model.get_output_details())
        self._anchors = _compute_anchors()

    def find_largest(self, picture: Picture) -> Face | None:
        """Return the largest face in *picture*, or None."""
        square, scale = letterbox(picture, DETECTOR_SIDE)
        self._model.set_tensor(self._input, square[None] * 2 - 1)
        self._model.invoke()
        logits = self._model.get_tensor(self._scores)[0, :, 0]
        is_face = logits > np.log(MIN_SCORE / (1 - MIN_SCORE))
        if not is_face.any():
            return None
        boxes = self._model.get_tensor(self._boxes)[0, is_face, :4] / DETECTOR_SIDE
        boxes[:, :2] += self._anchors[is_face]
        x, y, width, height = boxes[boxes[:, 2].argmax()] * DETECTOR_SIDE
        return Face(
            *(float(v) for v in (x / scale[0], y / scale[1], width / scale[0], height / scale[1]))
        )


def letterbox(picture: Picture, side: int) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Scale *picture* into the top left corner of a black square.

    Returns:
        The square, (side, side, 3), R'G'B', 0–1, and the picture's width and height in it.
    """
    width, height = picture.size
    scale = side / max(width, height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    square = np.zeros((side, side, 3), np.float32)
    square[:h, :w] = convert_to_rgb(picture, (w, h))
    return square, (w, h)


@dataclass(frozen=True, slots=True)
class FacePosition:
    """The face of a clip.

    Attributes:
        centre: middle of the face, as fractions of the frame: the median over the clip, because
            the person moves and the shape does not. The frame's middle if no face is found.
        best_frame: the key frame with the largest face; the one nearest to the clip's middle if
            no face is found.
    """

    centre: tuple[float, float]
    best_frame: Timed[Picture]


def find_face(clip: Clip, span: Span) -> FacePosition:
    """Search a few key frames of *clip* in *span* for the face.

    Raises:
        InputRejected: CORRUPT, none of them decodes.
    """
    detector = FaceDetector()
    faces: list[Face] = []
    best: tuple[float, Timed[Picture]] | None = None
    for frame in _read_spread_keyframes(clip, span):
        face = detector.find_largest(frame.value)
        if face is not None:
            faces.append(face)
        height = face.height if face else 0.0
        if best is None or height > best[0]:
            best = height, frame
    if best is None:
        raise InputRejected(RejectReason.CORRUPT)
    return FacePosition(_compute_median_centre(faces), best[1])


def find_shape_centre(
    clip: Clip, style: Style, span: Span, face: FacePosition | None = None
) -> tuple[float, float]:
    """Return the centre of *style*'s shape, as fractions of the frame.

    An unknown *face* is searched for only if the centre depends on it: not if the style gives the
    centre or the shape is the full frame.

    Raises:
        InputRejected: CORRUPT, no key frame decodes.
    """
    if style.centre is not None:
        return style.centre
    if is_full_frame(style):
        return 0.5, 0.5
    return (face or find_face(clip, span)).centre


def is_full_frame(style: Style) -> bool:
    """Return whether the style's shape shows the full frame of the clip."""
    return style.shape is Shape.NONE or (style.shape is not Shape.CIRCLE and style.crop == (1, 1))


def _read_spread_keyframes(clip: Clip, span: Span) -> Iterator[Timed[Picture]]:
    """Yield up to MAX_KEYFRAMES key frames, spread evenly, nearest to the span's middle first.

    A span without one takes the key frame before it.
    """
    keys = clip.keyframes or clip.times[:1]
    first, last = bisect_left(keys, span.start), bisect_left(keys, span.end)
    keys = keys[first:last] or keys[max(0, first - 1) :][:1]
    count = min(MAX_KEYFRAMES, len(keys))
    spread = [keys[(2 * i + 1) * len(keys) // (2 * count)] for i in range(count)]
    middle = (span.start + span.end) // 2
    yield from read_keyframes(clip, sorted(spread, key=lambda key: abs(key - middle)))


def _compute_median_centre(faces: list[Face]) -> tuple[float, float]:
    if not faces:
        return 0.5, 0.5
    return median(face.x for face in faces), median(face.y for face in faces)
