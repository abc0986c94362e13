"""Shapes as antialiased alpha, and the blending of layers.

Signed distances after Inigo Quilez, "2D distance functions": in pixels, negative inside.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.compositing.layout import Layout
from video_editing.contract.style import Shape, Style
from video_editing.frames import Box, Layer, Picture, Plane
from video_editing.pixels import Tiles, compute_chroma_size, find_edge_tiles, resize

CORNER_RADIUS = 0.12  #: of a rounded card, of its shorter side


def compute_distances(layout: Layout, shape: Shape) -> NDArray[np.float32]:
    """Return the signed distance of each pixel's centre to the shape's edge, (h, w)."""
    width, height = layout.view
    x = np.arange(width, dtype=np.float32)[None, :] + 0.5
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5
    if shape is Shape.CIRCLE:
        reach = np.hypot(x - layout.centre[0], y - layout.centre[1])
        return np.asarray(reach - layout.radius, np.float32)
    if shape is Shape.NONE:
        return np.full((height, width), -np.inf, np.float32)
    corner = CORNER_RADIUS * min(layout.view) if shape is Shape.ROUNDED else 0.0
    over_x = np.abs(x - width / 2) - width / 2 + corner
    over_y = np.abs(y - height / 2) - height / 2 + corner
    outside = np.hypot(np.maximum(over_x, 0), np.maximum(over_y, 0))
    inside = np.minimum(np.maximum(over_x, over_y), 0)
    return np.asarray(outside + inside - corner, np.float32)


def compute_coverage(distance: NDArray[np.float32]) -> Plane:
    """Return how much of each pixel lies inside, 0–255."""
    return np.asarray(np.rint(np.clip(0.5 - distance, 0, 1) * 255), np.uint8)


def compute_shape_alpha(layout: Layout, style: Style) -> Plane:
    """Return the alpha of the shape over the view, (h, w)."""
    return compute_coverage(compute_distances(layout, style.shape))


def compute_ring_alpha(layout: Layout, style: Style) -> Plane | None:
    """Return the alpha of the ring along the shape's inside, (h, w); None without a ring."""
    if not style.ring or style.shape is Shape.NONE:
        return None
    distance = compute_distances(layout, style.shape)
    width = style.ring * min(layout.view)
    return compute_coverage(distance) - compute_coverage(distance + width)


Weight = NDArray[np.float32]  #: (h, w), 0–1

#: Defines the colour where both weights are 0; far below half a grey level.
MIN_WEIGHT = np.float32(1e-4)


def composite_over(top: Layer, bottom: Layer) -> Layer:
    """Return *top* over *bottom*, both with straight alpha (Porter and Duff 1984, "over")."""
    upper, rest = _compute_weight(top.alpha), _compute_weight(bottom.alpha)
    rest *= 1 - upper
    alpha = np.rint((upper + rest) * 255).astype(np.uint8)
    upper_half, rest_half = _halve(upper), _halve(rest)
    return Layer(
        Picture(
            _blend_planes(top.picture.y, bottom.picture.y, upper, rest),
            _blend_planes(top.picture.u, bottom.picture.u, upper_half, rest_half),
            _blend_planes(top.picture.v, bottom.picture.v, upper_half, rest_half),
        ),
        alpha,
    )


def paste(overlay: Layer, left: int, top: int, background: Picture) -> Picture:
    """Return *overlay* on *background* as a new picture, its corner at (left, top), both even.

    Parts beyond the background are cut off.
    """
    width, height = background.size
    result = Picture(background.y.copy(), background.u.copy(), background.v.copy())
    box = _find_visible_box(overlay.alpha)
    x0, y0 = max(0, left + box.left), max(0, top + box.top)
    x1 = min(width, left + box.left + box.width)
    y1 = min(height, top + box.top + box.height)
    if x0 >= x1 or y0 >= y1:
        return result
    alpha = overlay.alpha[y0 - top : y1 - top, x0 - left : x1 - left]
    half = resize(alpha, compute_chroma_size((x1 - x0, y1 - y0)))
    edges, half_edges = find_edge_tiles(alpha), find_edge_tiles(half)
    for target, source, mask, tiles, step in (
        (result.y, overlay.picture.y, alpha, edges, 1),
        (result.u, overlay.picture.u, half, half_edges, 2),
        (result.v, overlay.picture.v, half, half_edges, 2),
    ):
        height, width = mask.shape
        region = target[y0 // step :, x0 // step :][:height, :width]
        part = source[(y0 - top) // step :, (x0 - left) // step :][:height, :width]
        _blend_into(region, part, mask, tiles)
    return result


def _blend_into(below: Plane, above: Plane, alpha: Plane, edges: Tiles) -> None:
    """Put *above* on *below*, which is changed; only in *edges* are they mixed."""
    behind = edges.take(below)
    cv2.copyTo(above, alpha, below)
    if edges:
        upper = _compute_weight(edges.take(alpha))
        mixed = cv2.blendLinear(edges.take(above), behind, upper, 1 - upper)
        edges.put(np.asarray(mixed, np.uint8), below)


def _find_visible_box(alpha: Plane) -> Box:
    """Return the box of all pixels that are not transparent, its corner even."""
    left, top, width, height = cv2.boundingRect(alpha)
    odd_left, odd_top = left % 2, top % 2
    return Box(left - odd_left, top - odd_top, width + odd_left, height + odd_top)


def _compute_weight(alpha: Plane) -> Weight:
    return np.multiply(alpha, np.float32(1 / 255), dtype=np.float32)


def _halve(weight: Weight) -> Weight:
    height, width = weight.shape
    half = cv2.resize(weight, compute_chroma_size((width, height)), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.float32)


def _blend_planes(top: Plane, bottom: Plane, upper: Weight, rest: Weight) -> Plane:
    """Return the weighted mean of both; the bottom's colour where both weights are 0."""
    return np.asarray(cv2.blendLinear(top, bottom, upper, rest + MIN_WEIGHT), np.uint8)
