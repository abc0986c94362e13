"""What lies behind the person: a colour, a picture, a film, or the clip itself, blurred."""

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
from video_editing.reading.decode import read_frames, read_image
from video_editing.reading.probe import Clip, ClipLimits, probe

BLUR = "blur"  #: the name of the blurred clip

_BLUR_SIDE = 96  #: pixels of the shorter side at which the clip is blurred
_BLUR_SIGMA = 5.0  #: in those pixels
_BLUR_BRIGHTNESS = 0.75  #: how bright the blurred clip is, so that the person stands out


#: Gives the background of one moment, from its seconds and the clip's own picture; moments rise.
BackgroundSampler = Callable[[Fraction, Picture], Picture]


class Background(ABC):
    """Something to put the overlay on.

    Attributes:
        size: its own width and height in pixels; None where it takes any.
        clip: the film whose sound is heard under the voice, if it is one.
    """

    size: Size | None = None
    clip: Clip | None = None

    @abstractmethod
    def open_sampler(self, canvas: Size) -> AbstractContextManager[BackgroundSampler]:
        """Open it, to be asked for pictures of *canvas* size."""


class ColourBackground(Background):
    """One colour."""

    def __init__(self, colour: YuvColour) -> None:
        self._colour = colour

    @contextmanager
    def open_sampler(self, canvas: Size) -> Iterator[BackgroundSampler]:
        """The same picture again and again."""
        flat = make_solid_picture(self._colour, canvas)
        yield lambda _seconds, _picture: flat


class ImageBackground(Background):
    """A picture, cut to fill the canvas."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.size = picture.size

    @contextmanager
    def open_sampler(self, canvas: Size) -> Iterator[BackgroundSampler]:
        """The same picture again and again."""
        still = cover(self.picture, canvas)
        yield lambda _seconds, _picture: still


class VideoBackground(Background):
    """A video, cut to fill the canvas, and played again from its start when it ends."""

    def __init__(self, clip: Clip) -> None:
        self.clip: Clip = clip
        self.size = clip.size

    @contextmanager
    def open_sampler(self, canvas: Size) -> Iterator[BackgroundSampler]:
        """For each moment the frame that is on screen then."""
        with closing(prefetch(_loop_frames(self.clip, canvas), 4)) as frames:
            shown, following = next(frames), next(frames)

            def at(seconds: Fraction, _picture: Picture) -> Picture:
                nonlocal shown, following
                while following[0] <= seconds:
                    shown, following = following, next(frames)
                return shown[1]

            yield at


def _loop_frames(clip: Clip, canvas: Size) -> Iterator[tuple[Fraction, Picture]]:
    """The frames of *clip* with their seconds from its very first start, without end."""
    try:
        for turn in count():
            for frame in read_frames(clip):
                seconds = turn * clip.duration + frame.time * clip.timebase
                yield seconds, cover(frame.value, canvas)
    except InputRejected as err:
        raise InputRejected(RejectReason.BAD_BACKGROUND, why=err.reason) from err


class BlurredBackground(Background):
    """The clip itself, out of focus and a little darker."""

    @contextmanager
    def open_sampler(self, canvas: Size) -> Iterator[BackgroundSampler]:
        """Each picture of the clip, blurred."""
        yield lambda _seconds, picture: blur(picture, canvas)


def blur(picture: Picture, canvas: Size) -> Picture:
    """*picture* filling *canvas*, out of focus and a little darker."""
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
    """A picture of one colour."""
    width, height = size
    half = compute_chroma_size(size)[::-1]
    return Picture(
        np.full((height, width), colour.y, np.uint8),
        np.full(half, colour.u, np.uint8),
        np.full(half, colour.v, np.uint8),
    )


def open_background(source: str, limits: ClipLimits) -> Background:
    """The background that people mean by *source*: "blur", a file, or a colour.

    Raises:
        InputRejected: BAD_BACKGROUND, the file cannot be used; BAD_OPTION, it is neither a file
            nor a colour.
    """
    if source == BLUR:
        return BlurredBackground()
    if not os.path.isfile(source):  # noqa: PTH113 - Path's raises when the name is too long
        return ColourBackground(_parse_colour_option(source))
    path = Path(source)
    try:
        return VideoBackground(probe(path, limits))
    except InputRejected as err:
        if err.reason is not RejectReason.NOT_A_VIDEO:
            raise InputRejected(RejectReason.BAD_BACKGROUND, why=err.reason) from err
    return ImageBackground(read_image(path))


def _parse_colour_option(source: str) -> YuvColour:
    try:
        return parse_colour(source)
    except ValueError as err:
        why = "it is neither a file nor a colour nor blur"
        raise InputRejected(RejectReason.BAD_OPTION, option="background", why=why) from err


def cover(picture: Picture, canvas: Size) -> Picture:
    """*picture* scaled to fill *canvas*, what is too much cut away on both sides."""
    if picture.size == canvas:
        return picture
    width, height = picture.size
    scale = max(canvas[0] / width, canvas[1] / height)
    kept = min(width, round(canvas[0] / scale)), min(height, round(canvas[1] / scale))
    left, top = (width - kept[0]) // 4 * 2, (height - kept[1]) // 4 * 2
    chroma = left // 2, top // 2, compute_chroma_size(kept), compute_chroma_size(canvas)
    return Picture(
        _crop_and_scale(picture.y, left, top, kept, canvas),
        _crop_and_scale(picture.u, *chroma),
        _crop_and_scale(picture.v, *chroma),
    )


def _crop_and_scale(plane: Plane, left: int, top: int, size: Size, target_size: Size) -> Plane:
    return resize(plane[top : top + size[1], left : left + size[0]], target_size)
