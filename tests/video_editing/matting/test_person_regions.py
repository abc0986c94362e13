"""Regions of people, and areas too small for a person."""

import cv2
import numpy as np
import pytest

from video_editing.frames import Box, Luma, Matte
from video_editing.matting.person_regions import (
    count_people,
    expand_to_square,
    find_people_box,
    is_shot_boundary,
    make_thumbnail,
    merge_boxes,
    remove_islands_and_holes,
)


def scene(seed: int) -> Luma:
    """Return a picture of large blobs."""
    coarse = np.random.default_rng(seed).integers(16, 235, (6, 8), np.uint8)
    return np.asarray(cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)


def matte(*discs: tuple[int, int, int]) -> Matte:
    """Return people as discs of x, y and radius in 320 by 240."""
    drawn = np.zeros((240, 320), np.uint8)
    for x, y, radius in discs:
        cv2.circle(drawn, (x, y), radius, 255, cv2.FILLED)
    return drawn


def is_cut(before: Luma, after: Luma) -> bool:
    return is_shot_boundary(make_thumbnail(before), make_thumbnail(after))


def test_another_scene_is_a_cut() -> None:
    """The pictures do not correlate."""
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


def test_specks_beside_a_person_are_not_in_the_box() -> None:
    """Areas smaller than a tenth of the largest one, on all sides."""
    specks = (10, 10, 4), (310, 120, 5), (160, 230, 4)
    assert find_people_box(matte((160, 120, 40), *specks)) == Box(120, 80, 81, 81)
    assert count_people(matte((160, 120, 40), *specks)) == 1
    assert count_people(matte((80, 120, 40), (240, 120, 30), *specks)) == 2


def test_two_people_are_in_one_box() -> None:
    """The box reaches from one to the other."""
    assert find_people_box(matte((80, 120, 40), (240, 120, 30))) == Box(40, 80, 231, 81)


def test_a_person_far_behind_is_not_lost() -> None:
    """A ninth of the area of the one in front is in the box, and is no island."""
    people = matte((80, 120, 60), (280, 200, 20))
    assert find_people_box(people) == Box(20, 60, 281, 161)
    assert np.array_equal(remove_islands_and_holes(people), people)


def test_a_speck_is_no_person() -> None:
    """An area below a thousandth of the frame has no box."""
    assert find_people_box(matte((80, 120, 3))) is None


def test_islands_go_and_second_people_stay() -> None:
    """A disc a twentieth as large goes, one half as large stays."""
    cleaned = remove_islands_and_holes(matte((80, 120, 50), (200, 60, 11), (250, 150, 36)))
    assert np.array_equal(cleaned, matte((80, 120, 50), (250, 150, 36)))


def test_a_small_hole_is_closed_and_the_gap_under_an_arm_is_not() -> None:
    """The limit is a hundredth of the body."""
    body = matte((160, 120, 100))
    cv2.circle(body, (120, 120), 6, 0, cv2.FILLED)
    cv2.circle(body, (200, 120), 25, 0, cv2.FILLED)
    cleaned = remove_islands_and_holes(body)
    assert cleaned[120, 120] == 255
    assert cleaned[120, 200] == 0


def test_a_joined_box_holds_all_of_them_with_a_margin() -> None:
    """It does not leave the frame, whatever the margin."""
    box = merge_boxes([Box(128, 72, 64, 168), Box(140, 60, 80, 180)], (320, 240))
    assert box.left < 128
    assert box.top < 60
    assert box.left + box.width > 220
    assert box.top + box.height == 240


def test_a_joined_box_does_not_follow_small_movements() -> None:
    """Its sides lie on a grid."""
    assert merge_boxes([Box(130, 72, 64, 168)], (320, 240)) == merge_boxes(
        [Box(131, 72, 64, 168)], (320, 240)
    )


def test_a_squared_box_is_square_and_inside_the_frame() -> None:
    """It holds the box; a frame that is too low limits it."""
    assert expand_to_square(Box(280, 50, 40, 180), (320, 240)) == Box(140, 50, 180, 180)
    assert expand_to_square(Box(0, 0, 320, 100), (320, 240)) == Box(0, 0, 320, 240)
