"""The rembg engine: a network too slow for every frame looks at some, the others inherit.

Between two looks both masks are carried along the optical flow to each frame (Kroeger et al. 2016,
"Fast Optical Flow using Dense Inverse Search", arXiv:1603.03590). Where the frame is not what the
looks saw, or the two masks disagree, the quick engine's matte of the frame itself counts instead,
corrected by what was wrong with it at the looks.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.frames import Box, Luma, Matte, Picture, Plane, Timed
from video_editing.matting.mediapipe_engine import Selfie
from video_editing.matting.person_regions import is_cut, joined, occupied
from video_editing.matting.rembg_models import MODEL, Saliency, spacing
from video_editing.matting.temporal_filter import Moment, steadied, windows
from video_editing.pixels import resized, rgb
from video_editing.reading.probe import Clip

STEADY = 3  #: frames before and after one that its matte is steadied by
BATCH = 4  #: frames read ahead, so that looks that follow each other closely share a batch
FINDING = 256  #: pixels of the longer side of what the flow is found in
TOLERANCE = 16  #: levels of luma between a frame and a look at which trust has fallen to 1/e
PATCH = 5  #: pixels over which that difference is averaged
ENOUGH = 0.4  #: trust with which the quick engine's faults are held to be the same
LEAST = 1e-3  #: trust in the worst flow, so that there is always something to weigh by

Field = NDArray[np.float32]  #: (h, w), like a matte
Found = tuple[Timed[Picture], Matte]  #: a frame and where the person is in it


class Looker(Protocol):
    """A slow network that sees where the person is.

    Attributes:
        side: width and height in pixels of the pictures it looks at.
    """

    side: int

    def __call__(self, pictures: NDArray[np.float32]) -> Sequence[Matte]:
        """A matte (side, side) for each of *pictures*, (n, side, side, 3), R'G'B' 0–1."""


class Carried:
    """An engine: one of rembg's networks, carried from look to look.

    Attributes:
        context: how many frames before and after one its matte depends on.
    """

    def __init__(
        self, clip: Clip, model: str = MODEL, *, every: int = 0, device: str = "cpu"
    ) -> None:
        """Load the network.

        Args:
            clip: the clip whose frames will come.
            model: as rembg calls it.
            every: frames from one look to the next; 1 looks at all, 0 chooses by the model and
                the device.
            device: "cpu" or "cuda".

        Raises:
            InputRejected: BAD_OPTION, there is no such model.
            ModelUnavailable: its weights or the device cannot be had here.
        """
        self._every = every or spacing(model, device)
        self._look = Saliency(model, device)
        self._quick = Selfie(clip)
        self._times = clip.times
        self.context = self._quick.context + self._every - 1 + STEADY

    def mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[Found]:
        """Each frame with its matte, as large as the quick engine's."""
        return carried(self._quick.mattes(frames), self._look, self._times, self._every)


class _Sight(NamedTuple):
    """A frame of which only the quick engine has said something.

    Attributes:
        luma: as large as a matte.
        small: the luma that the flow is found in.
        quick: the quick engine's matte.
        shot: frames of one shot have the same number.
    """

    frame: Timed[Picture]
    luma: Luma
    small: Luma
    quick: Matte
    shot: int


Seen = tuple[_Sight, Matte]  #: a frame and what the network sees, or would have seen, in it


class _Look(NamedTuple):
    """A frame that the network has looked at, and what is carried away from it.

    Attributes:
        slow: the network's matte, 0–255.
        fault: what must be added to the quick engine's matte to get that one, −255–255.
    """

    sight: _Sight
    slow: Field
    fault: Field


class _Inheritance(NamedTuple):
    """What one look leaves to a frame.

    Attributes:
        slow: as in the look, each pixel moved to where it is now.
        fault: likewise.
        trust: 0–1, how much each pixel of the frame looks like the one it inherits from.
    """

    slow: Field
    fault: Field
    trust: Field


def carried(
    found: Iterable[Found], look: Looker, times: Sequence[int], every: int
) -> Iterator[Found]:
    """Replace the quick engine's mattes by those of the network that *look* is.

    It looks at every frame whose place in the clip is a multiple of *every*, and at the first and
    the last of each shot and of what is *found*. What comes between depends on the looks around
    it alone; at last all are steadied. So mattes are the same whatever frames, more than
    *every* - 1 + :data:`STEADY` away, *found* begins and ends with.

    Args:
        found: frames in the order of their times, with mattes of one size.
        look: the network.
        times: of all frames of the clip.
        every: frames from one look to the next.
    """
    for _, shot in groupby(_passed_on(found, look, times, every), lambda item: item[0].shot):
        moments = ((sight.frame, Moment(sight.luma, matte)) for sight, matte in shot)
        for (frame, moment), around in windows(moments, STEADY):
            yield frame, steadied(moment, [other for _, other in around])


def _passed_on(
    found: Iterable[Found], look: Looker, times: Sequence[int], every: int
) -> Iterator[Seen]:
    """Each frame with the network's matte, or with what the looks around it leave to it."""
    before: _Look | None = None
    between: list[_Sight] = []
    for sight, matte in _looked(_keyed(_sighted(found), times, every), look):
        if matte is None:
            between.append(sight)
            continue
        slow = matte.astype(np.float32)
        after = _Look(sight, slow, slow - sight.quick)
        if before is not None:
            yield from _between(before, between, after)
        yield sight, matte
        before, between = after, []


