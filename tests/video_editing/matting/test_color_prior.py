"""What colours say about who is person and who is background."""

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


def test_what_has_the_colour_of_the_person_is_moved_towards_her() -> None:
    """A matte that ends short of the red reaches farther into it."""
    said = doubtful(106, 220)
    assert apply_colour_prior(said, striped())[120, 102] > said[120, 102] + 3


def test_what_has_the_colour_of_the_background_is_moved_away() -> None:
    """A matte that spills over into the grey spills less."""
    said = doubtful(94, 220)
    assert apply_colour_prior(said, striped())[120, 96] < said[120, 96] - 3


def test_far_from_edges_nothing_moves() -> None:
    """The wall stays empty and the middle of the person full."""
    ours = apply_colour_prior(doubtful(100, 220), striped())
    assert not ours[:, :60].any()
    assert (ours[:, 140:180] == 255).all()


def test_nobody_stays_nobody() -> None:
    """An empty matte is not filled by any colour."""
    assert not apply_colour_prior(np.zeros((HEIGHT, WIDTH), np.uint8), striped()).any()
