"""Operations on single planes (luma, chroma or alpha), and conversion to RGB."""

from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from video_editing.contract.style import KB, KG, KR
from video_editing.frames import Matte, Picture, Plane

_TILE_SIDE = 16  #: pixels; a power of two

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

    def put(self, parts: NDArray[Number], plane: Plane) -> None:
        """Replace these parts of *plane* by those that :meth:`take` would return."""
        self._view_all(plane)[self.rows, self.columns] = parts.reshape(-1, *self.size)

    def _view_all(self, plane: NDArray[Number]) -> NDArray[Number]:
        """Return a view of all parts of *plane* that have the size, by their first pixel."""
        (height, width), (h, w) = plane.shape, self.size
        return as_strided(plane, (height - h + 1, width - w + 1, h, w), plane.strides * 2)


def find_edge_tiles(alpha: Matte) -> Tiles:
    """Return tiles that hold all pixels of *alpha* other than 0 and 255."""
    height, width = alpha.shape
    across, down = -(-width // _TILE_SIDE), -(-height // _TILE_SIDE)
    edge = np.zeros((down * _TILE_SIDE, across * _TILE_SIDE), np.uint8)
    cv2.inRange(alpha, (1,), (254,), dst=edge[:height, :width])
    while edge.shape[0] > down:  # the mean of four is not 0 if one is: 255 becomes 64, 16, 4, 1
        half = edge.shape[1] // 2, edge.shape[0] // 2
        edge = np.asarray(cv2.resize(edge, half, interpolation=cv2.INTER_AREA), np.uint8)
    size = min(_TILE_SIDE, height), min(_TILE_SIDE, width)
    rows, columns = np.nonzero(edge)
    return Tiles(
        np.minimum(rows * _TILE_SIDE, height - size[0]),
        np.minimum(columns * _TILE_SIDE, width - size[1]),
        size,
    )


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
