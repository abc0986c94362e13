"""From a decoder's frame to an upright picture with square pixels in one colour space."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from video_editing.frames import Picture, Plane

# ITU-T H.273, table 4: matrix coefficients as files and FFmpeg number them.
_RGB, _BT709, _UNSPECIFIED, _FCC, _SMPTE240M = 0, 1, 2, 4, 7
_BT2020 = (9, 10)

_FULL_RANGE_FORMATS = ("yuvj", "rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8")


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture is turned to stand upright: first transposed, then flipped.

    Attributes:
        transposed: rows become columns.
        mirrored: left and right change places, after transposing.
        flipped: top and bottom change places, after transposing.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Self:
        """What the frame's display matrix asks for, to the nearest quarter turn."""
        data: Any = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        # Nine 32-bit numbers, row by row; a point (x, y) goes to (a x + c y, b x + d y)
        # (ISO/IEC 14496-12, 6.2.2).
        a, b, _, c, d = (int(n) for n in np.frombuffer(data, np.int32)[:5])
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(transposed=False, mirrored=a < 0, flipped=d < 0)
        return cls(transposed=True, mirrored=c < 0, flipped=b < 0)

    def turned(self, plane: Plane) -> Plane:
        """*plane* upright; itself where nothing is to be done."""
        if self.transposed:
            plane = np.asarray(cv2.transpose(plane), np.uint8)
        if self.mirrored or self.flipped:
            axis = -1 if self.mirrored and self.flipped else int(self.mirrored)
            plane = np.asarray(cv2.flip(plane, axis), np.uint8)
        return plane


def square(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Size with square pixels: one side grows, as in browsers, so no detail is lost."""
    if not aspect or aspect <= 0:
        return width, height
    if aspect > 1:
        return max(1, round(width * aspect)), height
    return width, max(1, round(height / aspect))


class Upright:
    """Makes the pictures of one clip from its frames.

    Attributes:
        size: width and height of the pictures it makes.
    """

    def __init__(self, size: tuple[int, int], orientation: Orientation) -> None:
        self.size = size
        self._orientation = orientation
        self._stored = size[::-1] if orientation.transposed else size
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> Picture:
        """The upright picture of *frame*, whatever its size and colours.

        Its planes may be the decoder's own memory and are read-only then.
        """
        y, u, v = (self._orientation.turned(plane) for plane in _planes(self._converted(frame)))
        return Picture(y, u, v)

    def _converted(self, frame: av.VideoFrame) -> av.VideoFrame:
        """*frame* as yuv420p BT.709 limited of the stored size; itself where it is that."""
        matrix, full = _matrix(frame), _is_full_range(frame)
        if (
            frame.format.name == "yuv420p"
            and matrix == Colorspace.ITU709
            and not full
            and (frame.width, frame.height) == self._stored
        ):
            return frame
        return self._reformatter.reformat(
            frame,
            *self._stored,
            "yuv420p",
            src_colorspace=matrix,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            threads=1,
        )


def _matrix(frame: av.VideoFrame) -> Colorspace:
    """The matrix that makes *frame*'s RGB.

    Untagged frames are taken as mpv does: BT.709 from HD sizes on, BT.601 below, which is what
    cameras and encoders that write no tag mean (mpv, ``mp_csp_guess_colorspace``).
    """
    match frame.colorspace:
        case 1:
            return Colorspace.ITU709
        case 4:
            return Colorspace.FCC
        case 5 | 6:
            return Colorspace.ITU601
        case 7:
            return Colorspace.SMPTE240M
        case 9 | 10:
            return Colorspace.BT2020
    is_hd = max(frame.width, frame.height) >= 1280 or min(frame.width, frame.height) > 576
    return Colorspace.ITU709 if is_hd else Colorspace.ITU601


def _is_full_range(frame: av.VideoFrame) -> bool:
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith(_FULL_RANGE_FORMATS)


def _planes(frame: av.VideoFrame) -> list[Plane]:
    """The planes of a planar 8-bit frame without their padding, in the frame's own memory."""
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(
            plane.height, abs(plane.line_size)
        )
        if plane.line_size < 0:  # stored bottom up
            rows = rows[::-1]
        rows.flags.writeable = False
        planes.append(rows[:, : plane.width])
    return planes
