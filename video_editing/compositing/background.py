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

from video_editing.compositing.layout import Size, even
from video_editing.concurrency import ahead
from video_editing.contract.errors import InputRejected, Reason
from video_editing.contract.style import YuvColour, parsed
from video_editing.frames import Picture, Plane
from video_editing.pixels import halved, resized, scaled
from video_editing.reading.decode import image, pictures
from video_editing.reading.probe import Clip, Limits, probe

BLUR = "blur"  #: the name of the blurred clip

_BLUR_SIDE = 96  #: pixels of the shorter side at which the clip is blurred
_BLUR_SIGMA = 5.0  #: in those pixels
_BLUR_LIGHT = 0.75  #: how bright the blurred clip is, so that the person stands out


#: Gives the background of one moment, from its seconds and the clip's own picture; moments rise.
Behind = Callable[[Fraction, Picture], Picture]


class Background(ABC):
    """Something to put the overlay on.

    Attributes:
        size: its own width and height in pixels; None where it takes any.
        clip: the film whose sound is heard under the voice, if it is one.
    """

    size: Size | None = None
    clip: Clip | None = None

    @abstractmethod
    def behind(self, canvas: Size) -> AbstractContextManager[Behind]:
        """Open it, to be asked for pictures of *canvas* size."""


class Flat(Background):
    """One colour."""

    def __init__(self, colour: YuvColour) -> None:
        self._colour = colour

    @contextmanager
    def behind(self, canvas: Size) -> Iterator[Behind]:
        """The same picture again and again."""
        flat = filled(self._colour, canvas)
        yield lambda _seconds, _picture: flat


class Still(Background):
    """A picture, cut to fill the canvas."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.size = picture.size

    @contextmanager
    def behind(self, canvas: Size) -> Iterator[Behind]:
        """The same picture again and again."""
        still = covering(self.picture, canvas)
        yield lambda _seconds, _picture: still


class Film(Background):
    """A video, cut to fill the canvas, and played again from its start when it ends."""

    def __init__(self, clip: Clip) -> None:
        self.clip: Clip = clip
        self.size = clip.size

    @contextmanager
    def behind(self, canvas: Size) -> Iterator[Behind]:
        """For each moment the frame that is on screen then."""
        with closing(ahead(_turns(self.clip, canvas), 4)) as frames:
            shown, following = next(frames), next(frames)

            def at(seconds: Fraction, _picture: Picture) -> Picture:
                nonlocal shown, following
                while following[0] <= seconds:
                    shown, following = following, next(frames)
                return shown[1]

            yield at


def _turns(clip: Clip, canvas: Size) -> Iterator[tuple[Fraction, Picture]]:
    """The frames of *clip* with their seconds from its very first start, without end."""
    try:
        for turn in count():
            for frame in pictures(clip):
                seconds = turn * clip.duration + frame.time * clip.timebase
                yield seconds, covering(frame.what, canvas)
    except InputRejected as err:
        raise InputRejected(Reason.BAD_BACKGROUND, why=err.reason) from err


class Blurred(Background):
    """The clip itself, out of focus and a little darker."""

    @contextmanager
    def behind(self, canvas: Size) -> Iterator[Behind]:
        """Each picture of the clip, blurred."""
        yield lambda _seconds, picture: blurred(picture, canvas)


def blurred(picture: Picture, canvas: Size) -> Picture:
    """*picture* filling *canvas*, out of focus and a little darker."""
    scale = _BLUR_SIDE / min(canvas)
    soft = covering(picture, (even(canvas[0] * scale), even(canvas[1] * scale)))
    luma = scaled(soft.y, _BLUR_LIGHT, 16 * (1 - _BLUR_LIGHT))
    half = halved(canvas)
    return Picture(
        _soft(luma, _BLUR_SIGMA, canvas),
        _soft(soft.u, _BLUR_SIGMA / 2, half),
        _soft(soft.v, _BLUR_SIGMA / 2, half),
    )


def _soft(plane: Plane, sigma: float, size: Size) -> Plane:
    return resized(np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.uint8), size)


def filled(colour: YuvColour, size: Size) -> Picture:
    """A picture of one colour."""
    width, height = size
    half = halved(size)[::-1]
    return Picture(
        np.full((height, width), colour.y, np.uint8),
        np.full(half, colour.u, np.uint8),
        np.full(half, colour.v, np.uint8),
    )


def background(source: str, limits: Limits) -> Background:
    """The background that people mean by *source*: "blur", a file, or a colour.

    Raises:
        InputRejected: BAD_BACKGROUND, the file cannot be used; BAD_OPTION, it is neither a file
            nor a colour.
    """
    if source == BLUR:
        return Blurred()
    if not os.path.isfile(source):  # noqa: PTH113 - Path's raises when the name is too long
        return Flat(_colour(source))
    path = Path(source)
    try:
        return Film(probe(path, limits))
    except InputRejected as err:
        if err.reason is not Reason.NOT_A_VIDEO:
            raise InputRejected(Reason.BAD_BACKGROUND, why=err.reason) from err
    return Still(image(path))


def _colour(source: str) -> YuvColour:
    try:
        return parsed(source)
    except ValueError as err:
        why = "it is neither a file nor a colour nor blur"
        raise InputRejected(Reason.BAD_OPTION, option="background", why=why) from err


def covering(picture: Picture, canvas: Size) -> Picture:
    """*picture* scaled to fill *canvas*, what is too much cut away on both sides."""
    if picture.size == canvas:
        return picture
    width, height = picture.size
    scale = max(canvas[0] / width, canvas[1] / height)
    kept = min(width, round(canvas[0] / scale)), min(height, round(canvas[1] / scale))
    left, top = (width - kept[0]) // 4 * 2, (height - kept[1]) // 4 * 2
    chroma = left // 2, top // 2, halved(kept), halved(canvas)
    return Picture(
        _part(picture.y, left, top, kept, canvas),
        _part(picture.u, *chroma),
        _part(picture.v, *chroma),
    )


def _part(plane: Plane, left: int, top: int, size: Size, scaled_to: Size) -> Plane:
    return resized(plane[top : top + size[1], left : left + size[0]], scaled_to)
