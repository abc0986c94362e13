"""Layout: sizes, anchors, offsets, and the part of the clip that is shown."""

import numpy as np
import pytest

from video_editing.compositing.layout import compute_canvas_size, compute_layout, compute_top_left
from video_editing.contract.style import Anchor, Shape, Style
from video_editing.frames import Box

HD = (1280, 720)
CARD = Style(shape=Shape.RECT)


@pytest.mark.parametrize(
    ("aspect", "lines", "size"),
    [
        ("16:9", 720, (1280, 720)),
        ("16:9", 1080, (1920, 1080)),
        ("9:16", 720, (720, 1280)),
        ("9:16", 1080, (1080, 1920)),
        ("1:1", 720, (720, 720)),
        ("1:1", 1080, (1080, 1080)),
        ("4:5", 720, (720, 900)),
        ("4:5", 1080, (1080, 1350)),
    ],
)
def test_a_canvas_has_the_form_and_lines_asked_for(
    aspect: str, lines: int, size: tuple[int, int]
) -> None:
    """For any source the shorter side has the lines."""
    assert compute_canvas_size(aspect, lines, (333, 777)) == size


@pytest.mark.parametrize(
    ("source", "size"),
    [
        ((640, 360), (640, 360)),
        ((359, 287), (360, 288)),
        ((1920, 1080), (1920, 1080)),
        ((3840, 2160), (1920, 1080)),
        ((1080, 2340), (886, 1920)),
        ((1, 1), (2, 2)),
    ],
)
def test_without_a_form_the_source_gives_the_size(
    source: tuple[int, int], size: tuple[int, int]
) -> None:
    """Even sides within a pixel of the source's, none longer than 1920."""
    width, height = compute_canvas_size(None, 1080, source)
    assert (width % 2, height % 2) == (0, 0)
    assert np.allclose((width, height), size, atol=1)


ACROSS = {"left": 0.0, "center": 0.5, "right": 1.0}
DOWN = {"top": 0.0, "center": 0.5, "bottom": 1.0}
PLACES = {
    Anchor.TOP_LEFT: ("left", "top"),
    Anchor.TOP: ("center", "top"),
    Anchor.TOP_RIGHT: ("right", "top"),
    Anchor.LEFT: ("left", "center"),
    Anchor.CENTER: ("center", "center"),
    Anchor.RIGHT: ("right", "center"),
    Anchor.BOTTOM_LEFT: ("left", "bottom"),
    Anchor.BOTTOM: ("center", "bottom"),
    Anchor.BOTTOM_RIGHT: ("right", "bottom"),
}


@pytest.mark.parametrize("anchor", Anchor)
def test_an_anchor_keeps_the_overlay_near_its_edge(anchor: Anchor) -> None:
    """3 % of the shorter side is left free at an edge; the middle is the middle."""
    across, down = PLACES[anchor]
    style = CARD.model_copy(update={"position": anchor, "size": 0.25})
    left, top = compute_top_left(compute_layout(HD, style, (0.5, 0.5), HD), style, HD)
    free = 0.03 * 720
    expected = {0.0: free, 0.5: 0, 1.0: -free}
    assert abs(left - (ACROSS[across] * (1280 - 320) + expected[ACROSS[across]])) <= 1
    assert abs(top - (DOWN[down] * (720 - 180) + expected[DOWN[down]])) <= 1
    assert (left % 2, top % 2) == (0, 0)


def test_an_offset_moves_by_fractions_of_the_result() -> None:
    """X runs to the right, Y downwards; the overlay may leave the canvas."""
    style = CARD.model_copy(update={"position": Anchor.CENTER})
    moved = style.model_copy(update={"offset": (0.25, -1.0)})
    layout = compute_layout(HD, style, (0.5, 0.5), HD)
    (x, y), (moved_x, moved_y) = (
        compute_top_left(layout, style, HD),
        compute_top_left(layout, moved, HD),
    )
    assert (moved_x - x, moved_y - y) == (320, -720)


def test_a_shadow_does_not_move_the_overlay() -> None:
    """Its margin lies around the positioned view."""
    shadowed = CARD.model_copy(update={"shadow": 0.5})
    plain, dark = (compute_layout(HD, style, (0.5, 0.5), HD) for style in (CARD, shadowed))
    (x, y), (dark_x, dark_y) = (
        compute_top_left(plain, CARD, HD),
        compute_top_left(dark, shadowed, HD),
    )
    assert dark.margin > 0
    assert (x, y) == (dark_x + dark.margin, dark_y + dark.margin)


@pytest.mark.parametrize(
    ("canvas", "size", "view"),
    [
        ((1280, 720), 0.5, (640, 360)),
        ((720, 1280), 0.5, (360, 202)),  # limited by the width
        ((720, 720), 1.0, (720, 405)),
        ((1280, 720), 2.0, (2560, 1440)),
    ],
)
def test_the_size_is_a_fraction_of_the_result(
    canvas: tuple[int, int], size: float, view: tuple[int, int]
) -> None:
    """Of its height, or of its width if that is less; rounded to an even number."""
    style = CARD.model_copy(update={"size": size})
    layout = compute_layout((1920, 1080), style, (0.5, 0.5), canvas)
    assert np.allclose(layout.view, view, atol=1)


def test_the_default_size_is_half_the_result_and_all_of_it_for_a_free_person() -> None:
    """As the help says."""
    assert compute_layout(HD, CARD, (0.5, 0.5), HD).view == (640, 360)
    assert compute_layout(HD, Style(shape=Shape.NONE), (0.5, 0.5), HD).view == HD


def test_a_circle_is_shown_with_its_box() -> None:
    """The radius is a fraction of the clip's shorter side."""
    layout = compute_layout((1920, 1080), Style(radius=0.35), (0.5, 0.5))
    assert layout.box == Box(582, 162, 756, 756)
    assert layout.centre == (378, 378)
    assert layout.radius == 378


def test_a_card_shows_the_crop() -> None:
    """As fractions of the clip's width and height, around its centre."""
    layout = compute_layout(HD, Style(shape=Shape.RECT, crop=(0.5, 0.25)), (0.5, 0.5))
    assert layout.box == Box(320, 270, 640, 180)


def test_a_detected_centre_keeps_the_shape_in_the_frame() -> None:
    """A face in the corner does not cut the circle off."""
    layout = compute_layout(HD, Style(radius=0.25), (0.99, 0.01))
    assert layout.box == Box(920, 0, 360, 360)


def test_a_given_centre_is_not_moved() -> None:
    """Only the part of the circle inside the frame is shown, its middle in the view's corner."""
    style = Style(radius=0.25, centre=(1, 0))
    layout = compute_layout(HD, style, (1, 0))
    assert layout.box == Box(1100, 0, 180, 180)
    assert layout.centre == (180, 0)
    assert layout.radius == 180


@pytest.mark.parametrize("size", [(359, 287), (641, 481), (320, 241), (1, 1), (2, 3), (37, 1080)])
@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("centre", [(0.0, 0.0), (0.5, 0.5), (0.987, 1.0)])
def test_boxes_stay_inside_odd_frames(
    size: tuple[int, int], shape: Shape, centre: tuple[float, float]
) -> None:
    """They begin at even pixels, where chroma does, and end inside the frame."""
    style = Style(shape=shape, centre=centre, crop=(0.4, 0.3))
    box = compute_layout(size, style, centre).box
    assert box.left % 2 == box.top % 2 == 0
    assert box.width > 0
    assert box.height > 0
    assert box.left + box.width <= size[0]
    assert box.top + box.height <= size[1]