def _sighted(found: Iterable[Found]) -> Iterator[_Sight]:
    before: _Sight | None = None
    for frame, matte in found:
        luma = _resized(frame.what.y, matte.shape, 1)
        small = _resized(luma, luma.shape, min(1, FINDING / max(luma.shape)))
        shot = 0 if before is None else before.shot + is_cut(before.small, small)
        before = _Sight(frame, luma, small, matte, shot)
        yield before


def _resized(luma: Luma, shape: tuple[int, ...], scale: float) -> Luma:
    size = round(shape[1] * scale), round(shape[0] * scale)
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)


def _keyed(
    sights: Iterable[_Sight], times: Sequence[int], every: int
) -> Iterator[tuple[_Sight, bool]]:
    """Say of each of *sights* whether it is to be looked at."""
    before: _Sight | None = None
    is_first = True
    for sight in sights:
        if before is not None:
            is_last = before.shot != sight.shot
            is_due = bisect_left(times, before.frame.time) % every == 0
            yield before, is_first or is_last or is_due
            is_first = is_last
        before = sight
    if before is not None:
        yield before, True


def _looked(
    keyed: Iterator[tuple[_Sight, bool]], look: Looker
) -> Iterator[tuple[_Sight, Matte | None]]:
    """Give the keys the network's mattes; it sees those within a few frames in one batch."""
    while batch := list(islice(keyed, BATCH)):
        mattes = iter(_looks([sight for sight, is_key in batch if is_key], look))
        for sight, is_key in batch:
            yield sight, next(mattes) if is_key else None


def _looks(keys: Sequence[_Sight], look: Looker) -> list[Matte]:
    """The network's mattes of *keys*, each of which it sees around its people.

    Where the quick engine sees nobody there is nobody: these networks cut out houses as well.
    """
    mattes = [np.zeros_like(key.quick) for key in keys]
    people = [occupied(key.quick) for key in keys]
    places = [
        (key, matte, joined([box], (matte.shape[1], matte.shape[0])))
        for key, matte, box in zip(keys, mattes, people, strict=True)
        if box is not None
    ]
    if places:
        shown = [_shown(key.frame.what, box, matte, look.side) for key, matte, box in places]
        for (_, matte, box), seen in zip(places, look(np.stack(shown)), strict=True):
            part = _part(matte, box)
            part[:] = resized(seen, (box.width, box.height))
    return mattes


def _shown(picture: Picture, box: Box, matte: Matte, side: int) -> NDArray[np.float32]:
    """What *picture* shows in a box of its matte, for the network: (side, side, 3), 0–1."""
    planes = []
    for plane in (picture.y, picture.u, picture.v):
        scale = plane.shape[1] / matte.shape[1]
        planes.append(_part(plane, Box(*(round(length * scale) for length in box))))
    return rgb(Picture(*planes), (side, side))


def _part(plane: Plane, box: Box) -> Plane:
    """The pixels of *plane* in the box, as a view."""
    return plane[box.top : box.top + box.height, box.left : box.left + box.width]


def _between(before: _Look, sights: Sequence[_Sight], after: _Look) -> Iterator[Seen]:
    """The mattes of *sights*, which lie between two looks; empty where the quick engine's are."""
    if not sights:
        return
    flow = _Flow(before.slow.shape)
    start, end = before.sight.frame.time, after.sight.frame.time
    for sight in sights:
        if occupied(sight.quick) is None:
            yield sight, np.zeros_like(sight.quick)
            continue
        nearness = (end - sight.frame.time) / (end - start)
        heritage = flow.inherited(sight, before), flow.inherited(sight, after)
        yield sight, _mixed(sight.quick, *heritage, nearness)


class _Flow:
    """Carries masks from one frame to another."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._size = shape[1], shape[0]

    def inherited(self, heir: _Sight, look: _Look) -> _Inheritance:
        """What *heir* has from *look*."""
        none: Any = None  # no flow to begin with; cv2's stubs do not know that it may lack
        flow = np.asarray(self._search.calc(heir.small, look.sight.small, none), np.float32)
        luma = _moved(look.sight.small.astype(np.float32), flow)
        strangeness = cv2.blur(np.abs(luma - heir.small), (PATCH, PATCH)) / TOLERANCE
        trust = np.asarray(cv2.resize(np.exp(-(strangeness**2)), self._size))
        flow = np.asarray(cv2.resize(flow, self._size)) * (self._size[0] / flow.shape[1])
        return _Inheritance(_moved(look.slow, flow), _moved(look.fault, flow), trust)


def _moved(field: Field, flow: Field) -> Field:
    """*field* with what lies where the flow, (h, w, 2), goes in each pixel's place."""
    height, width = field.shape
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _mixed(quick: Matte, before: _Inheritance, after: _Inheritance, nearness: float) -> Matte:
    """The matte of a frame between two looks.

    Args:
        quick: what the quick engine says of the frame.
        before: what the look before it leaves to it.
        after: what the look after it leaves to it.
        nearness: to the one before, 0–1.
    """
    weights = (before.trust + LEAST) * nearness, (after.trust + LEAST) * (1 - nearness)
    share = weights[0] / (weights[0] + weights[1])
    slow = after.slow + share * (before.slow - after.slow)
    fault = after.fault + share * (before.fault - after.fault)
    trust = nearness * before.trust + (1 - nearness) * after.trust
    mended = np.clip(quick + fault * np.minimum(1, trust / ENOUGH), 0, 255)
    trust *= 1 - np.abs(before.slow - after.slow) / 255
    matte: Matte = np.rint(mended + trust * (slow - mended)).astype(np.uint8)
    return matte
