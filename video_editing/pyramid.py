"""A picture and its halves, and parts of them: what the engines see at a small size."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.frames import Box, Picture, Plane

#: pixels; the last level's longer side is shorter than this
MAX_LAST_SIDE = 800

Pyramid = tuple[Picture, ...]  #: a picture and its halves, largest first


def build_pyramid(picture: Picture) -> Pyramid:
    """Return *picture* and its halves, down to the size of a matte."""
    levels = [picture]
    while max(levels[-1].size) >= MAX_LAST_SIDE:
        width, height = (max(1, side // 2) for side in levels[-1].size)
        half = (width + 1) // 2, (height + 1) // 2
        levels.append(
            Picture(
                _shrink(levels[-1].y, (width, height)),
                _shrink(levels[-1].u, half),
                _shrink(levels[-1].v, half),
            )
        )
    return tuple(levels)


def crop_to_size(levels: Pyramid, box: Box, size: tuple[int, int]) -> Picture:
    """Return a box of the picture at *size*, from the smallest level that need not be enlarged.

    Args:
        levels: the picture and its halves.
        box: in pixels of the last level.
        size: width and height of the result, of luma and chroma alike.
    """
    width, _ = levels[-1].size
    min_width = max(size[0] / box.width, size[1] / box.height) * width
    level = next((level for level in reversed(levels) if level.size[0] >= min_width), levels[0])
    scale = level.size[0] / width
    luma = Box(*(round(side * scale) for side in box))
    left, top, *sides = (round(side * scale / 2) for side in box)
    chroma = Box(left, top, *(max(1, side) for side in sides))  # a line of luma has chroma too
    return Picture(
        _scale_to_size(crop_plane(level.y, luma), size),
        _scale_to_size(crop_plane(level.u, chroma), size),
        _scale_to_size(crop_plane(level.v, chroma), size),
    )


def crop(picture: Picture, box: Box) -> Picture:
    """Return the part of *picture* in the box, whose left and top are even, as views."""
    half = Box(*(side // 2 for side in box[:2]), *((side + 1) // 2 for side in box[2:]))
    return Picture(
        crop_plane(picture.y, box), crop_plane(picture.u, half), crop_plane(picture.v, half)
    )


def crop_plane(plane: NDArray[Any], box: Box) -> NDArray[Any]:
    """Return the part of *plane* in the box, as a view."""
    return plane[box.top : box.top + box.height, box.left : box.left + box.width]


def _shrink(plane: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)


def _scale_to_size(plane: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.uint8)
