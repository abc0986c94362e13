"""What the colours of a frame say about who is person and who is background.

The models go by shape; long hair or a sleeve that they doubt often has a colour that is found on
the person and nowhere around her. The ratio of two colour histograms, as in Rother, Kolmogorov,
Blake 2004, "GrabCut", moves what the models said, near the edge alone.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.frames import FloatPlane, Matte, Picture, Plane

PRIOR_WEIGHT = 0.35  #: of the colours' word by that of the models
EDGE_BAND = 1 / 30  #: width of what is near an edge, on each side of it, by the matte's longer side
PATCH_RADIUS = 3  #: pixels, at chroma's size, over which the colours' word is averaged
BINS = 24  #: of each component
MAX_LOG_RATIO = 3.0  #: logarithm of the largest ratio that is believed
MIN_PROBABILITY = 0.005  #: distance from 0 and 1 that the models' word is held to keep


def apply_colour_prior(matte: Matte, picture: Picture) -> Matte:
    """*matte*, moved near its edges to where the colours are those of the person.

    Args:
        matte: what the models say.
        picture: what they said it of, of the same size.
    """
    size = picture.u.shape[1], picture.u.shape[0]
    said = cv2.resize(matte, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    said *= np.float32(1 / 255)
    reach = round(EDGE_BAND * max(size))
    core = (said > 0.5).astype(np.uint8)
    near = _dilate(core, reach) - cv2.erode(core, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    word = _compute_log_ratios(picture, said, _dilate(core, 2 * reach) > 0)
    word *= cv2.blur(near.astype(np.float32), (reach, reach)) * PRIOR_WEIGHT
    word = np.asarray(cv2.resize(word, (matte.shape[1], matte.shape[0])), np.float32)
    chance = np.clip(matte.astype(np.float32) / 255, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    odds = chance / (1 - chance) * np.exp(word)
    moved = np.rint(255 * odds / (1 + odds)).astype(np.uint8)
    return np.where(np.abs(word) > 1e-3, moved, matte)


def _dilate(mask: Plane, radius: int) -> Plane:
    return np.asarray(
        cv2.dilate(mask, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)), np.uint8
    )


def _compute_log_ratios(
    picture: Picture, probability: FloatPlane, region: NDArray[np.bool_]
) -> FloatPlane:
    """How much likelier each colour is on the person than around her, as a logarithm."""
    bins = _compute_bins(picture)
    here, chance = bins[region], probability[region]
    person, rest = _compute_histogram(here, chance**2), _compute_histogram(here, (1 - chance) ** 2)
    ratio = np.clip(np.log((person + 1e-5) / (rest + 1e-5)), -MAX_LOG_RATIO, MAX_LOG_RATIO)
    side = 2 * PATCH_RADIUS + 1
    return np.asarray(cv2.blur(ratio.astype(np.float32)[bins], (side, side)), np.float32)


def _compute_bins(picture: Picture) -> NDArray[np.intp]:
    """Which bin of the histogram each pixel, at chroma's size, falls into."""
    size = picture.u.shape[1], picture.u.shape[0]
    luma = cv2.resize(picture.y, size, interpolation=cv2.INTER_AREA)
    bins = np.asarray(_LUMA_BINS[luma] * BINS + _CHROMA_BINS[picture.u], np.intp)
    return bins * BINS + _CHROMA_BINS[picture.v]


def _compute_histogram(bins: NDArray[np.intp], weights: FloatPlane) -> NDArray[np.float64]:
    """The share of each bin, and a part of its neighbours', in the sum of all weights."""
    counts = np.bincount(bins, weights, BINS**3).astype(np.float64).reshape(BINS, BINS, BINS)
    for axis in range(3):
        counts = counts / 2 + (np.roll(counts, 1, axis) + np.roll(counts, -1, axis)) / 4
    share: NDArray[np.float64] = (counts / max(counts.sum(), 1e-6)).ravel()
    return share


_LUMA_BINS = np.arange(256) * BINS // 256
#: saturated colours share the outermost bins: few pixels have them
_CHROMA_BINS = np.clip((np.arange(256) - 64) * BINS // 128, 0, BINS - 1)
