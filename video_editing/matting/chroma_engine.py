"""The chroma engine: keys the people in front of a green or blue screen by its colour.

A pixel's colour is a mixture of the person's F and the screen's S, with alpha as F's share. Both
are known from pixels nearby that surely show one of the two, so that uneven light and soft shadows
are part of S. Alpha is the projection of the pixel's way from S on the way from S to F.

What is surely screen or person is found in the plane of chroma, turned so that X points to the
screen's hue and Z away from it: the key X − |Z| is that of Jack 2007, "Video Demystified", 5th
edition, "Chroma Keying", and stands for Vlahos's colour difference, green minus the larger of red
and blue (Smith, Blinn 1996, "Blue Screen Matting"; US patent 3595987).

Chroma has half of luma's resolution. So alpha is computed at chroma's size as a function that is
linear in luma, and evaluated at luma's: He, Sun 2015, "Fast Guided Filter", arXiv:1505.00996.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.style import YuvColour
from video_editing.frames import FloatPlane, FrameMatte, Matte, Picture, Plane, Timed
from video_editing.matting.person_regions import MIN_PERSON_AREA, MIN_RELATIVE_AREA
from video_editing.matting.temporal_filter import LumaMatte, TemporalFilter, slide_window
from video_editing.pixels import resize
from video_editing.pyramid import build_pyramid
from video_editing.reading.decode import read_keyframes
from video_editing.reading.probe import Clip

MAX_KEYFRAMES = 3  #: key frames from which the screen's colour is learned
SAMPLE_SIDE = 96  #: pixels, longer side of the reduced key frames

HUES = -150, 10  #: degrees in the plane of Cb and Cr: from yellowish green to violet blue
HUE_SPREAD = 15  #: degrees on both sides of the screen's hue that belong to it
MIN_CHROMA = 20  #: levels; less saturated colours are no screen
MIN_SCREEN_SHARE = 0.2  #: of the pixels of each key frame

#: An obvious screen is green or blue: between the two lie walls and title cards.
OBVIOUS_HUES = ((-150, -104), (-80, 10))
MIN_OBVIOUS_CHROMA = 40  #: levels; a clear sky and a painted wall have less
MIN_BORDER_SHARE = 0.9  #: of the border that an obvious screen fills
BORDER = 1 / 24  #: width of the border, of the longer side

MAX_HUE_SLOPE = 0.36  #: |Z| / X of a pixel of the screen; 20 degrees
MIN_SATURATION = 0.35  #: X of a pixel of the screen, of the clip's screen; less in a deep shadow
MIN_COLOURFULNESS = 0.5  #: X by luma of a pixel of the screen, of the clip's screen
MIN_STRIP_SHARE = 0.1  #: of a reduced column or row that shows screen; less lies beside it
MIN_STRIPS = 5  #: reduced columns or rows side by side; fewer are things of the screen's colour
SOLID_SHARE = 0.92  #: share of the person, by the key, of a pixel that is surely person
CLEAR_SHARE = 0.15  #: the same of a pixel that is surely screen
#: Reach of an edge, of the longer side: what has the screen's hue and is further from the person
#: is screen; what is further from the screen is person, whatever its colour.
EDGE_REACH = 1 / 33
FLAT_REACH = 1 / 100  #: of the longer side; clothes of a similar colour have an even share so far …
FLAT_RANGE = 0.12  #: … within this range …
MIN_FLAT_SHARE = 0.4  #: … and of this much at least
EDGE_MARGIN = 1 / 200  #: of the longer side; screen nearer to another colour is mixed with it

GRID_SIDE = 128  #: cells, longer side of the grids of S and F
WINDOWS = 31, 9, 3  #: cells, sides of the squares over which means are computed, the last prevails
MIN_WEIGHT = 2e-3  #: weight of the wider square's mean
#: variances of Y, Cb and Cr around F in levels squared, beside those measured nearby
NOISE_VARIANCE = np.array([36, 25, 25], np.float32)
GUIDE_VARIANCE = 65.0  #: variance of luma, in levels squared, below which there is no edge
#: projections that become 0 and 1: the screen is noisy, the person's outline has its light
ALPHA_RANGE = 0.06, 0.86
FILTER_WINDOW = 1  #: frames before and after a frame in the temporal filter
NOISE_TOLERANCE = 32**2  #: squared difference of alpha, in levels, where a frame's weight is 1/e

Mask = NDArray[np.uint8]  #: (h, w), 0 or 1
Planes = Sequence[Plane]  #: Y, Cb and Cr, of one size
Colours = NDArray[np.float32]  #: (h, w, 3), Y'CbCr


def find_screen_colour(clip: Clip) -> YuvColour | None:
    """Return the colour of the obvious screen that *clip* was recorded in front of, or None.

    Its border, but for the lower part where people stand, is of one saturated green or blue.

    Raises:
        InputRejected: CORRUPT, a key frame does not decode.
    """
    samples = (np.dstack(planes) for planes in _sample_keyframes(clip))
    borders = (sample[_find_border(sample)] for sample in samples)
    colour = _find_common_colour(borders, MIN_BORDER_SHARE)
    if colour is None:
        return None
    chroma, hue = _convert_to_polar(np.array([colour]))
    is_hue = any(first < hue < last for first, last in OBVIOUS_HUES)
    return colour if is_hue and chroma >= MIN_OBVIOUS_CHROMA else None


class ChromaEngine:
    """An engine for clips that were recorded in front of a green or blue screen.

    Attributes:
        context_frames: number of frames before and after a frame that its matte depends on, besides
            the clip's key frames.
        warm_up_frames: none; the engine has no state.
        parallel_runs: number of parts of the clip that may be computed at the same time.
    """

    context_frames = FILTER_WINDOW
    warm_up_frames = 0
    parallel_runs = 1

    def __init__(self, clip: Clip) -> None:
        """Learn the screen's colour, and how far it reaches, from a few key frames.

        Raises:
            InputRejected: BAD_OPTION, the clip has no screen; CORRUPT, a key frame does not decode.
        """
        samples = list(_sample_keyframes(clip))
        pixels = (np.dstack(planes).reshape(-1, 3) for planes in samples)
        colour = _find_common_colour(pixels, MIN_SCREEN_SHARE)
        if colour is None:
            why = "this clip has no green or blue screen behind the person"
            raise InputRejected(RejectReason.BAD_OPTION, option="engine", why=why)
        self._key = _Key(colour)
        self._stage = self._find_stage(samples)

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Yield each frame with its small matte, which shows all of the frame."""
        temporal_filter = TemporalFilter(NOISE_TOLERANCE)
        samples = ((frame, self._sample(frame)) for frame in frames)
        for (frame, current), window in slide_window(samples, FILTER_WINDOW):
            if not current.matte.any():  # a person who has left leaves no trace
                yield frame, current.matte
            else:
                yield frame, temporal_filter(current, window)

    def _sample(self, frame: Timed[Picture]) -> LumaMatte:
        """Return the matte of *frame* for the temporal filter.

        It stands for luma as well, by which a person may not differ from the screen.
        """
        matte = self._key_frame(frame.value)
        return LumaMatte(frame.time, matte, matte)

    def _find_stage(self, samples: Iterable[Planes]) -> Mask:
        """Return the part of the frame, at the samples' size, where people are looked for.

        What lies beside the screen or above it is left out. A person may hide the screen in some
        columns, but hardly in those at the frame's side in every key frame over their whole height.
        """
        screen = np.max([self._key.find_hue(planes) for planes in samples], axis=0)
        stage = np.zeros_like(screen)
        left, right = _find_span(screen.mean(0))
        top, _ = _find_span(screen.mean(1))
        stage[top:, left:right] = 1
        return np.asarray(stage)

    def _key_frame(self, picture: Picture) -> Matte:
        """Compute the matte of a single frame."""
        levels = build_pyramid(picture)
        luma, size = levels[-1].y, levels[-1].size
        source = levels[-2] if len(levels) > 1 else picture  # its chroma is not larger than luma
        key_size = min(size, source.u.shape[::-1])
        planes = [resize(plane, key_size) for plane in (luma, source.u, source.v)]
        hue = self._key.find_hue(planes)
        pure_screen = _erode(hue, EDGE_MARGIN)
        if not pure_screen.any():  # a shot without the screen is shown as it is
            return np.full_like(luma, 255)
        screen = _fit_colours(planes, pure_screen).mean
        share = self._key.compute_share(planes, screen)
        stage = cv2.resize(self._stage, key_size, interpolation=cv2.INTER_NEAREST)
        regions = _find_regions(hue, share, np.asarray(stage, np.uint8))
        if not regions.person.any():
            return np.zeros_like(luma)
        person = _fit_colours(planes, regions.person)
        slope, offset = (cv2.resize(f, size) for f in _fit_alpha(planes, screen, person))
        alpha = np.asarray(_multiply(slope, luma) + offset, np.float32)
        return _limit_to_regions(alpha, regions)


