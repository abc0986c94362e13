"""Geometry of the overlay: the part of the clip that is shown, its size and its position.

Positions and sizes are even, so that the chroma planes of 4:2:0 pictures split where luma does.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from video_editing.contract.formats import ASPECTS
from video_editing.contract.style import Shape, Style
from video_editing.frames import Box

EDGE_MARGIN = 0.03  #: between a shape and the edge of the result, of its shorter side
MAX_SIDE = 1920  #: longest side of a result without a requested size
SHADOW_REACH = 0.12  #: margin for the shadow, of the overlay's shorter side

Size = tuple[int, int]  #: width and height in pixels


@dataclass(frozen=True, slots=True)
class Layout:
    """The overlay's geometry.

    Attributes:
        box: the part of the clip's frame that is shown, in the clip's pixels.
        view: width and height of that part on the result.
        centre: of the circle, in pixels of the view.
        radius: of the circle, in pixels of the view.
        margin: pixels by which the overlay exceeds the view on each side, for its shadow.
    """

    box: Box
    view: Size
    centre: tuple[float, float]
    radius: float
    margin: int

    @property
    def size(self) -> Size:
        """Width and height of the overlay with its margin."""
        return self.view[0] + 2 * self.margin, self.view[1] + 2 * self.margin

    def locate_centre(self, clip_size: Size) -> tuple[float, float]:
        """Return the centre of the shape, as fractions of a frame of *clip_size*."""
        x, y = (
            (start + centre * length / shown) / extent
            for start, centre, length, shown, extent in zip(
                (self.box.left, self.box.top),
                self.centre,
                (self.box.width, self.box.height),
                self.view,
                clip_size,
                strict=True,
            )
        )
        return x, y


def round_to_even(length: float | Fraction) -> int:
    """Return the even number nearest to *length*, at least 2."""
    return max(2, 2 * round(length / 2))


def compute_canvas_size(aspect: str | None, lines: int, source_size: Size) -> Size:
    """Return the size of the result: *aspect* with *lines* on its shorter side.

    Without an aspect it is *source_size*, its longer side at most MAX_SIDE.
    """
    if aspect is None:
        return fit_within_side(source_size, MAX_SIDE)
    ratio = ASPECTS[aspect]
    if ratio >= 1:
        return round_to_even(lines * ratio), lines
    return lines, round_to_even(lines / ratio)


def fit_within_side(size: Size, side: int) -> Size:
    """Return *size*, scaled down if its longer side exceeds *side*; both sides even."""
    scale = min(1, side / max(size))
    return round_to_even(size[0] * scale), round_to_even(size[1] * scale)


def compute_layout(
    clip_size: Size, style: Style, relative_centre: tuple[float, float], canvas: Size | None = None
) -> Layout:
    """Compute the geometry of an overlay.

    Args:
        clip_size: width and height of the clip's frame.
        style: its looks.
        relative_centre: of the shape, as fractions of the frame; it is moved so that the shape
            stays inside the frame unless the style gives it.
        canvas: size of the result that the overlay's size is a fraction of; None leaves the
            overlay at the clip's own scale.
    """
    half = _compute_half_size(clip_size, style)
    centre = relative_centre[0] * clip_size[0], relative_centre[1] * clip_size[1]
    if style.centre is None:
        centre = (
            _clamp_centre(centre[0], half[0], clip_size[0]),
            _clamp_centre(centre[1], half[1], clip_size[1]),
        )
    box = _compute_even_box(centre, half, clip_size)
    scale = _compute_scale(box, style, canvas) if canvas else 1.0
    view = (
        (round_to_even(box.width * scale), round_to_even(box.height * scale))
        if canvas
        else (box.width, box.height)
    )
    return Layout(
        box=box,
        view=view,
        centre=(
            (centre[0] - box.left) * view[0] / box.width,
            (centre[1] - box.top) * view[1] / box.height,
        ),
        radius=half[0] * view[0] / box.width,
        margin=round_to_even(SHADOW_REACH * min(view)) if style.shadow else 0,
    )


def _compute_half_size(clip_size: Size, style: Style) -> tuple[float, float]:
    """Return half of the shape's width and height, in the clip's pixels."""
    match style.shape:
        case Shape.CIRCLE:
            return (style.radius * min(clip_size),) * 2
        case Shape.RECT | Shape.ROUNDED:
            return style.crop[0] * clip_size[0] / 2, style.crop[1] * clip_size[1] / 2
        case Shape.NONE:
            return clip_size[0] / 2, clip_size[1] / 2


def _clamp_centre(centre: float, half: float, length: int) -> float:
    """Return *centre* moved so that the shape stays in the frame; the middle if it is too large."""
    return min(max(centre, half), length - half) if 2 * half <= length else length / 2


def _compute_even_box(
    centre: tuple[float, float], half: tuple[float, float], clip_size: Size
) -> Box:
    """Return the shape's box inside the frame, between even pixels or the frame's edge."""
    spans = []
    for middle, reach, length in zip(centre, half, clip_size, strict=True):
        start = min(max(0, floor((middle - reach) / 2) * 2), (length - 1) // 2 * 2)
        end = min(length, max(ceil((middle + reach) / 2) * 2, start + 2))
        spans.append((start, end - start))
    (left, width), (top, height) = spans
    return Box(left, top, width, height)


def _compute_scale(box: Box, style: Style, canvas: Size) -> float:
    """Return the factor from the clip's pixels to the result's."""
    size = style.size or (1.0 if style.shape is Shape.NONE else 0.5)
    return size * min(canvas[0] / box.width, canvas[1] / box.height)


def compute_top_left(layout: Layout, style: Style, canvas: Size) -> tuple[int, int]:
    """Return left and top of the overlay with its margin on the canvas; may lie outside it."""
    edge = 0.0 if style.shape is Shape.NONE else EDGE_MARGIN * min(canvas)
    name = style.position.value
    shares = (
        0.0 if "left" in name else 1.0 if "right" in name else 0.5,
        0.0 if "top" in name else 1.0 if "bottom" in name else 0.5,
    )
    corner = []
    for share, offset, length, extent in zip(
        shares, style.offset, canvas, layout.view, strict=True
    ):
        inset = edge * (1 - 2 * share)
        corner.append(2 * round(((length - extent) * share + inset + offset * length) / 2))
    return corner[0] - layout.margin, corner[1] - layout.margin
