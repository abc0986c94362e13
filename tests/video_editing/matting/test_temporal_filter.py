"""The temporal filter: no flicker, no lag."""

import weakref

import numpy as np

from video_editing.frames import Luma, Matte
from video_editing.matting.temporal_filter import LumaMatte, TemporalFilter, slide_window

SHAPE = (60, 80)


def picture(hand: int) -> Luma:
    """Return a dark wall with a bright hand that begins at column *hand*."""
    luma = np.full(SHAPE, 40, np.uint8)
    luma[20:40, hand : hand + 20] = 180
    return luma


def person(hand: int) -> Matte:
    matte = np.zeros(SHAPE, np.uint8)
    matte[20:40, hand : hand + 20] = 255
    return matte


def test_constant_mattes_are_unchanged() -> None:
    """The mean of equal mattes is that matte."""
    samples = [LumaMatte(time, picture(10), person(10)) for time in range(5)]
    assert np.array_equal(TemporalFilter()(samples[2], samples), person(10))


def test_flicker_in_a_still_picture_is_smoothed() -> None:
    """A matte of 255 among four of 190 approaches them."""
    mattes = [person(10) // 4 * 3] * 5
    mattes[2] = person(10)
    samples = [LumaMatte(time, picture(10), matte) for time, matte in enumerate(mattes)]
    assert TemporalFilter()(samples[2], samples)[30, 20] < 220


def test_a_hand_that_moves_on_leaves_no_trace() -> None:
    """Its positions two frames before and after stay far below a person's alpha."""
    samples = [LumaMatte(x, picture(x), person(x)) for x in (5, 15, 25, 35, 45)]
    ours = TemporalFilter()(samples[2], samples)
    assert np.abs(ours.astype(int) - person(25)).max() < 24


def test_a_pair_weighs_the_same_as_in_a_filter_that_did_not_see_it_before() -> None:
    """The weights that a frame and a later one share are those of the later one alone."""
    samples = [LumaMatte(x, picture(x), person(x)) for x in range(5, 25, 2)]
    in_order = TemporalFilter()
    for middle in range(2, 8):
        window = samples[middle - 2 : middle + 3]
        ours, alone = in_order(samples[middle], window), TemporalFilter()(samples[middle], window)
        assert np.array_equal(ours, alone)


def test_weights_of_frames_that_are_over_are_not_kept() -> None:
    """However long the shot, the filter holds those of one window."""
    samples = [LumaMatte(x, picture(x), person(x)) for x in range(30)]
    running = TemporalFilter()
    for middle in range(2, 28, 3):  # some frames are skipped, as those without a person
        running(samples[middle], samples[middle - 2 : middle + 3])
        assert len(running._pairs) <= 4  # noqa: SLF001 - what it holds is the point


def test_windows_are_shorter_at_the_ends() -> None:
    """Each item comes once, in order, with up to two neighbours on each side."""
    found = list(slide_window(zip("abcd", "ABCD", strict=True), 2))
    assert [item for item, _ in found] == list(zip("abcd", "ABCD", strict=True))
    assert found[0][1] == list("ABC")
    assert found[2][1] == list("ABCD")


def test_a_window_keeps_the_frames_ahead_only() -> None:
    """The first item is yielded when two more have been read, and kept no longer."""
    frames = [np.zeros(1) for _ in range(10)]
    alive = [weakref.ref(frame) for frame in frames]
    items = slide_window(((frames.pop(0), number) for number in range(10)), 2)
    next(items)
    assert len(frames) == 7
    next(items)
    assert [frame() is None for frame in alive[:3]] == [True, False, False]