def _find_span(shares: NDArray[np.float64]) -> tuple[int, int]:
    """Return start and end of the columns or rows from the first that show screen to the last.

    Args:
        shares: of screen, in each column or row.
    """
    has_screen = (shares >= MIN_STRIP_SHARE).astype(np.uint8)[None]
    wide = cv2.morphologyEx(has_screen, cv2.MORPH_OPEN, np.ones((1, MIN_STRIPS), np.uint8))
    found = np.flatnonzero(wide)
    return (int(found[0]), int(found[-1]) + 1) if found.size else (0, shares.size)


class _Key:
    """The plane of chroma, turned to the hue of a screen.

    X points to the screen's hue and Z away from it, both in levels.
    """

    def __init__(self, screen: YuvColour) -> None:
        blue, red = screen.u - 128, screen.v - 128
        self._chroma = float(np.hypot(blue, red))
        self._direction = blue / self._chroma, red / self._chroma
        self._colourfulness = self._chroma / max(screen.y - 16, 1)

    def find_hue(self, planes: Planes) -> Mask:
        """Return where the screen's hue is at least as saturated as in the screen's shadows."""
        x, z = self._turn(*planes[1:])
        is_hue = (x > MIN_SATURATION * self._chroma) & (z < MAX_HUE_SLOPE * x)
        slope = MIN_COLOURFULNESS * self._colourfulness
        is_hue &= x > cv2.addWeighted(planes[0], slope, planes[0], 0, -16 * slope, dtype=cv2.CV_32F)
        return is_hue.view(np.uint8)

    def compute_share(self, planes: Planes, screen: Colours) -> FloatPlane:
        """Return the share of the person in each pixel, as if the person's key were 0.

        Args:
            planes: of the picture.
            screen: colours of the screen alone, on a grid.
        """
        x, z = self._turn(*planes[1:])
        full_x, full_z = self._turn(screen[..., 1], screen[..., 2])
        rate = cv2.resize(-1 / np.maximum(full_x - full_z, 1), x.shape[::-1])
        return np.asarray((x - z) * rate + 1, np.float32)

    def _turn(self, u: Plane | FloatPlane, v: Plane | FloatPlane) -> tuple[FloatPlane, FloatPlane]:
        """Return X and the absolute value of Z."""
        blue, red = self._direction
        x = cv2.addWeighted(u, blue, v, red, -128 * (blue + red), dtype=cv2.CV_32F)
        z = cv2.addWeighted(u, -red, v, blue, -128 * (blue - red), dtype=cv2.CV_32F)
        return np.asarray(x, np.float32), np.abs(np.asarray(z, np.float32))


