"""Shapes as alpha, antialiased from signed distances.

Distances after Inigo Quilez, "2D distance functions": negative inside, in pixels.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.compositing.layout import Layout
from video_editing.contract.style import Shape, Style
from video_editing.frames import Box, CutOut, Picture, Plane
from video_editing.pixels import halved, resized

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


Weight = NDArray[np.float32]  #: (h, w), 0–1

#: Keeps a colour where nothing weighs anything; far below half a grey level.
LITTLE = np.float32(1e-4)


def over(top: CutOut, bottom: CutOut) -> CutOut:
    """*top* on *bottom*, both with straight alpha (Porter and Duff 1984, "over")."""
    upper, rest = _weight(top.alpha), _weight(bottom.alpha)
    rest *= 1 - upper
    alpha = np.rint((upper + rest) * 255).astype(np.uint8)
    upper_half, rest_half = _half(upper), _half(rest)
    return CutOut(
        Picture(
            _mean(top.picture.y, bottom.picture.y, upper, rest),
            _mean(top.picture.u, bottom.picture.u, upper_half, rest_half),
            _mean(top.picture.v, bottom.picture.v, upper_half, rest_half),
        ),
        alpha,
    )


def pasted(overlay: CutOut, left: int, top: int, background: Picture) -> Picture:
    """A new picture: *overlay* on *background*, its corner at (left, top), both even.

    What reaches beyond the background is cut off.
    """
    width, height = background.size
    result = Picture(background.y.copy(), background.u.copy(), background.v.copy())
    box = _occupied(overlay.alpha)
    x0, y0 = max(0, left + box.left), max(0, top + box.top)
    x1 = min(width, left + box.left + box.width)
    y1 = min(height, top + box.top + box.height)
    if x0 >= x1 or y0 >= y1:
        return result
    alpha = overlay.alpha[y0 - top : y1 - top, x0 - left : x1 - left]
    half = resized(alpha, halved((x1 - x0, y1 - y0)))
    for target, source, mask, step in (
        (result.y, overlay.picture.y, alpha, 1),
        (result.u, overlay.picture.u, half, 2),
        (result.v, overlay.picture.v, half, 2),
    ):
        height, width = mask.shape
        region = target[y0 // step :, x0 // step :][:height, :width]
        part = source[(y0 - top) // step :, (x0 - left) // step :][:height, :width]
        upper = _weight(mask)
        cv2.blendLinear(part, region, upper, 1 - upper, dst=region)
    return result


def _occupied(alpha: Plane) -> Box:
    """The part of an overlay where anything is to be seen, its corner even."""
    left, top, width, height = cv2.boundingRect(alpha)
    odd_left, odd_top = left % 2, top % 2
    return Box(left - odd_left, top - odd_top, width + odd_left, height + odd_top)


def _weight(alpha: Plane) -> Weight:
    return np.multiply(alpha, np.float32(1 / 255), dtype=np.float32)


def _half(weight: Weight) -> Weight:
    height, width = weight.shape
    half = cv2.resize(weight, halved((width, height)), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.float32)


def _mean(top: Plane, bottom: Plane, upper: Weight, rest: Weight) -> Plane:
    """The mean of both by their weights; the bottom's colour where both are 0."""
    return np.asarray(cv2.blendLinear(top, bottom, upper, rest + LITTLE), np.uint8)
