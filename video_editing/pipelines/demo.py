"""A short clip of a person, made from a photograph, so that anybody can see the edit at once."""

from collections.abc import Iterator
from fractions import Fraction
from math import cos, pi
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.compositing.background import background
from video_editing.concurrency import cpus
from video_editing.contract.progress import Report, unreported
from video_editing.contract.style import Anchor, Style
from video_editing.frames import Picture, Plane, Timed
from video_editing.pipelines.edit import edit
from video_editing.pipelines.thumbnail import jpeg
from video_editing.pixels import rgb
from video_editing.reading import audio as samples
from video_editing.reading.decode import pictures
from video_editing.reading.normalize import Orientation, Upright
from video_editing.reading.probe import Clip, Limits, probe
from video_editing.writing.mp4 import result_file

SIDE = 640  #: pixels
RATE = 25
SECONDS = 4
BEHIND = "#16697a"
STYLE = Style(ring=0.02, shadow=0.6, position=Anchor.CENTER, size=0.8, fade=0.4)


def demo(result: Path, report: Report = unreported) -> Path:
    """Make a clip of a person, put her in a circle over a colour, and picture both.

    Args:
        result: the finished mp4; a JPEG of the same moment before and after lies beside it.
        report: is told how many frames are done.

    Returns:
        The path of the JPEG.

    Raises:
        OutputFailed: the results cannot be written.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        _make_clip(path)
        clip = probe(path)
        edit(clip, result, background(BEHIND, Limits()), clip.size, style=STYLE, report=report)
        beside = result.with_suffix(".jpg")
        _picture(clip, probe(result), beside)
    return beside


def _make_clip(path: Path) -> None:
    """A camera that breathes in front of Eileen Collins, and a quiet hum for a voice."""
    timebase = Fraction(1, RATE)
    with result_file(
        path,
        (SIDE, SIDE),
        timebase,
        rate=Fraction(RATE),
        seconds=Fraction(SECONDS),
        sound=True,
        threads=cpus(),
    ) as writer:
        for index, frame in enumerate(_frames()):
            writer.picture(Timed(index, frame))
            writer.sound(_hum(index))


def _frames() -> Iterator[Picture]:
    """The photograph, coming a little nearer and going back again."""
    photograph = _astronaut()
    for index in range(SECONDS * RATE):
        near = 1 + 0.06 * (1 - cos(2 * pi * index / (SECONDS * RATE)))
        yield Picture(
            _nearer(photograph.y, near, SIDE),
            _nearer(photograph.u, near, SIDE // 2),
            _nearer(photograph.v, near, SIDE // 2),
        )


def _astronaut() -> Picture:
    """NASA's portrait of Eileen Collins, in the public domain; scikit-image carries it."""
    from skimage import data  # noqa: PLC0415 - seconds of loading, for this alone

    photograph: NDArray[np.uint8] = data.astronaut()  # type: ignore[no-untyped-call]
    frame = av.VideoFrame.from_ndarray(photograph, format="rgb24")
    return Upright((frame.width, frame.height), Orientation())(frame)


def _nearer(plane: Plane, near: float, side: int) -> Plane:
    """*plane* scaled to *side*, and *near* times that around its middle."""
    scale = near * side / plane.shape[0]
    shift = (1 - near) * side / 2
    turn = np.array([[scale, 0, shift], [0, scale, shift]])
    return np.asarray(cv2.warpAffine(plane, turn, (side, side)), np.uint8)


def _hum(index: int) -> samples.Samples:
    """One frame's worth of a quiet tone that swells and fades."""
    count = samples.RATE // RATE
    time = (index * count + np.arange(count, dtype=np.float32)) / samples.RATE
    tone = 0.05 * np.sin(2 * pi * 220 * time) * np.sin(pi * time / SECONDS)
    return np.repeat(tone[:, None], 2, axis=1).astype(np.float32)


def _picture(before: Clip, after: Clip, result: Path) -> None:
    """Write the same moment of both clips, side by side."""
    moment = before.times[len(before.times) // 2]
    shots = [next(pictures(clip, moment)).what for clip in (before, after)]
    jpeg(np.hstack([rgb(shot, shot.size) for shot in shots]), result)
