"""Small mattes refined to alpha along the edges of the picture."""

import cv2
import numpy as np
import pytest

from video_editing.frames import Box, Luma, Matte
from video_editing.matting.alpha_refinement import apply_threshold, feather, refine_alpha

SIZE = (1280, 720)


@pytest.fixture(scope="module")
def luma() -> Luma:
    """A bright disc on a dark, noisy ground."""
    noise = np.random.default_rng(7).integers(0, 12, SIZE[::-1], np.uint8)
    disc = cv2.circle(np.full(SIZE[::-1], 40, np.uint8), (640, 400), 250, 190, cv2.FILLED)
    return np.asarray(cv2.GaussianBlur(disc + noise, (3, 3), 0), np.uint8)


@pytest.fixture(scope="module")
def matte() -> Matte:
    """The disc as a model segments it: small and soft."""
    disc = cv2.circle(np.zeros((360, 640), np.uint8), (320, 200), 125, 255, cv2.FILLED)
    return np.asarray(cv2.GaussianBlur(disc, (9, 9), 0), np.uint8)


def test_a_refined_box_is_the_box_of_the_refined_frame(luma: Luma, matte: Matte) -> None:
    """A pixel's alpha does not depend on the part that is shown, to one level."""
    box = Box(333, 111, 401, 397)
    rows, columns = slice(111, 111 + 397), slice(333, 333 + 401)
    full = refine_alpha(matte, luma, Box(0, 0, *SIZE), luma)
    part = refine_alpha(matte, luma, box, luma[rows, columns])
    assert cv2.absdiff(part, full[rows, columns]).max() <= 1


def test_a_scaled_box_does_not_move(luma: Luma, matte: Matte) -> None:
    """At half the size there is no shift by half a pixel."""
    box = Box(320, 100, 600, 600)
    view = cv2.resize(luma[100:700, 320:920], (300, 300), interpolation=cv2.INTER_AREA)
    small = refine_alpha(matte, luma, box, np.asarray(view, np.uint8)).astype(float)
    large = refine_alpha(matte, luma, box, luma[100:700, 320:920])
    expected = cv2.resize(large, (300, 300), interpolation=cv2.INTER_AREA).astype(float)
    assert abs(_centre(small) - _centre(expected)) < 0.05
    assert np.abs(small - expected).mean() < 1


def test_edges_move_to_those_of_the_picture(luma: Luma, matte: Matte) -> None:
    """Alpha is nearer to the disc than the enlarged matte."""
    disc = cv2.circle(np.zeros(SIZE[::-1], np.uint8), (640, 400), 250, 255, cv2.FILLED)
    enlarged = np.asarray(cv2.resize(matte, SIZE), np.uint8)
    ours = refine_alpha(matte, luma, Box(0, 0, *SIZE), luma)
    assert cv2.absdiff(ours, disc).mean() < 0.95 * cv2.absdiff(enlarged, disc).mean()


@pytest.mark.parametrize("level", [0, 255])
def test_certain_mattes_stay(luma: Luma, level: int) -> None:
    """An empty matte stays empty, a full one full."""
    sure = np.full((360, 640), level, np.uint8)
    assert (refine_alpha(sure, luma, Box(0, 0, *SIZE), luma) == level).all()


def test_a_threshold_of_half_changes_nothing() -> None:
    """0.5 is the middle."""
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(apply_threshold(levels, 0.5), levels)


@pytest.mark.parametrize("threshold", [0.1, 0.4, 0.6, 0.9])
def test_a_threshold_becomes_the_middle(threshold: float) -> None:
    """The threshold becomes one half; the order of levels and both ends stay."""
    levels = np.arange(256, dtype=np.uint8).reshape(1, 256)
    moved = apply_threshold(levels, threshold).astype(int)[0]
    assert abs(moved[round(255 * threshold)] - 127.5) < 4
    assert moved[0] == 0
    assert moved[255] == 255
    assert (np.diff(moved) >= 0).all()


def test_no_feather_changes_nothing(matte: Matte) -> None:
    """A width of 0 returns the matte."""
    assert np.array_equal(feather(matte, 0), matte)


def test_a_feather_has_its_width() -> None:
    """A hard edge becomes a ramp that lies inside the kernel's width."""
    edge = np.zeros((9, 64), np.uint8)
    edge[:, 32:] = 255
    soft = feather(edge, 7)[4]
    assert (soft[:29] == 0).all()
    assert (soft[35:] == 255).all()
    assert 0 < soft[31] < soft[32] < 255


def _centre(alpha: np.ndarray) -> float:
    """Return the mean column of alpha, in pixels."""
    return float((alpha.sum(axis=0) * np.arange(alpha.shape[1])).sum() / alpha.sum())
