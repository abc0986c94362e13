"""One overlay: the clip's own pixels, ring, shadow, fading, and its crop."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from video_editing.compositing.layout import compute_layout
from video_editing.compositing.overlay import OverlayRenderer, place_in_frame, resample_final_matte
from video_editing.contract.style import Shape, Style, parse_colour
from video_editing.frames import Layer, Matte, Picture

SIZE = (160, 120)
LENGTH = Fraction(10)
MIDDLE = Fraction(5)


def picture(size: tuple[int, int] = SIZE) -> Picture:
    """Return noise, in which a moved pixel is detected."""
    random = np.random.default_rng(3)
    width, height = size
    half = (height + 1) // 2, (width + 1) // 2
    return Picture(
        random.integers(16, 236, (height, width), np.uint8),
        *(random.integers(16, 241, half, np.uint8) for _ in range(2)),
    )


def render(
    style: Style,
    *,
    seconds: Fraction = MIDDLE,
    matte: Matte | None = None,
    size: tuple[int, int] = SIZE,
    canvas: tuple[int, int] | None = None,
) -> Layer:
    layout = compute_layout(size, style, (0.5, 0.5), canvas)
    renderer = OverlayRenderer(layout, style, resample_final_matte, LENGTH)
    return renderer.render(picture(size), matte, seconds)


@pytest.mark.parametrize("size", [(160, 120), (159, 119)])
def test_the_clips_background_is_unchanged(size: tuple[int, int]) -> None:
    """At the clip's scale a rect shows every pixel bit by bit."""
    overlay = render(Style(shape=Shape.RECT, keep_background=True), size=size)
    clip = picture(size)
    for name in "yuv":
        assert (getattr(overlay.picture, name) == getattr(clip, name)).all()
    assert (overlay.alpha == 255).all()


def test_a_circle_shows_the_part_of_the_clip_under_it() -> None:
    """Its box, cropped from its position in the frame."""
    style = Style(radius=0.25, centre=(0.5, 0.5))
    overlay = render(style)
    clip = picture()
    assert (overlay.picture.y == clip.y[30:90, 50:110]).all()
    assert (overlay.picture.u == clip.u[15:45, 25:55]).all()


