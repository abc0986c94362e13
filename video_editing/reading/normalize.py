"""Convert decoded frames into upright pictures with square pixels, BT.709 limited range."""

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
    """The transform from a stored frame to an upright one: first transposed, then flipped.

    Attributes:
        is_transposed: rows and columns are exchanged.
        is_mirrored: left and right are exchanged after transposing.
        is_flipped: top and bottom are exchanged after transposing.
    """

    is_transposed: bool = False
    is_mirrored: bool = False
    is_flipped: bool = False

    @staticmethod
    def from_frame(frame: av.VideoFrame) -> Orientation:
        """Return the orientation in the frame's display matrix, rounded to a quarter turn."""
        try:
            data: Any = frame.side_data.get("DISPLAYMATRIX")
        except ValueError:  # PyAV 18 does not know every kind of side data, EXIF for one
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
        """Return *plane* upright; the same array if it already is."""
        if self.is_transposed:
            plane = np.asarray(cv2.transpose(plane), np.uint8)
        if self.is_mirrored or self.is_flipped:
            axis = -1 if self.is_mirrored and self.is_flipped else int(self.is_mirrored)
            plane = np.asarray(cv2.flip(plane, axis), np.uint8)
        return plane


#: Index: quarter turns counter-clockwise.
_QUARTER_TURNS = (
    Orientation(),
    Orientation(is_transposed=True, is_flipped=True),
    Orientation(is_mirrored=True, is_flipped=True),
    Orientation(is_transposed=True, is_mirrored=True),
)


def compute_square_pixel_size(
    width: int, height: int, pixel_aspect: Fraction | None
) -> tuple[int, int]:
    """Return the size with square pixels: as in browsers one side grows, so no detail is lost."""
    if not pixel_aspect or pixel_aspect <= 0:
        return width, height
    if pixel_aspect > 1:
        return max(1, round(width * pixel_aspect)), height
    return width, max(1, round(height / pixel_aspect))


class FrameNormalizer:
    """Converts the frames of one clip into pictures.

    Attributes:
        size: width and height of each picture, upright and with square pixels.
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
        """Return the upright picture of *frame*, which may have any size, format and colours.

        Its planes may share the decoder's memory; they are then read-only.
        """
        y, u, v = (self._orientation.apply(plane) for plane in _view_planes(self._convert(frame)))
        return Picture(y, u, v)

    def _convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return *frame* as yuv420p BT.709 limited of the stored size; itself if it is that."""
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
        """Return an HDR frame as SDR R'G'B' of the stored size."""
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
    """Return the matrix coefficients of *frame*.

    Untagged frames are BT.709 from HD sizes on and BT.601 below, which is what cameras and
    encoders without tags use (mpv, ``mp_csp_guess_colorspace``).
    """
    match frame.colorspace:  # ITU-T H.273, table 4
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
    """Return an RGBA frame composed over black, as RGB."""
    rgba = frame.to_ndarray()
    rgb = cv2.multiply(rgba[..., :3], cv2.merge([rgba[..., 3]] * 3), scale=1 / 255)
    return av.VideoFrame.from_ndarray(np.asarray(rgb, np.uint8), "rgb24")


def _view_planes(frame: av.VideoFrame) -> list[Plane]:
    """Return read-only views of the planes of a planar 8-bit frame, without padding."""
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        rows.flags.writeable = False
        planes.append(rows[:, : plane.width])
    return planes