class _Regions(NamedTuple):
    """What is known of a frame before its alpha.

    Attributes:
        screen: pixels that show the screen alone, or what lies beside it.
        person: pixels that show a person alone.
        inside: how surely a pixel is inside a person, 0–1, because it is far from the screen.
    """

    screen: Mask
    person: Mask
    inside: FloatPlane


def _find_regions(hue: Mask, share: FloatPlane, stage: Mask) -> _Regions:
    """Tell screen and people apart.

    Args:
        hue: pixels of the screen's hue.
        share: of the person in each pixel.
        stage: pixels where people are looked for.
    """
    reach = max(1, round(EDGE_REACH * max(hue.shape)))
    solid = ((share > SOLID_SHARE) | _is_flat(share)).astype(np.uint8) & stage
    solid = np.asarray(cv2.morphologyEx(solid, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))
    near = cv2.dilate(solid, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    is_screen = (share < CLEAR_SHARE) | (near == 0)
    screen = (hue & is_screen.astype(np.uint8)) | (stage ^ 1)
    screen |= _find_islands(screen ^ 1, solid)
    distance = cv2.distanceTransform(screen ^ 1, cv2.DIST_L2, 3)
    inside = np.clip(distance * np.float32(1 / reach) - 1, 0, 1)
    person = _erode((solid | (inside == 1)) & (screen ^ 1), 0)
    return _Regions(screen, person, inside)


def _is_flat(share: FloatPlane) -> NDArray[np.bool_]:
    """Return where the share of the person is even, as in clothes and not as in an edge."""
    reach = max(1, round(FLAT_REACH * max(share.shape)))
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    smooth = cv2.blur(share, (3, 3))
    lowest = cv2.erode(smooth, square)
    is_flat = (lowest > MIN_FLAT_SHARE) & (cv2.dilate(smooth, square) - lowest < FLAT_RANGE)
    return np.asarray(is_flat)


def _find_islands(shown: Mask, solid: Mask) -> Mask:
    """Return the parts of *shown* whose *solid* area is too small for a person."""
    count, labels = cv2.connectedComponents(shown)
    areas = np.bincount(labels[solid > 0], minlength=count)
    areas[0] = 0
    least = max(MIN_RELATIVE_AREA * areas.max(), MIN_PERSON_AREA * shown.size)
    return np.asarray((areas < least).astype(np.uint8)[labels])


def _limit_to_regions(alpha: FloatPlane, regions: _Regions) -> Matte:
    """Return *alpha*, 0–1, as a matte that is opaque on people and empty on the screen."""
    low, high = ALPHA_RANGE
    size = alpha.shape[::-1]
    alpha = np.clip((alpha - low) * np.float32(1 / (high - low)), 0, 1)
    least = np.maximum(regions.inside, regions.person)
    least = cv2.resize(least, size, interpolation=cv2.INTER_NEAREST)
    most = cv2.resize(regions.screen ^ 1, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.convertScaleAbs(np.maximum(alpha, least) * most, alpha=255), np.uint8)


class _LocalColours(NamedTuple):
    """Colours around each cell of a grid.

    Attributes:
        mean: in levels.
        variance: in levels squared.
    """

    mean: Colours
    variance: Colours


def _fit_colours(planes: Planes, sample: Mask) -> _LocalColours:
    """Return the colours of the *sample* nearest to each cell of a grid over the picture.

    Args:
        planes: of the picture.
        sample: pixels whose colours count.
    """
    height, width = sample.shape
    scale = min(1, GRID_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    step = max(1, int(0.5 / scale))  # two pixels of each cell's side are enough
    sparse = sample[::step, ::step].astype(np.float32)
    colours = cv2.merge([plane[::step, ::step] * sparse for plane in planes])
    weight = np.asarray(cv2.resize(sparse, size, interpolation=cv2.INTER_AREA), np.float32)
    total = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
    squares = total * total / np.maximum(weight, MIN_WEIGHT)[..., None]
    mean, square = (_average(np.asarray(v, np.float32), weight) for v in (total, squares))
    return _LocalColours(mean, np.maximum(square - mean * mean, 0))


def _average(total: Colours, weight: FloatPlane) -> Colours:
    """Return the weighted mean around each cell, of the narrowest square with any weight."""
    mean = total.sum((0, 1)) / max(float(weight.sum()), MIN_WEIGHT)
    for side in WINDOWS:
        totals = cv2.boxFilter(total, -1, (side, side))
        # Running sums leave rounding errors below 0 where all weights are 0.
        weights = np.maximum(cv2.boxFilter(weight, -1, (side, side)), 0)[..., None]
        mean = (totals + MIN_WEIGHT * mean) / (weights + MIN_WEIGHT)
    return np.asarray(mean, np.float32)


def _fit_alpha(
    planes: Planes, screen: Colours, person: _LocalColours
) -> tuple[FloatPlane, FloatPlane]:
    """Return slope and offset of alpha as a linear function of luma at each pixel.

    Alpha is the projection on the way from the screen's colour to the person's; a component counts
    the less the more it varies on the person. Chroma follows luma as it does within 3 × 3 pixels.
    """
    difference = person.mean - screen
    weight = difference / (person.variance + NOISE_VARIANCE)
    weight /= np.maximum((weight * difference).sum(2), 1e-3)[..., None]
    start = (weight * screen).sum(2)
    luma, blue, red = planes
    by_luma, by_blue, by_red, start = (
        cv2.resize(field, luma.shape[::-1]) for field in (*cv2.split(weight), start)
    )
    chroma = _multiply(by_blue, blue) + _multiply(by_red, red) - start
    mean, square = (f(luma, cv2.CV_32F, (3, 3)) for f in (cv2.boxFilter, cv2.sqrBoxFilter))
    slope = cv2.blur(_multiply(chroma, luma), (3, 3)) - mean * cv2.blur(chroma, (3, 3))
    slope /= square - mean * mean + GUIDE_VARIANCE
    return np.asarray(by_luma + slope), np.asarray(chroma - _multiply(slope, luma))


def _multiply(field: NDArray[Any], plane: Plane) -> FloatPlane:
    """Return the product without a copy of *plane* as floats."""
    return np.asarray(cv2.multiply(field, plane, dtype=cv2.CV_32F), np.float32)


def _erode(mask: Mask, margin: float) -> Mask:
    """Return *mask* without *margin*, of the longer side, along its outline; a pixel at least."""
    reach = max(1, round(margin * max(mask.shape)))
    return np.asarray(cv2.erode(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)))


def _sample_keyframes(clip: Clip) -> Iterator[Planes]:
    """Yield a few key frames, spread evenly over *clip* and reduced."""
    keys = clip.keyframes or clip.times[:1]
    count = min(MAX_KEYFRAMES, len(keys))
    spread = [keys[(2 * i + 1) * len(keys) // (2 * count)] for i in range(count)]
    scale = min(1, SAMPLE_SIDE / max(clip.size))
    size = max(1, round(clip.size[0] * scale)), max(1, round(clip.size[1] * scale))
    for frame in read_keyframes(clip, spread):
        planes = (frame.value.y, frame.value.u, frame.value.v)
        yield [resize(plane, size) for plane in planes]


def _find_border(colours: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the upper border of a picture, and the sides as far as people seldom reach."""
    height, width, _ = colours.shape
    reach = max(1, round(BORDER * max(height, width)))
    is_border = np.zeros((height, width), bool)
    is_border[:reach] = True
    is_border[: height * 3 // 4, :reach] = is_border[: height * 3 // 4, -reach:] = True
    return is_border


def _find_common_colour(samples: Iterable[NDArray[np.uint8]], min_share: float) -> YuvColour | None:
    """Return the colour of the screen that all *samples* show, or None.

    Args:
        samples: pixels, (n, 3), of key frames.
        min_share: of the pixels of each that must have the screen's hue.
    """
    found = []
    for pixels in samples:
        colour = _find_dominant_colour(pixels, min_share)
        if colour is None:  # the other key frames need not be decoded
            return None
        found.append(colour)
    if not found:  # a damaged clip may have no key frame
        return None
    colours = np.array(found)
    _, hues = _convert_to_polar(colours)
    if np.ptp(hues) > 2 * HUE_SPREAD:
        return None
    return YuvColour(*np.rint(np.median(colours, axis=0)).astype(int).tolist())


def _find_dominant_colour(
    pixels: NDArray[np.uint8], min_share: float
) -> NDArray[np.float32] | None:
    """Return the median of the most frequent saturated green or blue, (3,), or None."""
    chroma, hue = _convert_to_polar(pixels)
    is_screen = (chroma >= MIN_CHROMA) & (hue > HUES[0]) & (hue < HUES[1])
    counts, edges = np.histogram(hue[is_screen], bins=HUES[1] - HUES[0], range=HUES)
    peak = edges[np.convolve(counts, np.bartlett(2 * HUE_SPREAD + 1), "same").argmax()] + 0.5
    is_screen &= np.abs(hue - peak) <= HUE_SPREAD
    if is_screen.mean() < min_share:
        return None
    return np.asarray(np.median(pixels[is_screen], axis=0), np.float32)


def _convert_to_polar(colours: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return chroma in levels and hue in degrees, 0 towards Cb, 90 towards Cr."""
    blue, red = colours[:, 1] - 128.0, colours[:, 2] - 128.0
    return np.hypot(blue, red), np.degrees(np.arctan2(red, blue))
