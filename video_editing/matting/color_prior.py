"""Correct a matte near its edge by the colours of the person and of the background.

The models go by shape. Long hair or a sleeve of which they are unsure often has a colour that
occurs on the person and not around the person. The ratio of two colour histograms, as in Rother,
Kolmogorov, Blake 2004, "GrabCut", shifts the models' probability, near the edge only.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.frames import FloatPlane, Matte, Picture, Plane

PRIOR_WEIGHT = 0.35  #: of the colours' log ratio; that of the models' log odds is 1
EDGE_BAND = 1 / 30  #: width of the band on each side of the edge, of the matte's longer side
PATCH_RADIUS = 3  #: pixels at chroma's size, of the window that averages log ratios
BINS = 24  #: of each component in the histograms
MAX_LOG_RATIO = 3.0  #: larger log ratios are clipped
MIN_PROBABILITY = 0.005  #: the models' probability is clipped to this distance from 0 and 1


def apply_colour_prior(matte: Matte, picture: Picture) -> Matte:
    """Return *matte*, corrected near its edge by the colours of *picture*.

    Args:
        matte: the models' probability that a pixel is person.
        picture: of the matte's size.
    """
    size = picture.u.shape[1], picture.u.shape[0]
    small = cv2.resize(matte, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    small *= np.float32(1 / 255)
    reach = round(EDGE_BAND * max(size))
    core = (small > 0.5).astype(np.uint8)
    inner = cv2.erode(core, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    band = _dilate(core, reach) - inner
    shift = _compute_log_ratios(picture, small, _dilate(core, 2 * reach) > 0)
    shift *= cv2.blur(band.astype(np.float32), (reach, reach)) * PRIOR_WEIGHT
    shift = np.asarray(cv2.resize(shift, (matte.shape[1], matte.shape[0])), np.float32)
    probability = np.clip(matte.astype(np.float32) / 255, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    odds = probability / (1 - probability) * np.exp(shift)
    corrected = np.rint(255 * odds / (1 + odds)).astype(np.uint8)
    return np.where(np.abs(shift) > 1e-3, corrected, matte)


def _dilate(mask: Plane, radius: int) -> Plane:
    return np.asarray(
        cv2.dilate(mask, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)), np.uint8
    )


def _compute_log_ratios(
    picture: Picture, probability: FloatPlane, region: NDArray[np.bool_]
) -> FloatPlane:
    """Return the log ratio of each pixel's colour on the person and on the background.

    Args:
        picture: the picture.
        probability: of person, at chroma's size.
        region: the pixels, at chroma's size, from which the histograms are computed.
    """
    bins = _compute_bins(picture)
    known_bins, share = bins[region], probability[region]
    person = _compute_histogram(known_bins, share**2)
    background = _compute_histogram(known_bins, (1 - share) ** 2)
    ratio = np.clip(np.log((person + 1e-5) / (background + 1e-5)), -MAX_LOG_RATIO, MAX_LOG_RATIO)
    side = 2 * PATCH_RADIUS + 1
    return np.asarray(cv2.blur(ratio.astype(np.float32)[bins], (side, side)), np.float32)


def _compute_bins(picture: Picture) -> NDArray[np.int32]:
    """Return the histogram bin of each pixel, at chroma's size."""
    size = picture.u.shape[1], picture.u.shape[0]
    luma = cv2.resize(picture.y, size, interpolation=cv2.INTER_AREA)
    bins = cv2.LUT(luma, _LUMA_BINS * BINS**2) + cv2.LUT(picture.u, _CHROMA_BINS * BINS)
    return np.asarray(bins + cv2.LUT(picture.v, _CHROMA_BINS), np.int32)


def _compute_histogram(bins: NDArray[np.int32], weights: FloatPlane) -> NDArray[np.float64]:
    """Return the share of each bin in all weights, smoothed over neighbouring bins."""
    counts = np.bincount(bins, weights, BINS**3).astype(np.float64).reshape(BINS, BINS, BINS)
    for axis in range(3):
        counts = counts / 2 + (np.roll(counts, 1, axis) + np.roll(counts, -1, axis)) / 4
    share: NDArray[np.float64] = (counts / max(counts.sum(), 1e-6)).ravel()
    return share


_LUMA_BINS = np.arange(256, dtype=np.int32) * BINS // 256
#: saturated colours share the outermost bins, because few pixels have them
_CHROMA_BINS = np.clip((np.arange(256, dtype=np.int32) - 64) * BINS // 128, 0, BINS - 1)
