"""The overlay: the person cut out, shaped, ringed, with her shadow; transparent around."""

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np

from video_editing.compositing.background import filled
from video_editing.compositing.blend import over, ring_alpha, shape_alpha
from video_editing.compositing.despill import decontaminated
from video_editing.compositing.layout import Layout, Size
from video_editing.contract.style import Style, YuvColour, parsed
from video_editing.frames import Box, CutOut, Matte, Picture, Plane
from video_editing.matting.alpha_refinement import feathered, levelled
from video_editing.pixels import halved, resized, scaled

#: Alpha of the person in the view: from the matte, the clip's picture, the box and the view's luma.
Alpha = Callable[[Matte, Picture, Box, Plane], Plane]

BLACK = YuvColour(16, 128, 128)


class OverlayMaker:
    """Makes overlays of one clip; what is the same in all frames is made once.

    Args:
        layout: what of the clip is shown, and how large.
        style: how it looks.
        alpha: how mattes become alpha.
        seconds: the clip's length, at whose end the overlay fades out.
    """

    def __init__(self, layout: Layout, style: Style, alpha: Alpha, seconds: Fraction) -> None:
        self._layout = layout
        self._style = style
        self._alpha = alpha
        self._seconds = seconds
        self._shape = shape_alpha(layout, style)
        ring = ring_alpha(layout, style)
        self._ring = (
            None if ring is None else CutOut(filled(parsed(style.ring_colour), layout.view), ring)
        )
        self._black = filled(BLACK, layout.size)

    def made(self, picture: Picture, matte: Matte | None, seconds: Fraction) -> CutOut:
        """The overlay of one frame of the clip, at *seconds* from its origin.

        Args:
            picture: the whole frame.
            matte: of the whole picture, at any size; None keeps the clip's own background.
            seconds: when it is shown.
        """
        overlay = self._person(picture, matte)
        if self._ring is not None:
            overlay = over(self._ring, overlay)
        if self._layout.margin:
            overlay = self._shadowed(overlay)
        faded = self._fade(seconds)
        if faded < 1:
            overlay = CutOut(overlay.picture, scaled(overlay.alpha, faded))
        return overlay

    def _person(self, picture: Picture, matte: Matte | None) -> CutOut:
        view = shown(picture, self._layout.box, self._layout.view)
        if matte is None:
            return CutOut(view, self._shape)
        alpha = self._alpha(matte, picture, self._layout.box, view.y)
        scale = self._layout.view[0] / self._layout.box.width
        alpha = feathered(levelled(alpha, self._style.threshold), self._style.feather * scale)
        person = decontaminated(view, alpha)
        return CutOut(person, _product(alpha, self._shape))

    def _shadowed(self, overlay: CutOut) -> CutOut:
        """*overlay* with its margin, and under it its own outline in soft black."""
        margin = self._layout.margin
        above = framed(overlay, margin, margin, self._layout.size)
        shadow = scaled(_softened(above.alpha, margin), self._style.shadow)
        return over(above, CutOut(self._black, shadow))

    def _fade(self, seconds: Fraction) -> float:
        if not self._style.fade:
            return 1
        nearest = float(min(seconds, self._seconds - seconds))
        return min(1.0, max(0.0, nearest / self._style.fade))


def shown(picture: Picture, box: Box, view: Size) -> Picture:
    """The part *box* of *picture*, scaled to *view*."""
    part = Picture(
        *(
            plane[
                box.top // step : (box.top + box.height + step - 1) // step,
                box.left // step : (box.left + box.width + step - 1) // step,
            ]
            for plane, step in ((picture.y, 1), (picture.u, 2), (picture.v, 2))
        )
    )
    half = halved(view)
    return Picture(resized(part.y, view), resized(part.u, half), resized(part.v, half))


def resampled(matte: Matte, picture: Picture, box: Box, view: Plane) -> Plane:
    """Alpha from a matte that is final: the box of it, scaled to the view."""
    whole = resized(matte, picture.size)
    part = whole[box.top : box.top + box.height, box.left : box.left + box.width]
    return resized(part, (view.shape[1], view.shape[0]))


def framed(overlay: CutOut, left: int, top: int, frame: Size) -> CutOut:
    """*overlay* at (left, top), both even, in a transparent frame that may cut it off.

    The colours at its edges go on to the frame's: what is transparent should compress well.
    """
    picture = overlay.picture
    return CutOut(
        Picture(
            _bordered(picture.y, left, top, frame, cv2.BORDER_REPLICATE),
            *(
                _bordered(
                    plane,
                    left // 2,
                    top // 2,
                    halved(frame),
                    cv2.BORDER_REPLICATE,
                )
                for plane in (picture.u, picture.v)
            ),
        ),
        _bordered(overlay.alpha, left, top, frame, cv2.BORDER_CONSTANT),
    )


def _bordered(plane: Plane, left: int, top: int, size: Size, border: int) -> Plane:
    """*plane* at (left, top) of a larger one, or of one that begins inside it."""
    plane = plane[max(0, -top) :, max(0, -left) :]
    left, top = max(0, left), max(0, top)
    plane = plane[: size[1] - top, : size[0] - left]
    height, width = plane.shape
    bottom, right = size[1] - top - height, size[0] - left - width
    return np.asarray(cv2.copyMakeBorder(plane, top, bottom, left, right, border), np.uint8)


def _product(one: Plane, other: Plane) -> Plane:
    """Both alphas at once."""
    return np.asarray(cv2.multiply(one, other, scale=1 / 255), np.uint8)


def _softened(alpha: Plane, margin: int) -> Plane:
    """A blurred copy, a little lower; made at a quarter of the size, which nobody sees."""
    height, width = alpha.shape
    small = resized(alpha, (max(1, width // 4), max(1, height // 4)))
    soft = cv2.GaussianBlur(small, (0, 0), margin / 10)
    drop = np.array([[1, 0, 0], [0, 1, margin / 20]])
    lower = cv2.warpAffine(soft, drop, (soft.shape[1], soft.shape[0]))
    return resized(np.asarray(lower, np.uint8), (width, height))
