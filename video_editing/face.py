"""Where the face is in one picture, by MediaPipe's short-range face detector.

The model's outputs are decoded as MediaPipe's `face_detection_short_range` graph does: 896
anchors of unit size on a 16x16 grid (two each) and an 8x8 grid (six each), scale 128.
Bazarevsky et al. 2019, "BlazeFace", arXiv:1907.05047.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from video_editing.frames import Picture
from video_editing.rgb import rgb
from video_editing.weights import bundled

SIDE = 128
CERTAIN = 0.6  #: score below which it is no face


class Face(NamedTuple):
    """A face, as fractions of the picture's width and height."""

    x: float
    y: float
    width: float
    height: float


def _anchors() -> NDArray[np.float32]:
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
        self._model = bundled("face_detection/face_detection_short_range.tflite")
        self._input = self._model.get_input_details()[0]["index"]
        self._boxes, self._scores = (d["index"] for d in self._model.get_output_details())
        self._anchors = _anchors()

    def largest(self, picture: Picture) -> Face | None:
        """The largest face in *picture*, or None."""
        square, scale = letterboxed(picture, SIDE)
        self._model.set_tensor(self._input, square[None] * 2 - 1)
        self._model.invoke()
        logits = self._model.get_tensor(self._scores)[0, :, 0]
        sure = logits > np.log(CERTAIN / (1 - CERTAIN))
        if not sure.any():
            return None
        boxes = self._model.get_tensor(self._boxes)[0, sure, :4] / SIDE
        boxes[:, :2] += self._anchors[sure]
        x, y, width, height = boxes[boxes[:, 2].argmax()] * SIDE
        return Face(
            *(float(v) for v in (x / scale[0], y / scale[1], width / scale[0], height / scale[1]))
        )


def letterboxed(picture: Picture, side: int) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The picture in the corner of a black (side, side, 3) RGB square, 0–1; and its size there."""
    width, height = picture.size
    scale = side / max(width, height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    square = np.zeros((side, side, 3), np.float32)
    square[:h, :w] = rgb(picture, (w, h))
    return square, (w, h)
