"""Shapes as alpha, compared with shapes drawn with numpy at eight times their size."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from video_editing.compositing.blend import compute_ring_alpha, compute_shape_alpha
from video_editing.compositing.layout import Layout, compute_layout
from video_editing.contract.style import Shape, Style

FINE = 8  #: samples along each side of a pixel
Inside = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]


def drawn(width: int, height: int, inside: Inside) -> NDArray[np.float64]:
    """Return how much of each pixel is *inside*, 0–255."""
    y, x = (np.mgrid[: height * FINE, : width * FINE] + 0.5) / FINE
    samples = inside(x, y).reshape(height, FINE, width, FINE)
    return 255 * samples.mean((1, 3))


def circle(layout: Layout) -> NDArray[np.float64]:
    """Draw the circle of *layout*."""
    (x0, y0), radius = layout.centre, layout.radius
    return drawn(*layout.view, lambda x, y: (x - x0) ** 2 + (y - y0) ** 2 <= radius**2)


@pytest.mark.parametrize("clip", [(320, 180), (180, 320), (359, 287)])
def test_the_middle_circle_is_exact(clip: tuple[int, int]) -> None:
    """Centre 0.5/0.5 and radius 0.35 in a frame, drawn in the frame itself."""
    style = Style(radius=0.35, centre=(0.5, 0.5))
    layout = compute_layout(clip, style, (0.5, 0.5))
    frame = np.zeros((clip[1], clip[0]))
    box = layout.box
    frame[box.top : box.top + box.height, box.left : box.left + box.width] = compute_shape_alpha(
        layout, style
    )
    radius = 0.35 * min(clip)
    expected = drawn(
        *clip, lambda x, y: (x - clip[0] / 2) ** 2 + (y - clip[1] / 2) ** 2 <= radius**2
    )
    assert np.abs(frame - expected).max() <= 24  # a tenth of a pixel
    assert frame.sum() == pytest.approx(expected.sum(), rel=1e-3)


@pytest.mark.parametrize("centre", [(0.0, 0.0), (1.0, 0.3), (0.5, 0.95)])
@pytest.mark.parametrize("canvas", [None, (320, 180), (270, 480)])
def test_a_circle_outside_the_frame_is_cut_off_there(
    centre: tuple[float, float], canvas: tuple[int, int] | None
) -> None:
    """The rest of it is the same circle, at any scale."""
    style = Style(radius=0.3, centre=centre)
    layout = compute_layout((320, 180), style, centre, canvas)
    assert np.abs(compute_shape_alpha(layout, style) - circle(layout)).max() <= 24


def test_a_rect_and_a_free_frame_are_opaque() -> None:
    """Their shape covers all of the view."""
    for shape in (Shape.RECT, Shape.NONE):
        style = Style(shape=shape)
        assert (
            compute_shape_alpha(compute_layout((320, 180), style, (0.5, 0.5)), style) == 255
        ).all()


def test_a_rounded_card_has_round_corners() -> None:
    """Their radius is 12 % of the shorter side."""
    style = Style(shape=Shape.ROUNDED)
    layout = compute_layout((320, 200), style, (0.5, 0.5))
    corner = 0.12 * 200

    def inside(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        over_x = np.maximum(np.abs(x - 160) - (160 - corner), 0)
        over_y = np.maximum(np.abs(y - 100) - (100 - corner), 0)
        return over_x**2 + over_y**2 <= corner**2

    assert np.abs(compute_shape_alpha(layout, style) - drawn(320, 200, inside)).max() <= 24


@pytest.mark.parametrize("shape", [Shape.CIRCLE, Shape.RECT, Shape.ROUNDED])
def test_a_ring_lies_inside_the_edge_and_has_its_width(shape: Shape) -> None:
    """5 % of 200 pixels are 10, along the left edge as along any other."""
    style = Style(shape=shape, ring=0.05, radius=0.5)
    layout = compute_layout((200, 200), style, (0.5, 0.5))
    ring, alpha = compute_ring_alpha(layout, style), compute_shape_alpha(layout, style)
    assert ring is not None
    assert (ring <= alpha).all()
    row = ring[100].astype(float) / 255
    assert row[:100].sum() == pytest.approx(10, abs=0.1)
    assert row[20:180].max() == 0


def test_a_free_person_and_a_width_of_0_have_no_ring() -> None:
    """Its alpha is None."""
    for style in (Style(shape=Shape.NONE, ring=0.1), Style(ring=0)):
        assert compute_ring_alpha(compute_layout((200, 100), style, (0.5, 0.5)), style) is None
