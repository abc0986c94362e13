"""Convert decoded frames into upright pictures with square pixels, BT.709 limited range."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from video_editing.frames import Box, Picture, Plane
from video_editing.reading.tonemap import ColourMapper, is_mapped

_BLACK = (16, 128, 128)  #: Y', Cb and Cr
_MAX_STRETCH = 1.02  #: by which a frame may be wider or higher than it was, unnoticed


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


_UPRIGHT = Orientation()

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


@dataclass(frozen=True, slots=True)
class FrameGeometry:
    """How stored frames become upright pictures with square pixels.

    Attributes:
        coded_size: width and height of most frames in the file.
        square_size: the same with square pixels.
        crop: the part that is shown, in square pixels, its left and top even; None shows all.
        orientation: the transform from stored to upright frames.
    """

    coded_size: tuple[int, int]
    square_size: tuple[int, int]
    crop: Box | None = None
    orientation: Orientation = _UPRIGHT

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright pictures."""
        size = self.square_size if self.crop is None else (self.crop.width, self.crop.height)
        return size[::-1] if self.orientation.is_transposed else size

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Return the size in square pixels that a frame has which fits without being stretched.

        Args:
            width: of a frame in the file, which may be of another form than the others.
            height: of the same.
        """
        across, down = (
            side * square / coded
            for side, square, coded in zip(
                (width, height), self.square_size, self.coded_size, strict=True
            )
        )
        scales = self.square_size[0] / across, self.square_size[1] / down
        if max(scales) < min(scales) * _MAX_STRETCH:
            return self.square_size
        return max(1, round(across * min(scales))), max(1, round(down * min(scales)))


class FrameNormalizer:
    """Converts the frames of one clip into pictures.

    Args:
        geometry: of the clip.
    """

    def __init__(self, geometry: FrameGeometry) -> None:
        self._geometry = geometry
        self._yuv_reformatter, self._hdr_reformatter, self._rgba_reformatter = (
            VideoReformatter() for _ in range(3)
        )
        self._colour_mappers: dict[tuple[int, int, int, int], ColourMapper] = {}

    def __call__(self, frame: av.VideoFrame) -> Picture:
        """Return the upright picture of *frame*, which may have any size, format and colours.

        Its planes may share the decoder's memory; they are then read-only.
        """
        planes = _view_planes(self._convert(frame))
        geometry = self._geometry
        size = planes[0].shape[1], planes[0].shape[0]
        if size != geometry.square_size:
            planes = [
                _centre(plane, size, value)
                for plane, size, value in zip(
                    planes, _compute_plane_sizes(geometry.square_size), _BLACK, strict=True
                )
            ]
        if geometry.crop is not None:
            planes = _crop_planes(planes, geometry.crop)
        return Picture(*(geometry.orientation.apply(plane) for plane in planes))

    def _convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return *frame* as yuv420p BT.709 limited with square pixels; itself if it is that."""
        size = self._geometry.fit(frame.width, frame.height)
        if _has_alpha(frame):
            flat = _flatten_onto_black(self._reformat(self._rgba_reformatter, frame, size, "rgba"))
            flat.color_trc, flat.color_primaries = frame.color_trc, frame.color_primaries
            frame = flat
        if is_mapped(frame.color_trc, frame.color_primaries):
            frame = self._map_colours(frame, size)
        elif (
            frame.format.name == "yuv420p"
            and _find_matrix(frame) == Colorspace.ITU709
            and not _is_full_range(frame)
            and (frame.width, frame.height) == size
        ):
            return frame
        return self._reformat(self._yuv_reformatter, frame, size, "yuv420p")

    def _map_colours(self, frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
        """Return a frame of HDR or of other primaries as SDR R'G'B' of BT.709, of *size*."""
        key = frame.color_trc, frame.color_primaries, *size
        if key not in self._colour_mappers:
            self._colour_mappers[key] = ColourMapper(frame.color_trc, frame.color_primaries, size)
        rgb = self._reformat(self._hdr_reformatter, frame, size, "gbrp16le")
        return self._colour_mappers[key](rgb)

    def _reformat(
        self,
        reformatter: VideoReformatter,
        frame: av.VideoFrame,
        size: tuple[int, int],
        pixel_format: str,
    ) -> av.VideoFrame:
        return reformatter.reformat(
            frame,
            *size,
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


def _compute_plane_sizes(size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Return width and height of each plane of a picture of *size*."""
    half = (size[0] + 1) // 2, (size[1] + 1) // 2
    return size, half, half


def _centre(plane: Plane, size: tuple[int, int], value: int) -> Plane:
    """Return *plane* in the middle of a larger one of *size*, which is *value* around it."""
    width, height = size
    left, top = (width - plane.shape[1]) // 4 * 2, (height - plane.shape[0]) // 4 * 2
    framed = np.full((height, width), value, np.uint8)
    framed[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
    return framed


def _crop_planes(planes: list[Plane], box: Box) -> list[Plane]:
    """Return the part *box* of a picture, whose left and top are even."""
    corners = (box.left, box.top), *[(box.left // 2, box.top // 2)] * 2
    return [
        plane[top : top + height, left : left + width]
        for plane, (left, top), (width, height) in zip(
            planes, corners, _compute_plane_sizes((box.width, box.height)), strict=True
        )
    ]


def _view_planes(frame: av.VideoFrame) -> list[Plane]:
    """Return read-only views of the planes of a planar 8-bit frame, without padding."""
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        rows.flags.writeable = False
        planes.append(rows[:, : plane.width])
    return planes
