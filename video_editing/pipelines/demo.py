"""A demonstration: a short clip of a person, made from a photograph, and its edit."""

import time
from collections.abc import Iterator
from fractions import Fraction
from math import cos, pi
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.compositing.background import open_background
from video_editing.compositing.composition import Composition
from video_editing.concurrency import count_cpus
from video_editing.contract.atomic_file import atomic_write, temporary_folder
from video_editing.contract.engines import EngineOptions
from video_editing.contract.progress import Report, ignore
from video_editing.contract.style import Anchor, Style
from video_editing.frames import Picture, Plane, Timed
from video_editing.matting.engines import resolve_auto
from video_editing.pipelines.edit import edit
from video_editing.pipelines.preview import write_jpeg
from video_editing.pixels import convert_to_rgb
from video_editing.reading.audio import SAMPLE_RATE, Samples
from video_editing.reading.decode import read_frames
from video_editing.reading.normalize import FrameGeometry, FrameNormalizer
from video_editing.reading.probe import Clip, ClipLimits, probe
from video_editing.writing.mp4 import open_mp4
from video_editing.writing.tracks import StreamSpec

SIDE = 640  #: pixels
FRAME_RATE = 25
SECONDS = 4
BACKGROUND = "#16697a"
STYLE = Style(ring=0.02, shadow=0.6, position=Anchor.CENTER, size=0.8, fade=0.4)


class DemoResult(NamedTuple):
    """What a demonstration made.

    Attributes:
        picture: a JPEG that compares clip and result.
        engine: the engine that ``auto`` chose.
        speed: frames of the result made per second.
    """

    picture: Path
    engine: str
    speed: float


def make_demo(result: Path, report: Report = ignore) -> DemoResult:
    """Make a clip of a person, and edit it to a circle over a colour.

    Args:
        result: path of the result, an mp4; the JPEG is written beside.
        report: receives the number of frames done.

    Raises:
        OutputFailed: the results cannot be written.
    """
    comparison = result.with_suffix(".jpg")
    with (
        temporary_folder() as folder,
        atomic_write(comparison) as picture,
        atomic_write(result) as video,
    ):
        path = folder / "clip.mp4"
        make_clip(path)
        clip = probe(path)
        background = open_background(BACKGROUND, ClipLimits())
        options = resolve_auto(EngineOptions(), clip)
        composition = Composition(clip, STYLE, options)
        start = time.perf_counter()
        edit(composition, video, background, clip.size, report=report)
        speed = len(clip.times) / (time.perf_counter() - start)
        _write_comparison(clip, probe(video), picture)
    return DemoResult(comparison, options.engine, speed)


def make_clip(path: Path) -> None:
    """Write the photograph under a slow zoom, with a quiet tone as the voice."""
    spec = StreamSpec(
        size=(SIDE, SIDE),
        timebase=Fraction(1, FRAME_RATE),
        rate=Fraction(FRAME_RATE),
        seconds=Fraction(SECONDS),
        has_sound=True,
        threads=count_cpus(),
    )
    with open_mp4(path, spec) as writer:
        for index, frame in enumerate(_animate_photograph()):
            writer.write_picture(Timed(index, frame))
            writer.write_samples(_make_tone(index))


def _animate_photograph() -> Iterator[Picture]:
    """Yield the photograph, zoomed in a little and out again."""
    photograph = _load_photograph()
    for index in range(SECONDS * FRAME_RATE):
        zoom = 1 + 0.06 * (1 - cos(2 * pi * index / (SECONDS * FRAME_RATE)))
        yield Picture(
            _zoom(photograph.y, zoom, SIDE),
            _zoom(photograph.u, zoom, SIDE // 2),
            _zoom(photograph.v, zoom, SIDE // 2),
        )


def _load_photograph() -> Picture:
    """Load NASA's portrait of Eileen Collins (public domain) from scikit-image."""
    from skimage import data  # noqa: PLC0415 - takes seconds to import, for this command only

    photograph: NDArray[np.uint8] = data.astronaut()  # type: ignore[no-untyped-call]
    frame = av.VideoFrame.from_ndarray(photograph, format="rgb24")
    size = frame.width, frame.height
    return FrameNormalizer(FrameGeometry(size, size))(frame)


def _zoom(plane: Plane, factor: float, side: int) -> Plane:
    """Return *plane* scaled to *side* and zoomed by *factor* around its middle."""
    scale = factor * side / plane.shape[0]
    shift = (1 - factor) * side / 2
    transform = np.array([[scale, 0, shift], [0, scale, shift]])
    return np.asarray(cv2.warpAffine(plane, transform, (side, side)), np.uint8)


def _make_tone(index: int) -> Samples:
    """Return the samples of one frame of a quiet tone that swells and fades."""
    count = SAMPLE_RATE // FRAME_RATE
    time = (index * count + np.arange(count, dtype=np.float32)) / SAMPLE_RATE
    tone = 0.05 * np.sin(2 * pi * 220 * time) * np.sin(pi * time / SECONDS)
    return np.repeat(tone[:, None], 2, axis=1).astype(np.float32)


def _write_comparison(before: Clip, after: Clip, result: Path) -> None:
    """Write the frames of both clips at the same time, side by side."""
    time = before.times[len(before.times) // 2]
    pictures = [next(read_frames(clip, time)).value for clip in (before, after)]
    write_jpeg(np.hstack([convert_to_rgb(picture, picture.size) for picture in pictures]), result)
