"""Operations on single planes (luma, chroma or alpha), and conversion to RGB."""

from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from video_editing.contract.style import KB, KG, KR
from video_editing.frames import FloatPlane, Matte, Picture, Plane

_TILE_SIDE = 16  #: pixels; a power of two
_MAX_ROWS = 2**15 - 2  #: of the result of OpenCV's remap

AffineMap = NDArray[np.float64]  #: (2, 3), from pixel centres of a plane to those of another

Number = TypeVar("Number", np.uint8, np.float32)


def resize(plane: Plane, size: tuple[int, int]) -> Plane:
    """Return *plane* resized to *size* (width, height).

    It is halved by area averaging while the result stays at least as large as *size*, then
    interpolated bilinearly: as free of aliasing as averaging over the area of each target pixel,
    and eight times as fast.
    """
    height, width = plane.shape
    while min(width // size[0], height // size[1]) >= 2:
        width, height = width // 2, height // 2
        plane = np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA))
    if (width, height) == size:
        return plane
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def compute_chroma_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size (width, height) of the 4:2:0 chroma planes of a luma plane of *size*."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def resize_picture(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return *picture* resized to *size* (width, height), as `resize` does it."""
    half = compute_chroma_size(size)
    return Picture(resize(picture.y, size), resize(picture.u, half), resize(picture.v, half))


def scale_values(plane: Plane, factor: float, offset: float = 0) -> Plane:
    """Return *plane* × *factor* + *offset*, rounded and clipped to 0–255."""
    return np.asarray(cv2.convertScaleAbs(plane, alpha=factor, beta=offset), np.uint8)


class Tiles(NamedTuple):
    """Parts of a plane that are worked on as one array; the last ones of a row may overlap.

    Attributes:
        rows, columns: of the first pixel of each.
        size: height and width.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    size: tuple[int, int]

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return len(self.rows) > 0

    def take(self, plane: NDArray[Number]) -> NDArray[Number]:
        """Return a copy of these parts of *plane*, one in each row."""
        parts = self._view_all(plane)[self.rows, self.columns]
        return parts.reshape(len(parts), self.size[0] * self.size[1])

    def sample(
        self, planes: Sequence[FloatPlane], transform: AffineMap
    ) -> list[NDArray[np.float32]]:
        """Return these parts, one in each row, of each of *planes*, interpolated linearly.

        Args:
            planes: of one size, another than that of the parts' plane.
            transform: from pixels of the parts' plane to those of *planes*.
        """
        (across, _, x), (_, down, y) = transform.astype(np.float32)
        height, width = self.size
        columns = (self.columns[:, None] + np.arange(width, dtype=np.float32)) * across + x
        rows = (self.rows[:, None] + np.arange(height, dtype=np.float32)) * down + y
        shape = len(self.rows), height, width
        maps = [
            np.broadcast_to(each, shape).reshape(shape[0], -1).astype(np.float32)
            for each in (columns[:, None], rows[:, :, None])
        ]
        return [_remap(plane, *maps) for plane in planes]

    def put(self, parts: NDArray[Number], plane: Plane) -> None:
        """Replace these parts of *plane* by those that :meth:`take` would return."""
        self._view_all(plane)[self.rows, self.columns] = parts.reshape(-1, *self.size)

    def _view_all(self, plane: NDArray[Number]) -> NDArray[Number]:
        """Return a view of all parts of *plane* that have the size, by their first pixel."""
        (height, width), (h, w) = plane.shape, self.size
        return as_strided(plane, (height - h + 1, width - w + 1, h, w), plane.strides * 2)


def _remap(
    plane: FloatPlane, columns: NDArray[np.float32], rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return *plane* at points, interpolated linearly and continued beyond its edges."""
    parts = [
        cv2.remap(
            plane,
            columns[start : start + _MAX_ROWS],
            rows[start : start + _MAX_ROWS],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for start in range(0, len(rows), _MAX_ROWS)
    ]
    return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts), np.float32)


