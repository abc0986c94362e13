"""The correction of a matte by the colours of person and background."""

import cv2
import numpy as np

from video_editing.frames import Matte, Picture
from video_editing.matting.color_prior import apply_colour_prior

WIDTH, HEIGHT = 320, 240


def striped() -> Picture:
    """A red person from column 100 to 220 on grey."""
    y = np.full((HEIGHT, WIDTH), 120, np.uint8)
    u, v = (np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8) for _ in "uv")
    y[:, 100:220], u[:, 50:110], v[:, 50:110] = 90, 100, 190
    return Picture(y, u, v)


def doubtful(left: int, right: int) -> Matte:
    """A matte from column *left* to *right* with soft sides."""
    matte = np.zeros((HEIGHT, WIDTH), np.uint8)
    matte[:, left:right] = 255
    return np.asarray(cv2.blur(matte, (25, 1)), np.uint8)


def test_pixels_of_the_persons_colour_become_more_opaque() -> None:
    """A matte that ends short of the red reaches farther into it."""
    matte = doubtful(106, 220)
    assert apply_colour_prior(matte, striped())[120, 102] > matte[120, 102] + 3


def test_pixels_of_the_backgrounds_colour_become_less_opaque() -> None:
    """A matte that reaches into the grey reaches less far."""
    matte = doubtful(94, 220)
    assert apply_colour_prior(matte, striped())[120, 96] < matte[120, 96] - 3


def test_pixels_far_from_edges_are_unchanged() -> None:
    """The background stays empty and the middle of the person opaque."""
    ours = apply_colour_prior(doubtful(100, 220), striped())
    assert not ours[:, :60].any()
    assert (ours[:, 140:180] == 255).all()


def test_an_empty_matte_stays_empty() -> None:
    """No colour fills it."""
    assert not apply_colour_prior(np.zeros((HEIGHT, WIDTH), np.uint8), striped()).any()
