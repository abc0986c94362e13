"""Colours near the edge, in pictures mixed from a known person, background and alpha."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from video_editing.compositing.despill import despill
from video_editing.frames import Picture, Plane

Exact = NDArray[np.float64]  #: (H, W) or (H, W, 3), levels that are not yet rounded

SIDE = 540
WHITE, BLACK = 235, 16  #: luma
WALL, GREEN_SCREEN = (190, 150, 100), (124, 98, 76)


@dataclass(frozen=True)
class Mixture:
    """A person before a wall, with the share of both in each pixel."""

    person: Exact
    wall: Exact
    alpha: Plane

    @property
    def picture(self) -> Picture:
        """The picture that a camera records."""
        share = self.alpha[..., None] / 255
        return planes(share * self.person + (1 - share) * self.wall)


def planes(colours: Exact) -> Picture:
    height, width = colours.shape[:2]
    half = (width + 1) // 2, (height + 1) // 2
    y, u, v = cv2.split(colours)
    small = [cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in (u, v)]
    return Picture(*(np.rint(plane).astype(np.uint8) for plane in (y, *small)))


def clouds(random: np.random.Generator, middle: tuple[int, int, int], spots: int) -> Exact:
    """Return soft spots of other shades around a colour."""
    spread = np.array([12, 6, 6]) * random.standard_normal((spots, spots, 3))
    return np.clip(
        middle + cv2.resize(spread, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), 16, 235
    )


def disc(softness: float) -> Plane:
    """Return a head whose edge is *softness* pixels wide."""
    y, x = np.mgrid[:SIDE, :SIDE]
    outside = np.hypot(y - 0.55 * SIDE, x - 0.5 * SIDE) - 0.3 * SIDE
    return np.rint(255 * np.clip(0.5 - outside / softness, 0, 1)).astype(np.uint8)


def hair() -> Plane:
    """Return a head with thin straight hair."""
    random = np.random.default_rng(3)
    large = np.zeros((4 * SIDE, 4 * SIDE), np.uint8)
    middle, radius = np.array([2 * SIDE, 2.2 * SIDE]), 1.2 * SIDE
    cv2.circle(large, middle.astype(int).tolist(), int(radius), 255, -1)
    for angle in random.uniform(0, 2 * np.pi, 220):
        way = np.array([np.cos(angle), np.sin(angle)])
        root, tip = middle + 0.97 * radius * way, middle + random.uniform(1.1, 1.4) * radius * way
        thickness = int(random.integers(2, 8))
        cv2.line(large, root.astype(int).tolist(), tip.astype(int).tolist(), 255, thickness)
    return cv2.GaussianBlur(
        cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA), (0, 0), 0.8
    )


def mixture(alpha: Plane, wall: tuple[int, int, int] = WALL) -> Mixture:
    random = np.random.default_rng(1)
    return Mixture(clouds(random, (90, 115, 150), 9), clouds(random, wall, 5), alpha)


def rim(mixed: Mixture, picture: Picture, alpha: Plane, ground: int) -> tuple[float, float]:
    """Return mean absolute and mean signed error of luma in the edge, over *ground*."""
    share = alpha / 255
    truth = share * mixed.person[..., 0] + (1 - share) * ground
    error = (share * picture.y + (1 - share) * ground - truth)[(alpha > 0) & (alpha < 255)]
    return float(np.abs(error).mean()), float(error.mean())


@pytest.mark.parametrize("ground", [WHITE, BLACK])
@pytest.mark.parametrize("alpha", [disc(6), disc(24), hair()], ids=["soft", "wide", "hair"])
def test_no_rim(alpha: Plane, ground: int) -> None:
    """On white and on black the edge is within 2 levels of the truth, an eighth of before."""
    mixed = mixture(alpha)
    before, _ = rim(mixed, mixed.picture, alpha, ground)
    after, lean = rim(mixed, despill(mixed.picture, alpha), alpha, ground)
    assert before > 12
    assert after < 2
    assert after < before / 8
    assert abs(lean) < 1


@pytest.mark.parametrize("wall", [WALL, GREEN_SCREEN], ids=["wall", "green screen"])
@pytest.mark.parametrize("alpha", [disc(6), hair()], ids=["soft", "hair"])
def test_no_tint(alpha: Plane, wall: tuple[int, int, int]) -> None:
    """Chroma loses the wall's tint as luma loses its brightness."""
    mixed = mixture(alpha, wall)
    share = cv2.resize(alpha, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA) / 255
    edge = (share > 0) & (share < 1)
    truth, was, is_now = planes(mixed.person), mixed.picture, despill(mixed.picture, alpha)
    for name in ("u", "v"):
        right = getattr(truth, name).astype(float)
        before = np.abs(share * (getattr(was, name) - right))[edge].mean()
        after = np.abs(share * (getattr(is_now, name) - right))[edge].mean()
        assert after < min(2, before / 3)


def test_a_matte_that_is_too_wide() -> None:
    """Where the matte covers some of the wall, at most a third of it is visible."""
    mixed = mixture(disc(6))
    wide = cv2.dilate(mixed.alpha, np.ones((5, 5)))
    before, _ = rim(mixed, mixed.picture, wide, BLACK)
    after, _ = rim(mixed, despill(mixed.picture, wide), wide, BLACK)
    assert after < before / 3


def test_a_feathered_matte() -> None:
    """A matte softer than the edge leaves at most a faint rim."""
    mixed = mixture(disc(6))
    soft = cv2.GaussianBlur(mixed.alpha, (0, 0), 4)
    before, _ = rim(mixed, mixed.picture, soft, BLACK)
    after, _ = rim(mixed, despill(mixed.picture, soft), soft, BLACK)
    assert after < before / 2
    assert after < 4


def test_opaque_pixels_are_unchanged() -> None:
    """Where alpha is 255 the luma is the camera's, bit by bit."""
    mixed = mixture(disc(24))
    solid = mixed.alpha == 255
    cleaned = despill(mixed.picture, mixed.alpha)
    assert np.array_equal(cleaned.y[solid], mixed.picture.y[solid])


def test_transparent_pixels_are_smooth() -> None:
    """Where alpha is 0 the wall is removed, and colours compress well."""
    mixed = mixture(disc(6))
    near = cv2.dilate(mixed.alpha, np.ones((31, 31))).astype(bool) & (mixed.alpha == 0)
    cleaned = despill(mixed.picture, mixed.alpha).y.astype(float)
    assert abs(cleaned[near].mean() - 90) < 15
    steps = np.abs(np.diff(cleaned, axis=1))[:, 1:][mixed.alpha[:, 2:] == 0]
    assert steps.mean() < 1


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (359, 287)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_any_size_and_alpha(size: tuple[int, int], level: int) -> None:
    """Odd sizes, no person and only the person: planes keep their sizes."""
    width, height = size
    random = np.random.default_rng(2)
    picture = planes(random.uniform(16, 235, (height, width, 3)))
    cleaned = despill(picture, np.full((height, width), level, np.uint8))
    assert [p.shape for p in (cleaned.y, cleaned.u, cleaned.v)] == [
        p.shape for p in (picture.y, picture.u, picture.v)
    ]