def find_edge_tiles(alpha: Matte) -> Tiles:
    """Return tiles that hold all pixels of *alpha* other than 0 and 255."""
    height, width = alpha.shape
    across, down = -(-width // _TILE_SIDE), -(-height // _TILE_SIDE)
    edge = np.zeros((down * _TILE_SIDE, across * _TILE_SIDE), np.uint8)
    cv2.inRange(alpha, (1,), (254,), dst=edge[:height, :width])
    while edge.shape[0] > down:  # the mean of four is not 0 if one is: 255 becomes 64, 16, 4, 1
        half = edge.shape[1] // 2, edge.shape[0] // 2
        edge = np.asarray(cv2.resize(edge, half, interpolation=cv2.INTER_AREA), np.uint8)
    return _place_tiles(edge, alpha.shape)


def _place_tiles(is_chosen: NDArray[Any], shape: tuple[int, ...]) -> Tiles:
    """Return the tiles of a plane of *shape* that are not 0 in *is_chosen*, one for each."""
    height, width = shape
    size = min(_TILE_SIDE, height), min(_TILE_SIDE, width)
    rows, columns = np.nonzero(is_chosen)
    return Tiles(
        np.minimum(rows * _TILE_SIDE, height - size[0]),
        np.minimum(columns * _TILE_SIDE, width - size[1]),
        size,
    )


def enlarge_certain(
    matte: Matte, reach: int, transform: AffineMap, view: Plane
) -> tuple[Matte, Tiles]:
    """Return the alpha of a view where *matte* is 0 or 255 all around, and the other tiles.

    Args:
        matte: small.
        reach: pixels of *matte* on each side of a point that decide its alpha.
        transform: from pixels of the view to those of *matte*.
        view: a plane of the view's size.

    Returns:
        Alpha of the view's size, undefined in the tiles; and these.
    """
    height, width = view.shape
    grid = -(-width // _TILE_SIDE), -(-height // _TILE_SIDE)
    (across, _, x), (_, down, y) = transform.tolist()
    middle = (_TILE_SIDE - 1) / 2
    to_centres = np.array(
        [[across * _TILE_SIDE, 0, x + across * middle], [0, down * _TILE_SIDE, y + down * middle]]
    )
    sides = tuple(2 * (reach + ceil(scale * _TILE_SIDE / 2)) + 1 for scale in (across, down))
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    least, most = (
        cv2.warpAffine(
            spread(matte, np.ones(sides[::-1], np.uint8)),
            to_centres,
            grid,
            flags=flags,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for spread in (cv2.erode, cv2.dilate)
    )
    tiles = _place_tiles((most > 0) & (least < 255), view.shape)
    certain = np.repeat(np.repeat(least, _TILE_SIDE, axis=1), _TILE_SIDE, axis=0)
    return np.asarray(certain[:height, :width], np.uint8), tiles


#: R'G'B' 0–1 from Y' 0–1 and Cb, Cr −0.5–0.5 (ITU-T H.273, 8.3)
_RGB_FROM_YUV: NDArray[np.float32] = np.array(
    [
        [1, 0, 2 * (1 - KR)],
        [1, -2 * KB * (1 - KB) / KG, -2 * KR * (1 - KR) / KG],
        [1, 2 * (1 - KB), 0],
    ],
    np.float32,
)
#: the same from limited range, 16–235 and 16–240, as one affine map for cv2.transform
_LIMITED_RANGE_MATRIX = np.asarray(_RGB_FROM_YUV / np.array([219, 224, 224]), np.float32)
_LIMITED_RANGE_TRANSFORM: NDArray[np.float32] = np.hstack(
    [_LIMITED_RANGE_MATRIX, -_LIMITED_RANGE_MATRIX @ np.array([[16], [128], [128]], np.float32)]
)


def convert_to_rgb(picture: Picture, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return *picture* resized to *size* (width, height) as R'G'B', (height, width, 3), 0–1."""
    planes = [resize(plane, size) for plane in (picture.y, picture.u, picture.v)]
    mixed = cv2.transform(cv2.merge(planes).astype(np.float32), _LIMITED_RANGE_TRANSFORM)
    return np.clip(np.asarray(mixed, np.float32), 0, 1)
