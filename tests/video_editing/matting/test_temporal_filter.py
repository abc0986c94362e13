"""Mattes that do not flicker, and do not lag."""

import numpy as np

from video_editing.frames import Luma, Matte
from video_editing.matting.temporal_filter import LumaMatte, filter_temporally, slide_window

SHAPE = (60, 80)


def picture(hand: int) -> Luma:
    """A dark wall with a bright hand that begins at column *hand*."""
    luma = np.full(SHAPE, 40, np.uint8)
    luma[20:40, hand : hand + 20] = 180
    return luma


def person(hand: int) -> Matte:
    matte = np.zeros(SHAPE, np.uint8)
    matte[20:40, hand : hand + 20] = 255
    return matte


def test_what_does_not_change_stays() -> None:
    """The mean of equal mattes is that matte."""
    moment = LumaMatte(picture(10), person(10))
    assert np.array_equal(filter_temporally(moment, [moment] * 5), person(10))


def test_flicker_before_a_picture_that_stands_still_is_smoothed() -> None:
    """A matte of 255 among four of 190 is drawn to them."""
    still = picture(10)
    flash, calm = LumaMatte(still, person(10)), LumaMatte(still, person(10) // 4 * 3)
    ours = filter_temporally(flash, [calm, calm, flash, calm, calm])
    assert ours[30, 20] < 220


def test_a_hand_that_moves_on_leaves_no_trace() -> None:
    """Where it was two frames ago, and where it will be, is less than what counts as a person."""
    moments = [LumaMatte(picture(x), person(x)) for x in (5, 15, 25, 35, 45)]
    ours = filter_temporally(moments[2], moments)
    assert np.abs(ours.astype(int) - person(25)).max() < 24


def test_windows_reach_as_far_as_there_is_something() -> None:
    """Each item comes once, in order, with up to two neighbours on each side."""
    found = [(item, list(window)) for item, window in slide_window("abcd", 2)]
    assert [item for item, _ in found] == list("abcd")
    assert found[0][1] == list("abc")
    assert found[2][1] == list("abcd")


def test_windows_wait_for_what_lies_ahead_and_no_longer() -> None:
    """The first item comes out when two more have gone in."""
    taken = []
    items = (taken.append(i) or i for i in range(10))
    next(slide_window(items, 2))
    assert taken == [0, 1, 2]
