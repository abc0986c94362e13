"""Backgrounds of the person: a colour, a picture, a video, or the clip itself, blurred."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from fractions import Fraction
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from video_editing.compositing.layout import Size, round_to_even
from video_editing.concurrency import prefetch
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.style import YuvColour, parse_colour
from video_editing.frames import Picture, Plane
from video_editing.pixels import compute_chroma_size, resize, scale_values
from video_editing.reading.container import require_readable
from video_editing.reading.decode import read_frames
from video_editing.reading.pictures import is_animation, read_animation, read_image
from video_editing.reading.probe import Clip, ClipLimits, probe
from video_editing.reading.signatures import is_picture

BLUR = "blur"  #: the source that names the blurred clip

_MIN_SECONDS = Fraction(1, 25)  #: of a video; a shorter one is read again for each frame
_PREFETCH_DEPTH = 2  #: pictures of a background that wait to be shown
_BLUR_SIDE = 96  #: pixels of the shorter side at which the clip is blurred
_BLUR_SIGMA = 5.0  #: in those pixels
_BLUR_BRIGHTNESS = 0.75  #: of the blurred clip by its own, so that the person stands out


#: Returns the background at a time in seconds, from the clip's own picture then; times rise.
BackgroundSampler = Callable[[Fraction, Picture], Picture]


class Background(ABC):
    """What the overlay is put on.

    Attributes:
        size: its own width and height in pixels; None if it fits any canvas.
        clip: the video whose sound is mixed under the voice; None for other backgrounds.
        rate: pictures a second of its own; 0 if it stands still without the clip.
    """

    size: Size | None = None
    clip: Clip | None = None
    rate: Fraction = Fraction(0)

    @abstractmethod
    def open_sampler(self, canvas: Size) -> AbstractContextManager[BackgroundSampler]:
        """Open a function that returns pictures of the canvas's size."""


class ColourBackground(Background):
    """One colour.

    Attributes:
        name: a CSS name, #rgb or #rrggbb.
    """

    def __init__(self, name: str) -> None:
        """Parse the colour.

        Raises:
            ValueError: *name* is no colour.
        """
        self.name = name
        self._colour = parse_colour(name)

    @contextmanager
    def open_sampler(self, canvas: Size) -> Iterator[BackgroundSampler]:
        """Open a function that always returns the same picture."""
        flat = make_solid_picture(self._colour, canvas)
        yield lambda _seconds, _picture: flat


class ImageBackground(Background):
    """A picture, cropped to fill the canvas."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.size = picture.size

    @contextmanager
    def open_sampler(self, canvas: Size) -> Iterator[BackgroundSampler]:
        """Open a function that always returns the same picture."""
        still = cover(self.picture, canvas)
        yield lambda _seconds, _picture: still


class VideoBackground(Background):
    """A video, cropped to fill the canvas and repeated."""

    def __init__(self, clip: Clip) -> None:
        self.clip: Clip = clip
        self.size = clip.size
        self.rate = clip.rate

    @contextmanager
    def open_sampler(self, canvas: Size) -> Iterator[BackgroundSampler]:
        """Open a function that returns the frame shown at a time."""
        with _open_frame_sampler(_loop_frames(self.clip, canvas)) as sample:
            yield sample


class AnimationBackground(Background):
    """An animated picture, cropped to fill the canvas and repeated."""

    rate = Fraction(25)  # which animations rarely exceed

    def __init__(self, path: Path, size: Size) -> None:
        self.size = size
        self._path = path

    @contextmanager
    def open_sampler(self, canvas: Size) -> Iterator[BackgroundSampler]:
        """Open a function that returns the picture shown at a time."""
        with _open_frame_sampler(_loop_animation(self._path, canvas)) as sample:
            yield sample


@contextmanager
def _open_frame_sampler(frames: Iterator[tuple[Fraction, Picture]]) -> Iterator[BackgroundSampler]:
    """Open a function that returns the one of *frames* that is shown at a time.

    Args:
        frames: endless, with the seconds at which each is shown first.
    """
    with closing(prefetch(frames, _PREFETCH_DEPTH)) as ready:
        shown, following = next(ready), next(ready)

        def sample(seconds: Fraction, _picture: Picture) -> Picture:
            nonlocal shown, following
            while following[0] <= seconds:
                shown, following = following, next(ready)
            return shown[1]

        yield sample


def _loop_animation(path: Path, canvas: Size) -> Iterator[tuple[Fraction, Picture]]:
    """Yield the pictures of an animation again and again, with their seconds from the start."""
    time = Fraction(0)
    while True:
        for seconds, picture in read_animation(path):
            yield time, cover(picture, canvas)
            time += seconds


def _loop_frames(clip: Clip, canvas: Size) -> Iterator[tuple[Fraction, Picture]]:
    """Yield the frames of *clip* again and again, with their seconds from the first start."""
    try:
        for turn in count():
            for frame in read_frames(clip):
                seconds = turn * clip.picture_duration + frame.time * clip.timebase
                yield seconds, cover(frame.value, canvas)
    except InputRejected as err:
        raise InputRejected(RejectReason.BAD_BACKGROUND, why=err.reason) from err


class BlurredBackground(Background):
    """The clip itself, blurred and a little darker."""

    @contextmanager
    def open_sampler(self, canvas: Size) -> Iterator[BackgroundSampler]:
        """Open a function that blurs the clip's picture."""
        yield lambda _seconds, picture: blur(picture, canvas)


