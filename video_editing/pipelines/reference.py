"""Reference pictures: one moment of a result as it should look, to compare a rendered one with."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from video_editing.compositing.background import Background
from video_editing.compositing.blend import paste
from video_editing.compositing.composition import OverlayFrame
from video_editing.compositing.layout import Size, fit_within_side
from video_editing.frames import Box, Layer, Matte
from video_editing.pipelines.preview import write_jpeg
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_frames
from video_editing.reading.pictures import read_image
from video_editing.reading.probe import Clip

REFERENCE_SIDE = 480  #: pixels of the longer side, on which pictures are compared
MAX_SECONDS = 1  #: from the end of the fade to the moment; a later one costs more to decode
EXPECTED_FILE, INVERTED_FILE = "expected.jpg", "inverted.jpg"


class ReferencePictures(TypedDict):
    """One moment of a result.

    Attributes:
        seconds: of the moment, in the middle of its frame.
        expected: path of the picture.
        inverted: path of the same with the overlay's alpha inverted.
    """

    seconds: float
    expected: str
    inverted: str


def choose_moment(seconds: Fraction, rate: Fraction, fade: float) -> Fraction:
    """Return the middle of a frame that shows the overlay, soon after the start."""
    tick = int(min(seconds / 2, Fraction(fade) + MAX_SECONDS) * rate)
    return (tick + Fraction(1, 2)) / rate


@dataclass(slots=True)
class FrameCapture:
    """Remembers the frame that is shown at a moment.

    Attributes:
        seconds: the moment.
        frame: the frame, once it has passed.
    """

    seconds: Fraction
    frame: OverlayFrame | None = None

    def watch(self, frames: Iterator[OverlayFrame], timebase: Fraction) -> Iterator[OverlayFrame]:
        """Yield *frames*, whose times are in ticks of *timebase*."""
        for frame in frames:
            if self.frame is None or frame.time * timebase <= self.seconds:
                self.frame = frame
            yield frame


def write_references(
    capture: FrameCapture,
    background: Background,
    canvas: Size,
    corner: tuple[int, int],
    folder: Path,
) -> None:
    """Write what a result shows at the captured moment, and the same with inverted alpha.

    Args:
        capture: has the frame.
        background: behind the overlay.
        canvas: width and height of the result.
        corner: left and top of the overlay on it.
        folder: receives both files.

    Raises:
        InputRejected: the background cannot be read.
        OutputFailed: a file cannot be written.
    """
    assert capture.frame is not None
    overlay = capture.frame.overlay
    with background.open_sampler(canvas) as sample:
        behind = sample(capture.seconds, capture.frame.picture)
    size = fit_within_side(canvas, REFERENCE_SIDE)
    for name, alpha in ((EXPECTED_FILE, overlay.alpha), (INVERTED_FILE, _invert(overlay.alpha))):
        picture = paste(Layer(overlay.picture, alpha), *corner, behind)
        write_jpeg(convert_to_rgb(picture, size), folder / name)


def describe_references(capture: FrameCapture, folder: Path) -> ReferencePictures:
    """Return where the files are that :func:`write_references` wrote."""
    return {
        "seconds": float(capture.seconds),
        "expected": str(folder / EXPECTED_FILE),
        "inverted": str(folder / INVERTED_FILE),
    }


def _invert(alpha: Matte) -> Matte:
    return np.asarray(255 - alpha, np.uint8)


class Difference(NamedTuple):
    """How much two pictures differ: mean absolute difference of R'G'B', 0 same … 1 opposite.

    Attributes:
        inside: in a box.
        outside: around it; 0 if the box is the whole picture.
    """

    inside: float
    outside: float


def measure_difference(
    clip: Clip, seconds: float, reference: Path, box: tuple[int, int, int, int]
) -> Difference:
    """Compare the frame of *clip* that is shown at *seconds* with the picture *reference*.

    Args:
        clip: from `probe`.
        seconds: from its start.
        reference: path of a picture.
        box: left, top, width and height in the clip's pixels.

    Raises:
        InputRejected: the frame or the picture cannot be read.
    """
    expected = read_image(reference)
    size = expected.size
    first = bisect_right(clip.times, int(Fraction(seconds) / clip.timebase)) - 1
    time = clip.times[max(0, first)]
    (frame,) = read_frames(clip, time, time + 1)
    difference = np.abs(convert_to_rgb(frame.value, size) - convert_to_rgb(expected, size))
    inside = _scale_box(Box(*box), clip.size, size)
    outside = difference[~inside]
    return Difference(
        float(difference[inside].mean()), float(outside.mean()) if outside.size else 0.0
    )


def _scale_box(box: Box, size: Size, target: Size) -> NDArray[np.bool_]:
    """Return which pixels of a picture of *target* size the box of one of *size* covers."""
    mask = np.zeros(target[::-1], np.bool_)
    across, down = target[0] / size[0], target[1] / size[1]
    left = min(max(0, int(box.left * across)), target[0] - 1)
    top = min(max(0, int(box.top * down)), target[1] - 1)
    right = max(left + 1, round((box.left + box.width) * across))
    bottom = max(top + 1, round((box.top + box.height) * down))
    mask[top:bottom, left:right] = True
    return mask
