"""Blending, compared with the same sums in double precision."""

import numpy as np
import pytest
from numpy.typing import NDArray

from video_editing.compositing.blend import composite_over, paste
from video_editing.frames import Layer, Picture

RANDOM = np.random.default_rng(7)
Field = NDArray[np.float64]


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return RANDOM.integers(0, 256, (height, width), np.uint8)


def picture(height: int, width: int) -> Picture:
    half = (height + 1) // 2, (width + 1) // 2
    return Picture(noise(height, width), noise(*half), noise(*half))


def cutout(height: int, width: int) -> Layer:
    alpha = noise(height, width)
    alpha[: height // 4], alpha[-(height // 4) :] = 0, 255
    return Layer(picture(height, width), alpha)


def halved(alpha: Field) -> Field:
    """Return the mean of each four pixels, which share one of chroma."""
    height, width = alpha.shape
    return alpha.reshape(height // 2, 2, width // 2, 2).mean((1, 3))


def mixed(top: NDArray[np.uint8], bottom: NDArray[np.uint8], weight: Field) -> Field:
    return top * weight + bottom * (1.0 - weight)


@pytest.mark.parametrize(
    ("left", "top"), [(10, 6), (0, 0), (-12, -8), (44, 30), (-8, 30), (60, 40)]
)
def test_an_overlay_is_mixed_by_its_alpha(left: int, top: int) -> None:
    """Each plane within a level, inside and partly outside the background."""
    below, overlay = picture(48, 64), cutout(24, 32)
    result = paste(overlay, left, top, below)
    alpha = np.zeros((200, 200))
    alpha[top + 50 : top + 74, left + 50 : left + 82] = overlay.alpha / 255
    seen, half = alpha[50:98, 50:114], halved(alpha)[25:49, 25:57]
    for name, step, weight in (("y", 1, seen), ("u", 2, half), ("v", 2, half)):
        above = np.zeros((200, 200), np.uint8)
        rows, columns = (top + 50) // step, (left + 50) // step
        source = getattr(overlay.picture, name)
        above[rows:, columns:][: source.shape[0], : source.shape[1]] = source
        start = 50 // step
        above = above[start:, start:][: weight.shape[0], : weight.shape[1]]
        expected = mixed(above, getattr(below, name), weight)
        assert np.abs(getattr(result, name) - expected).max() <= 1


def test_transparent_and_opaque_pixels_are_exact() -> None:
    """Alpha 0 leaves the background, 255 the overlay, bit by bit."""
    below, above = picture(16, 16), picture(16, 16)
    for alpha, expected in ((0, below), (255, above)):
        cut = Layer(above, np.full((16, 16), alpha, np.uint8))
        result = paste(cut, 0, 0, below)
        for name in "yuv":
            assert (getattr(result, name) == getattr(expected, name)).all()


@pytest.mark.parametrize("size", [(8, 10), (70, 90), (240, 322)])
def test_an_edge_is_mixed_wherever_it_lies(size: tuple[int, int]) -> None:
    """One pixel among opaque and transparent ones, at the corners too."""
    below, overlay = picture(*size), cutout(*size)
    height, width = size
    for row, column in ((0, 0), (height - 1, width - 1), (height // 2, width // 3)):
        alpha = np.zeros(size, np.uint8)
        alpha[:, width // 2 :] = 255
        alpha[row, column] = 100
        result = paste(Layer(overlay.picture, alpha), 0, 0, below)
        weight, half = alpha / 255, halved(alpha) / 255
        for name, share in (("y", weight), ("u", half), ("v", half)):
            expected = mixed(getattr(overlay.picture, name), getattr(below, name), share)
            assert np.abs(getattr(result, name) - expected).max() <= 1


def test_the_background_is_not_written_to() -> None:
    """It is used again for the next frame."""
    below = picture(16, 16)
    before = below.y.copy()
    paste(cutout(16, 16), 0, 0, below)
    assert (below.y == before).all()


@pytest.mark.parametrize("corner", [(-32, 0), (64, 0), (0, -24), (0, 48), (4000, 4000)])
def test_an_overlay_off_the_canvas_changes_nothing(corner: tuple[int, int]) -> None:
    """On any side."""
    below = picture(48, 64)
    assert (paste(cutout(24, 32), *corner, below).y == below.y).all()


def test_over_is_that_of_porter_and_duff() -> None:
    """Alpha and colours of two layers with straight alpha."""
    above, below = cutout(24, 32), cutout(24, 32)
    result = composite_over(above, below)
    upper = above.alpha / 255
    rest = below.alpha / 255 * (1 - upper)
    assert np.abs(result.alpha - 255 * (upper + rest)).max() <= 1
    for name, one, other in (
        ("y", upper, rest),
        ("u", halved(upper), halved(rest)),
        ("v", halved(upper), halved(rest)),
    ):
        sure = one + other > 0.02
        colours = getattr(above.picture, name) * one + getattr(below.picture, name) * other
        wrong = np.abs(getattr(result.picture, name) - colours / np.maximum(one + other, 1e-9))
        assert wrong[sure].max() <= 2
