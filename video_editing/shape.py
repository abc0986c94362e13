"""Shapes as alpha, antialiased from signed distances.

Distances after Inigo Quilez, "2D distance functions": negative inside, in pixels.
"""

import numpy as np
from numpy.typing import NDArray

from video_editing.frames import Plane
from video_editing.layout import Layout
from video_editing.style import Shape, Style

ROUNDING = 0.12  #: corner radius of a rounded card, of its shorter side


def distances(layout: Layout, shape: Shape) -> NDArray[np.float32]:
    """Distance of each pixel's centre of the view to the shape's edge, (h, w), negative inside."""
    width, height = layout.view
    x = np.arange(width, dtype=np.float32)[None, :] + 0.5
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5
    if shape is Shape.CIRCLE:
        reach = np.hypot(x - layout.centre[0], y - layout.centre[1])
        return np.asarray(reach - layout.radius, np.float32)
    if shape is Shape.NONE:
        return np.full((height, width), -np.inf, np.float32)
    corner = ROUNDING * min(layout.view) if shape is Shape.ROUNDED else 0.0
    over_x = np.abs(x - width / 2) - width / 2 + corner
    over_y = np.abs(y - height / 2) - height / 2 + corner
    outside = np.hypot(np.maximum(over_x, 0), np.maximum(over_y, 0))
    inside = np.minimum(np.maximum(over_x, over_y), 0)
    return np.asarray(outside + inside - corner, np.float32)


def coverage(distance: NDArray[np.float32]) -> Plane:
    """How much of each pixel lies inside, 0–255."""
    return np.asarray(np.rint(np.clip(0.5 - distance, 0, 1) * 255), np.uint8)


def shape_alpha(layout: Layout, style: Style) -> Plane:
    """Alpha of the shape over the view, (h, w)."""
    return coverage(distances(layout, style.shape))


def ring_alpha(layout: Layout, style: Style) -> Plane | None:
    """Alpha of the ring along the shape's inside, (h, w); None where there is none."""
    if not style.ring or style.shape is Shape.NONE:
        return None
    distance = distances(layout, style.shape)
    width = style.ring * min(layout.view)
    return coverage(distance) - coverage(distance + width)
