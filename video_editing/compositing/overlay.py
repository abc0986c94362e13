"""The overlay: the person cut out and shaped, with ring and shadow; transparent around."""

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np

from video_editing.compositing.background import make_solid_picture
from video_editing.compositing.blend import composite_over, compute_ring_alpha, compute_shape_alpha
from video_editing.compositing.despill import despill
from video_editing.compositing.layout import Layout, Size
from video_editing.contract.engines import ENGINES
from video_editing.contract.style import Shape, Style, YuvColour, parse_colour
from video_editing.frames import Box, Layer, Luma, Matte, Picture, Plane
from video_editing.matting.alpha_refinement import (
    apply_threshold,
    enlarge_alpha,
    feather,
    refine_alpha,
)
from video_editing.pixels import compute_chroma_size, resize, resize_picture, scale_values

#: Computes the person's alpha, of the view's size: from the matte, the clip's picture, the box that
#: is shown and the luma of the view.
AlphaFunction = Callable[[Matte, Picture, Box, Luma], Matte]

BLACK = YuvColour(16, 128, 128)


class OverlayRenderer:
    """Renders the overlays of one clip; what is constant for the clip is computed once.

    Args:
        layout: what of the clip is shown, and how large.
        style: its looks.
        compute_alpha: turns mattes into alpha.
        seconds: length of the clip, at whose end the overlay fades out.
    """

    def __init__(
        self, layout: Layout, style: Style, compute_alpha: AlphaFunction, seconds: Fraction
    ) -> None:
        self._layout = layout
        self._style = style
        self._compute_alpha = compute_alpha
        self._seconds = seconds
        self._shape = compute_shape_alpha(layout, style)
        ring = compute_ring_alpha(layout, style)
        self._ring = (
            None
            if ring is None
            else Layer(make_solid_picture(parse_colour(style.ring_colour), layout.view), ring)
        )
        self._black = make_solid_picture(BLACK, layout.size)

    def render(self, picture: Picture, matte: Matte | None, seconds: Fraction) -> Layer:
        """Render the overlay of one frame.

        Args:
            picture: the frame, uncropped.
            matte: of all of the picture, at any size; None keeps the clip's own background.
            seconds: presentation time from the clip's origin.
        """
        overlay = self._render_person(picture, matte)
        if self._ring is not None:
            overlay = composite_over(self._ring, overlay)
        if self._layout.margin:
            overlay = self._add_shadow(overlay)
        opacity = self._compute_opacity(seconds)
        if opacity < 1:
            overlay = Layer(overlay.picture, scale_values(overlay.alpha, opacity))
        return overlay

    def compute_person_alpha(self, matte: Matte, picture: Picture, view: Luma) -> Matte:
        """Compute the person's alpha in the view, with the style's threshold and feather.

        Args:
            matte: of all of the picture.
            picture: the frame, uncropped.
            view: luma of the part that is shown, of the view's size.
        """
        alpha = self._compute_alpha(matte, picture, self._layout.box, view)
        scale = self._layout.view[0] / self._layout.box.width
        return feather(apply_threshold(alpha, self._style.threshold), self._style.feather * scale)

    def _render_person(self, picture: Picture, matte: Matte | None) -> Layer:
        view = crop_to_view(picture, self._layout.box, self._layout.view)
        if matte is None:
            return Layer(view, self._shape)
        alpha = self.compute_person_alpha(matte, picture, view.y)
        person = despill(view, alpha)
        if self._style.shape is not Shape.NONE:
            alpha = _multiply_alpha(alpha, self._shape)
        return Layer(person, alpha)

    def _add_shadow(self, overlay: Layer) -> Layer:
        """Return *overlay* with its margin, over a soft black copy of its outline."""
        margin = self._layout.margin
        above = place_in_frame(overlay, margin, margin, self._layout.size)
        shadow = scale_values(_make_shadow_alpha(above.alpha, margin), self._style.shadow)
        return composite_over(above, Layer(self._black, shadow))

    def _compute_opacity(self, seconds: Fraction) -> float:
        """Return the overlay's opacity, 0–1, at a time while it fades in or out."""
        if not self._style.fade:
            return 1
        nearest = float(min(seconds, self._seconds - seconds))
        return min(1.0, max(0.0, nearest / self._style.fade))


