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
from video_editing.reading.tonemap import HLG, PQ, ToneMapper


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture is turned to stand upright: first transposed, then flipped.

    Attributes:
        is_transposed: rows become columns.
        is_mirrored: left and right change places, after transposing.
        is_flipped: top and bottom change places, after transposing.
    """

    is_transposed: bool = False
    is_mirrored: bool = False
    is_flipped: bool = False

    @staticmethod
    def from_frame(frame: av.VideoFrame) -> Orientation:
        """What the frame's display matrix asks for, to the nearest quarter turn."""
        try:
            data: Any = frame.side_data.get("DISPLAYMATRIX")
        except ValueError:  # PyAV 18 shows none where there is a kind it does not know, as EXIF
            return _QUARTER_TURNS[round(frame.rotation / 90) % 4]
        if data is None:
            return Orientation()
        # Nine 32-bit numbers, row by row; a point (x, y) goes to (a x + c y, b x + d y)
        # (ISO/IEC 14496-12, 6.2.2).
        a, b, _, c, d = (int(n) for n in np.frombuffer(data, np.int32)[:5])
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return Orientation(is_transposed=False, is_mirrored=a < 0, is_flipped=d < 0)
        return Orientation(is_transposed=True, is_mirrored=c < 0, is_flipped=b < 0)

    def apply(self, plane: Plane) -> Plane:
        """*plane* upright; itself where nothing is to be done."""
        if self.is_transposed:
            plane = np.asarray(cv2.transpose(plane), np.uint8)
        if self.is_mirrored or self.is_flipped:
            axis = -1 if self.is_mirrored and self.is_flipped else int(self.is_mirrored)
            plane = np.asarray(cv2.flip(plane, axis), np.uint8)
        return plane


#: By quarter turns counter-clockwise.
_QUARTER_TURNS = (
    Orientation(),
    Orientation(is_transposed=True, is_flipped=True),
    Orientation(is_mirrored=True, is_flipped=True),
    Orientation(is_transposed=True, is_mirrored=True),
)


def compute_square_pixel_size(
    width: int, height: int, pixel_aspect: Fraction | None
) -> tuple[int, int]:
    """Size with square pixels: one side grows, as in browsers, so no detail is lost."""
    if not pixel_aspect or pixel_aspect <= 0:
        return width, height
    if pixel_aspect > 1:
        return max(1, round(width * pixel_aspect)), height
    return width, max(1, round(height / pixel_aspect))


class FrameNormalizer:
    """Makes the pictures of one clip from its frames.

    Attributes:
        size: width and height of the pictures it makes.
    """

    def __init__(self, size: tuple[int, int], orientation: Orientation) -> None:
        self.size = size
        self._orientation = orientation
        self._stored_size = size[::-1] if orientation.is_transposed else size
        self._yuv_reformatter, self._hdr_reformatter, self._rgba_reformatter = (
            VideoReformatter() for _ in range(3)
        )
        self._tone_mapper: ToneMapper | None = None

    def __call__(self, frame: av.VideoFrame) -> Picture:
        """The upright picture of *frame*, whatever its size and colours.

        Its planes may be the decoder's own memory and are read-only then.
        """
        y, u, v = (self._orientation.apply(plane) for plane in _view_planes(self._convert(frame)))
        return Picture(y, u, v)

    def _convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        """*frame* as yuv420p BT.709 limited of the stored size; itself where it is that."""
        if _has_alpha(frame):
            frame = _flatten_onto_black(self._reformat(self._rgba_reformatter, frame, "rgba"))
        if frame.color_trc in {PQ, HLG}:
            frame = self._tone_map(frame)
        elif (
            frame.format.name == "yuv420p"
            and _find_matrix(frame) == Colorspace.ITU709
            and not _is_full_range(frame)
            and (frame.width, frame.height) == self._stored_size
        ):
            return frame
        return self._reformat(self._yuv_reformatter, frame, "yuv420p")

    def _tone_map(self, frame: av.VideoFrame) -> av.VideoFrame:
        """An HDR frame as SDR R'G'B' of the stored size."""
        if self._tone_mapper is None:
            self._tone_mapper = ToneMapper(frame.color_trc, self._stored_size)
        return self._tone_mapper(self._reformat(self._hdr_reformatter, frame, "gbrp16le"))

    def _reformat(
        self, reformatter: VideoReformatter, frame: av.VideoFrame, pixel_format: str
    ) -> av.VideoFrame:
        return reformatter.reformat(
            frame,
            *self._stored_size,
            pixel_format,
            src_colorspace=_find_matrix(frame),
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG if _is_full_range(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG if pixel_format == "yuv420p" else ColorRange.JPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            threads=1,
        )


def _find_matrix(frame: av.VideoFrame) -> Colorspace:
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


def _flatten_onto_black(frame: av.VideoFrame) -> av.VideoFrame:
    """An RGBA frame as RGB, over black."""
    rgba = frame.to_ndarray()
    solid = cv2.multiply(rgba[..., :3], cv2.merge([rgba[..., 3]] * 3), scale=1 / 255)
    return av.VideoFrame.from_ndarray(np.asarray(solid, np.uint8), "rgb24")


def _view_planes(frame: av.VideoFrame) -> list[Plane]:
    """The planes of a planar 8-bit frame without their padding, in the frame's own memory."""
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        rows.flags.writeable = False
        planes.append(rows[:, : plane.width])
    return planes
