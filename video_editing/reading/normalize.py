"""From a decoder's frame to an upright picture with square pixels in one colour space."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from video_editing.frames import Picture, Plane
from video_editing.reading.tonemap import HLG, PQ, Tonemap


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

    @staticmethod
    def of(frame: av.VideoFrame) -> Orientation:
        """What the frame's display matrix asks for, to the nearest quarter turn."""
        try:
            data: Any = frame.side_data.get("DISPLAYMATRIX")
        except ValueError:  # PyAV 18 shows none where there is a kind it does not know, as EXIF
            return _QUARTERS[round(frame.rotation / 90) % 4]
        if data is None:
            return Orientation()
        # Nine 32-bit numbers, row by row; a point (x, y) goes to (a x + c y, b x + d y)
        # (ISO/IEC 14496-12, 6.2.2).
        a, b, _, c, d = (int(n) for n in np.frombuffer(data, np.int32)[:5])
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return Orientation(transposed=False, mirrored=a < 0, flipped=d < 0)
        return Orientation(transposed=True, mirrored=c < 0, flipped=b < 0)

    def turned(self, plane: Plane) -> Plane:
        """*plane* upright; itself where nothing is to be done."""
        if self.transposed:
            plane = np.asarray(cv2.transpose(plane), np.uint8)
        if self.mirrored or self.flipped:
            axis = -1 if self.mirrored and self.flipped else int(self.mirrored)
            plane = np.asarray(cv2.flip(plane, axis), np.uint8)
        return plane


#: By quarter turns counter-clockwise.
_QUARTERS = (
    Orientation(),
    Orientation(transposed=True, flipped=True),
    Orientation(mirrored=True, flipped=True),
    Orientation(transposed=True, mirrored=True),
)


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
        self._out, self._hdr, self._straight = (VideoReformatter() for _ in range(3))
        self._tonemap: Tonemap | None = None

    def __call__(self, frame: av.VideoFrame) -> Picture:
        """The upright picture of *frame*, whatever its size and colours.

        Its planes may be the decoder's own memory and are read-only then.
        """
        y, u, v = (self._orientation.turned(plane) for plane in _planes(self._converted(frame)))
        return Picture(y, u, v)

    def _converted(self, frame: av.VideoFrame) -> av.VideoFrame:
        """*frame* as yuv420p BT.709 limited of the stored size; itself where it is that."""
        if _has_alpha(frame):
            frame = _on_black(self._reformatted(self._straight, frame, "rgba"))
        if frame.color_trc in {PQ, HLG}:
            frame = self._tonemapped(frame)
        elif (
            frame.format.name == "yuv420p"
            and _matrix(frame) == Colorspace.ITU709
            and not _is_full_range(frame)
            and (frame.width, frame.height) == self._stored
        ):
            return frame
        return self._reformatted(self._out, frame, "yuv420p")

    def _tonemapped(self, frame: av.VideoFrame) -> av.VideoFrame:
        """An HDR frame as SDR R'G'B' of the stored size."""
        if self._tonemap is None:
            self._tonemap = Tonemap(frame.color_trc, self._stored)
        return self._tonemap(self._reformatted(self._hdr, frame, "gbrp16le"))

    def _reformatted(
        self, reformatter: VideoReformatter, frame: av.VideoFrame, pixels: str
    ) -> av.VideoFrame:
        return reformatter.reformat(
            frame,
            *self._stored,
            pixels,
            src_colorspace=_matrix(frame),
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG if _is_full_range(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG if pixels == "yuv420p" else ColorRange.JPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            threads=1,
        )


def _matrix(frame: av.VideoFrame) -> Colorspace:
    """The matrix that makes *frame*'s RGB.

    Untagged frames are taken as mpv does: BT.709 from HD sizes on, BT.601 below, which is what
    cameras and encoders that write no tag mean (mpv, ``mp_csp_guess_colorspace``).
    """
    match frame.colorspace:  # as ITU-T H.273, table 4, numbers them
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
    pixels = frame.format
    return (
        frame.color_range == ColorRange.JPEG
        or pixels.is_rgb
        or pixels.has_palette
        or pixels.name.startswith("yuvj")
    )


def _has_alpha(frame: av.VideoFrame) -> bool:
    return frame.format.has_palette or any(c.is_alpha for c in frame.format.components)


def _on_black(frame: av.VideoFrame) -> av.VideoFrame:
    """An RGBA frame as RGB, over black."""
    rgba = frame.to_ndarray()
    solid = cv2.multiply(rgba[..., :3], cv2.merge([rgba[..., 3]] * 3), scale=1 / 255)
    return av.VideoFrame.from_ndarray(np.asarray(solid, np.uint8), "rgb24")


def _planes(frame: av.VideoFrame) -> list[Plane]:
    """The planes of a planar 8-bit frame without their padding, in the frame's own memory."""
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        rows.flags.writeable = False
        planes.append(rows[:, : plane.width])
    return planes