def crop_to_view(picture: Picture, box: Box, view: Size) -> Picture:
    """Return the part *box* of *picture*, scaled to the size *view*."""
    part = Picture(
        *(
            plane[
                box.top // step : (box.top + box.height + step - 1) // step,
                box.left // step : (box.left + box.width + step - 1) // step,
            ]
            for plane, step in ((picture.y, 1), (picture.u, 2), (picture.v, 2))
        )
    )
    return resize_picture(part, view)


def refine_small_matte(matte: Matte, picture: Picture, box: Box, view: Luma) -> Matte:
    """Compute alpha from a small matte, its edges refined along those of the picture."""
    return refine_alpha(matte, picture.y, box, view)


def enlarge_small_matte(matte: Matte, picture: Picture, box: Box, view: Luma) -> Matte:
    """Compute alpha from a small matte whose edges are as fine as they can be."""
    return enlarge_alpha(matte, picture.y, box, view)


def choose_alpha_function(engine: str) -> AlphaFunction:
    """Return what turns the small mattes of *engine*, as a plan names it, into alpha."""
    info = ENGINES.get(engine)
    return enlarge_small_matte if info and info.has_fine_edges else refine_small_matte


def resample_final_matte(matte: Matte, picture: Picture, box: Box, view: Luma) -> Matte:
    """Compute alpha from a final matte: the part *box* of it, scaled to the view."""
    full = resize(matte, picture.size)
    part = full[box.top : box.top + box.height, box.left : box.left + box.width]
    return resize(part, (view.shape[1], view.shape[0]))


def place_in_frame(overlay: Layer, left: int, top: int, frame: Size) -> Layer:
    """Return *overlay* at (left, top), both even, in a transparent frame that may cut it off.

    The colours at its edges are continued to the frame's edges: transparent areas should compress
    well.
    """
    picture = overlay.picture
    return Layer(
        Picture(
            _pad_plane(picture.y, left, top, frame, cv2.BORDER_REPLICATE),
            *(
                _pad_plane(
                    plane,
                    left // 2,
                    top // 2,
                    compute_chroma_size(frame),
                    cv2.BORDER_REPLICATE,
                )
                for plane in (picture.u, picture.v)
            ),
        ),
        _pad_plane(overlay.alpha, left, top, frame, cv2.BORDER_CONSTANT),
    )


def _pad_plane(plane: Plane, left: int, top: int, size: Size, border: int) -> Plane:
    """Return *plane* at (left, top) of a plane of *size*, which may be smaller or begin inside."""
    plane = plane[max(0, -top) :, max(0, -left) :]
    left, top = max(0, left), max(0, top)
    plane = plane[: size[1] - top, : size[0] - left]
    height, width = plane.shape
    bottom, right = size[1] - top - height, size[0] - left - width
    return np.asarray(cv2.copyMakeBorder(plane, top, bottom, left, right, border), np.uint8)


def _multiply_alpha(one: Plane, other: Plane) -> Plane:
    """Return the product of two alphas."""
    return np.asarray(cv2.multiply(one, other, scale=1 / 255), np.uint8)


def _make_shadow_alpha(alpha: Plane, margin: int) -> Plane:
    """Return a blurred copy of *alpha*, shifted down, computed at a quarter of the size."""
    height, width = alpha.shape
    small = resize(alpha, (max(1, width // 4), max(1, height // 4)))
    soft = cv2.GaussianBlur(small, (0, 0), margin / 10)
    drop = np.array([[1, 0, 0], [0, 1, margin / 20]])
    lower = cv2.warpAffine(soft, drop, (soft.shape[1], soft.shape[0]))
    return resize(np.asarray(lower, np.uint8), (width, height))
