"""Where people are over time, and what is nobody."""

import cv2
import numpy as np
import pytest

from video_editing.frames import Luma, Matte
from video_editing.track import Region, is_cut, joined, occupied, squared, tidied


def scene(seed: int) -> Luma:
    """A picture of large blobs."""
    coarse = np.random.default_rng(seed).integers(16, 235, (6, 8), np.uint8)
    return np.asarray(cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)


def matte(*discs: tuple[int, int, int]) -> Matte:
    """People as discs of x, y and radius in 320 by 240."""
    drawn = np.zeros((240, 320), np.uint8)
    for x, y, radius in discs:
        cv2.circle(drawn, (x, y), radius, 255, cv2.FILLED)
    return drawn


def test_another_scene_is_a_cut() -> None:
    """Nothing is where it was."""
    assert is_cut(scene(1), scene(2))


def test_a_swaying_camera_is_no_cut() -> None:
    """Everything has moved by a twentieth of the frame."""
    assert not is_cut(scene(1), np.roll(scene(1), 16, axis=1))


@pytest.mark.parametrize("level", [16, 235])
def test_a_blank_picture_after_a_scene_is_a_cut(level: int) -> None:
    """Black between two shots correlates with nothing."""
    assert is_cut(scene(1), np.full((240, 320), level, np.uint8))


def test_noise_on_a_wall_is_no_cut() -> None:
    """Two noisy pictures of the same grey do not correlate either, but do not differ."""
    first, second = np.random.default_rng(3).integers(120, 130, (2, 240, 320), np.uint8)
    assert not is_cut(first, second)


def test_two_people_are_in_one_region() -> None:
    """The region reaches from one to the other."""
    region = occupied(matte((80, 120, 40), (240, 120, 30)))
    assert region == pytest.approx(Region(40 / 320, 80 / 240, 271 / 320, 161 / 240))


def test_a_speck_is_nobody() -> None:
    """There is no region for less than a thousandth of the frame."""
    assert occupied(matte((80, 120, 3))) is None


def test_islands_go_and_second_people_stay() -> None:
    """A disc a twentieth as large goes, one half as large stays."""
    tidy = tidied(matte((80, 120, 50), (200, 60, 11), (250, 150, 36)))
    assert np.array_equal(tidy, matte((80, 120, 50), (250, 150, 36)))


def test_a_small_hole_is_closed_and_the_gap_under_an_arm_is_not() -> None:
    """A hundredth of the body is where they part."""
    body = matte((160, 120, 100))
    cv2.circle(body, (120, 120), 6, 0, cv2.FILLED)
    cv2.circle(body, (200, 120), 25, 0, cv2.FILLED)
    tidy = tidied(body)
    assert tidy[120, 120] == 255
    assert tidy[120, 200] == 0


def test_a_joined_region_holds_all_of_them_with_a_margin() -> None:
    """It does not leave the frame, whatever the margin."""
    region = joined([Region(0.4, 0.3, 0.6, 1.0), Region(0.45, 0.25, 0.7, 1.0)])
    assert region.left < 0.4
    assert region.top < 0.25
    assert region.right > 0.7
    assert region.bottom == 1


def test_a_squared_region_is_square_in_pixels_and_inside_the_frame() -> None:
    """What it held it still holds."""
    region = squared(Region(0.8, 0.2, 1.0, 1.0), (1600, 900))
    width, height = (region.right - region.left) * 1600, (region.bottom - region.top) * 900
    assert width == pytest.approx(height)
    assert region.left < 0.8
    assert region.right == 1