def left_half(size: tuple[int, int] = SIZE) -> Matte:
    matte = np.zeros((size[1], size[0]), np.uint8)
    matte[:, : size[0] // 2] = 255
    return matte


def test_a_person_is_the_matte_inside_the_shape() -> None:
    """Opaque where both are, transparent where either is."""
    overlay = render(Style(shape=Shape.CIRCLE, radius=0.4), matte=left_half())
    alpha = overlay.alpha
    middle = alpha.shape[1] // 2
    assert alpha[alpha.shape[0] // 2, 5 : middle - 4].min() == 255
    assert alpha[:, middle + 4 :].max() == 0
    assert alpha[0, 0] == 0


def test_a_threshold_moves_a_soft_edge() -> None:
    """A higher threshold leaves fewer pixels."""
    ramp = np.tile(np.linspace(0, 255, SIZE[0]).astype(np.uint8), (SIZE[1], 1))

    def count_opaque(threshold: float) -> int:
        style = Style(shape=Shape.NONE, threshold=threshold)
        return int((render(style, matte=ramp).alpha > 127).sum())

    assert count_opaque(0.25) > count_opaque(0.5) > count_opaque(0.75)
    assert count_opaque(0.75) == pytest.approx(0.25 * SIZE[0] * SIZE[1], rel=0.05)


def test_a_feather_softens_the_edge_by_its_width() -> None:
    """It is measured in the clip's pixels: half the size has half the width."""

    def count_soft(feather: float, canvas: tuple[int, int] | None = None) -> int:
        style = Style(shape=Shape.NONE, feather=feather, size=1)
        row = render(style, matte=left_half(), canvas=canvas).alpha[30]
        return int(((row > 8) & (row < 247)).sum())

    assert count_soft(0) <= 2
    assert count_soft(7) < count_soft(21)
    assert count_soft(42) == pytest.approx(2 * count_soft(42, (80, 60)), abs=4)


def test_a_ring_has_its_colour_and_width() -> None:
    """A tenth of 120 pixels along each edge; inside it is the clip."""
    style = Style(shape=Shape.RECT, keep_background=True, ring=0.1, ring_colour="#c02040")
    overlay, clip, colour = render(style), picture(), parse_colour("#c02040")
    for part in (np.s_[:11], np.s_[-11:], np.s_[:, :11], np.s_[:, -11:]):
        assert (overlay.picture.y[part] == colour.y).all()
    assert (overlay.picture.u[:5] == colour.u).all()
    assert (overlay.picture.v[:5] == colour.v).all()
    assert (overlay.picture.y[13:-13, 13:-13] == clip.y[13:-13, 13:-13]).all()


def test_a_ring_is_visible_without_the_person() -> None:
    """It belongs to the shape."""
    style = Style(radius=0.5, ring=0.1)
    overlay = render(style, matte=np.zeros((120, 160), np.uint8))
    row = overlay.alpha[60]
    assert row[2:10].min() > 250
    assert row[16:-16].max() == 0


def blended(overlay: Layer, behind: float) -> NDArray[np.float64]:
    alpha = overlay.alpha / 255
    return overlay.picture.y * alpha + behind * (1 - alpha)


def test_a_shadow_darkens_only_the_background() -> None:
    """It does not touch the person, never lightens, and is stronger below."""
    plain = Style(radius=0.4, keep_background=True)
    overlay, dark = render(plain), render(plain.model_copy(update={"shadow": 0.8}))
    margin = (dark.alpha.shape[0] - overlay.alpha.shape[0]) // 2
    assert margin > 0
    inside = np.s_[
        margin : margin + overlay.alpha.shape[0], margin : margin + overlay.alpha.shape[1]
    ]
    solid = overlay.alpha == 255
    assert (dark.picture.y[inside][solid] == overlay.picture.y[solid]).all()
    assert (dark.alpha[inside][solid] == 255).all()
    around = np.ones_like(dark.alpha, bool)
    around[inside] = overlay.alpha == 0
    light = blended(dark, 200)
    assert light[around].max() <= 200.5
    assert light[around].min() < 150
    assert light[-margin:].mean() < light[:margin].mean() - 1


@pytest.mark.parametrize(
    ("seconds", "share"),
    [(0, 0), (Fraction(1), 0.5), (2, 1), (5, 1), (Fraction(19, 2), 0.25), (10, 0)],
)
def test_an_overlay_fades_in_and_out(seconds: Fraction, share: float) -> None:
    """In two seconds from the beginning, and in two to the end."""
    style = Style(shape=Shape.RECT, keep_background=True, fade=2)
    alpha = render(style, seconds=Fraction(seconds)).alpha
    assert np.abs(alpha.astype(float) - 255 * share).max() <= 1


def test_without_a_fade_it_is_visible_at_once() -> None:
    """From the first frame to the last."""
    assert (
        render(Style(shape=Shape.RECT, keep_background=True), seconds=Fraction(0)).alpha.min()
        == 255
    )


@pytest.mark.parametrize("corner", [(20, 10), (-8, -6), (100, 90), (-8, 90)])
def test_an_overlay_is_placed_in_a_frame(corner: tuple[int, int]) -> None:
    """Parts beyond it are cut off; the rest of the frame is transparent."""
    overlay = Layer(picture((40, 30)), np.full((30, 40), 200, np.uint8))
    left, top = corner
    frame = place_in_frame(overlay, left, top, (120, 100))
    assert frame.picture.size == (120, 100)
    assert frame.picture.u.shape == (50, 60)
    canvas, luma = np.zeros((300, 300), np.uint8), np.zeros((300, 300), np.uint8)
    canvas[100 + top : 130 + top, 100 + left : 140 + left] = 200
    luma[100 + top : 130 + top, 100 + left : 140 + left] = overlay.picture.y
    expected = canvas[100:200, 100:220]
    assert (frame.alpha == expected).all()
    assert (frame.picture.y[expected > 0] == luma[100:200, 100:220][expected > 0]).all()