def blur(picture: Picture, canvas: Size) -> Picture:
    """Return *picture* filling *canvas*, blurred and a little darker."""
    scale = _BLUR_SIDE / min(canvas)
    soft = cover(picture, (round_to_even(canvas[0] * scale), round_to_even(canvas[1] * scale)))
    luma = scale_values(soft.y, _BLUR_BRIGHTNESS, 16 * (1 - _BLUR_BRIGHTNESS))
    half = compute_chroma_size(canvas)
    return Picture(
        _blur_plane(luma, _BLUR_SIGMA, canvas),
        _blur_plane(soft.u, _BLUR_SIGMA / 2, half),
        _blur_plane(soft.v, _BLUR_SIGMA / 2, half),
    )


def _blur_plane(plane: Plane, sigma: float, size: Size) -> Plane:
    return resize(np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.uint8), size)


def make_solid_picture(colour: YuvColour, size: Size) -> Picture:
    """Return a picture of one colour."""
    width, height = size
    half = compute_chroma_size(size)[::-1]
    return Picture(
        np.full((height, width), colour.y, np.uint8),
        np.full(half, colour.u, np.uint8),
        np.full(half, colour.v, np.uint8),
    )


def open_background(source: str, limits: ClipLimits) -> Background:
    """Open the background that *source* names: "blur", a file, or a colour.

    Raises:
        InputRejected: BAD_BACKGROUND, the file cannot be used; BAD_OPTION, *source* is neither
            "blur" nor a file nor a colour.
    """
    if source == BLUR:
        return BlurredBackground()
    if not os.path.isfile(source):  # noqa: PTH113 - Path's raises when the name is too long
        return _open_colour(source)
    path = Path(source)
    try:
        require_readable(path)
        if not is_picture(path):
            return _open_video(probe(path, limits))
    except InputRejected as err:
        details = {**err.details, "why": err.reason}
        raise InputRejected(RejectReason.BAD_BACKGROUND, **details) from err
    picture = read_image(path)
    if is_animation(path):
        return AnimationBackground(path, picture.size)
    return ImageBackground(picture)


def _open_video(clip: Clip) -> Background:
    """Open *clip*; one that is over before a frame of a result is a picture."""
    if clip.picture_duration >= _MIN_SECONDS:
        return VideoBackground(clip)
    return ImageBackground(next(read_frames(clip)).value)


def _open_colour(source: str) -> ColourBackground:
    try:
        return ColourBackground(source)
    except ValueError as err:
        why = "it is neither a file nor a colour nor blur"
        raise InputRejected(RejectReason.BAD_OPTION, option="background", why=why) from err


def cover(picture: Picture, canvas: Size) -> Picture:
    """Return *picture* scaled to fill *canvas* and cropped equally on both sides."""
    if picture.size == canvas:
        return picture
    width, height = picture.size
    scale = max(canvas[0] / width, canvas[1] / height)
    crop = min(width, round(canvas[0] / scale)), min(height, round(canvas[1] / scale))
    left, top = (width - crop[0]) // 4 * 2, (height - crop[1]) // 4 * 2
    chroma = left // 2, top // 2, compute_chroma_size(crop), compute_chroma_size(canvas)
    return Picture(
        _crop_and_scale(picture.y, left, top, crop, canvas),
        _crop_and_scale(picture.u, *chroma),
        _crop_and_scale(picture.v, *chroma),
    )


def _crop_and_scale(plane: Plane, left: int, top: int, size: Size, target_size: Size) -> Plane:
    return resize(plane[top : top + size[1], left : left + size[0]], target_size)
