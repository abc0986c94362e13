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

from video_editing.frames import Box, FloatPlane, FrameMatte, Luma, Matte, Picture, Plane, Timed
from video_editing.matting.mediapipe_engine import MediapipeEngine
from video_editing.matting.person_regions import find_people_box, is_shot_boundary, merge_boxes
from video_editing.matting.rembg_models import (
    DEFAULT_MODEL,
    OnnxSegmenter,
    choose_keyframe_interval,
)
from video_editing.matting.temporal_filter import LumaMatte, filter_temporally, slide_window
from video_editing.pixels import convert_to_rgb, resize
from video_editing.reading.probe import Clip

FILTER_WINDOW = 3  #: frames before and after one that its matte is steadied by
BATCH_FRAMES = 4  #: frames read ahead, so that looks that follow each other closely share a batch
FLOW_SIDE = 256  #: pixels of the longer side of what the flow is found in
LUMA_TOLERANCE = 16  #: levels of luma between a frame and a look at which trust has fallen to 1/e
PATCH_SIZE = 5  #: pixels over which that difference is averaged
FULL_CONFIDENCE = 0.4  #: trust with which the quick engine's faults are held to be the same
MIN_CONFIDENCE = 1e-3  #: trust in the worst flow, so that there is always something to weigh by


class KeyframeModel(Protocol):
    """A slow network that sees where the person is.

    Attributes:
        side: width and height in pixels of the pictures it looks at.
    """

    side: int

    def __call__(self, pictures: NDArray[np.float32]) -> Sequence[Matte]:
        """A matte (side, side) for each of *pictures*, (n, side, side, 3), R'G'B' 0–1."""


class RembgEngine:
    """An engine: one of rembg's networks, carried from look to look.

    Attributes:
        context_frames: number of frames before and after a frame that its matte depends on.
        warm_up_frames: none; the engine has no state.
    """

    context_frames: int
    warm_up_frames = 0

    def __init__(
        self, clip: Clip, model: str = DEFAULT_MODEL, *, every: int = 0, device: str = "cpu"
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
        self._keyframe_interval = every or choose_keyframe_interval(model, device)
        self._model = OnnxSegmenter(model, device)
        self._quick_engine = MediapipeEngine(clip)
        self._times = clip.times
        self.context_frames = (
            self._quick_engine.context_frames + self._keyframe_interval - 1 + FILTER_WINDOW
        )

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Each frame with its matte, as large as the quick engine's."""
        return propagate(
            self._quick_engine.compute_mattes(frames),
            self._model,
            self._times,
            self._keyframe_interval,
        )


class _QuickFrame(NamedTuple):
    """A frame of which only the quick engine has said something.

    Attributes:
        luma: as large as a matte.
        small_luma: the luma that the flow is found in.
        quick_matte: the quick engine's matte.
        shot: frames of one shot have the same number.
    """

    frame: Timed[Picture]
    luma: Luma
    small_luma: Luma
    quick_matte: Matte
    shot: int


_MattedFrame = tuple[
    _QuickFrame, Matte
]  #: a frame and what the network sees, or would have seen, in it


class _Keyframe(NamedTuple):
    """A frame that the network has looked at, and what is carried away from it.

    Attributes:
        model_matte: the network's matte, 0–255.
        correction: what must be added to the quick engine's matte to get that one, −255–255.
    """

    quick_frame: _QuickFrame
    model_matte: FloatPlane
    correction: FloatPlane


class _PropagatedMatte(NamedTuple):
    """What one look leaves to a frame.

    Attributes:
        model_matte: as in the look, each pixel moved to where it is now.
        correction: likewise.
        confidence: 0–1, how much each pixel of the frame looks like the one it inherits from.
    """

    model_matte: FloatPlane
    correction: FloatPlane
    confidence: FloatPlane


def propagate(
    frames: Iterable[FrameMatte], model: KeyframeModel, times: Sequence[int], every: int
) -> Iterator[FrameMatte]:
    """Replace the quick engine's mattes by those of the network that *model* is.

    It looks at every frame whose place in the clip is a multiple of *every*, and at the first and
    the last of each shot and of what is *frames*. What comes between depends on the looks around
    it alone; at last all are steadied. So mattes are the same whatever frames, more than
    *every* - 1 + :data:`STEADY` away, *frames* begins and ends with.

    Args:
        frames: frames in the order of their times, with mattes of one size.
        model: the network.
        times: of all frames of the clip.
        every: frames from one look to the next.
    """
    for _, shot in groupby(
        _propagate_mattes(frames, model, times, every), lambda item: item[0].shot
    ):
        moments = ((sight.frame, LumaMatte(sight.luma, matte)) for sight, matte in shot)
        for (frame, moment), around in slide_window(moments, FILTER_WINDOW):
            yield frame, filter_temporally(moment, [other for _, other in around])


def _propagate_mattes(
    frames: Iterable[FrameMatte], model: KeyframeModel, times: Sequence[int], every: int
) -> Iterator[_MattedFrame]:
    """Each frame with the network's matte, or with what the looks around it leave to it."""
    before: _Keyframe | None = None
    between: list[_QuickFrame] = []
    for sight, matte in _run_model(_mark_keyframes(_analyse_frames(frames), times, every), model):
        if matte is None:
            between.append(sight)
            continue
        slow = matte.astype(np.float32)
        after = _Keyframe(sight, slow, slow - sight.quick_matte)
        if before is not None:
            yield from _interpolate(before, between, after)
        yield sight, matte
        before, between = after, []


def _analyse_frames(frames: Iterable[FrameMatte]) -> Iterator[_QuickFrame]:
    before: _QuickFrame | None = None
    for frame, matte in frames:
        luma = _resize_luma(frame.value.y, matte.shape, 1)
        small = _resize_luma(luma, luma.shape, min(1, FLOW_SIDE / max(luma.shape)))
        shot = 0 if before is None else before.shot + is_shot_boundary(before.small_luma, small)
        before = _QuickFrame(frame, luma, small, matte, shot)
        yield before


def _resize_luma(luma: Luma, shape: tuple[int, ...], scale: float) -> Luma:
    size = round(shape[1] * scale), round(shape[0] * scale)
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)


def _mark_keyframes(
    frames: Iterable[_QuickFrame], times: Sequence[int], every: int
) -> Iterator[tuple[_QuickFrame, bool]]:
    """Say of each of *frames* whether it is to be looked at."""
    before: _QuickFrame | None = None
    is_first = True
    for sight in frames:
        if before is not None:
            is_last = before.shot != sight.shot
            is_due = bisect_left(times, before.frame.time) % every == 0
            yield before, is_first or is_last or is_due
            is_first = is_last
        before = sight
    if before is not None:
        yield before, True


def _run_model(
    marked_frames: Iterator[tuple[_QuickFrame, bool]], model: KeyframeModel
) -> Iterator[tuple[_QuickFrame, Matte | None]]:
    """Give the keys the network's mattes; it sees those within a few frames in one batch."""
    while batch := list(islice(marked_frames, BATCH_FRAMES)):
        mattes = iter(_compute_keyframe_mattes([sight for sight, is_key in batch if is_key], model))
        for sight, is_key in batch:
            yield sight, next(mattes) if is_key else None


def _compute_keyframe_mattes(keyframes: Sequence[_QuickFrame], model: KeyframeModel) -> list[Matte]:
    """The network's mattes of *keyframes*, each of which it sees around its people.

    Where the quick engine sees nobody there is nobody: these networks cut out houses as well.
    """
    mattes = [np.zeros_like(key.quick_matte) for key in keyframes]
    people = [find_people_box(key.quick_matte) for key in keyframes]
    places = [
        (key, matte, merge_boxes([box], (matte.shape[1], matte.shape[0])))
        for key, matte, box in zip(keyframes, mattes, people, strict=True)
        if box is not None
    ]
    if places:
        shown = [
            _crop_for_model(key.frame.value, box, matte, model.side) for key, matte, box in places
        ]
        for (_, matte, box), seen in zip(places, model(np.stack(shown)), strict=True):
            part = _crop_plane(matte, box)
            part[:] = resize(seen, (box.width, box.height))
    return mattes


def _crop_for_model(picture: Picture, box: Box, matte: Matte, side: int) -> NDArray[np.float32]:
    """What *picture* shows in a box of its matte, for the network: (side, side, 3), 0–1."""
    planes = []
    for plane in (picture.y, picture.u, picture.v):
        scale = plane.shape[1] / matte.shape[1]
        planes.append(_crop_plane(plane, Box(*(round(length * scale) for length in box))))
    return convert_to_rgb(Picture(*planes), (side, side))


def _crop_plane(plane: Plane, box: Box) -> Plane:
    """The pixels of *plane* in the box, as a view."""
    return plane[box.top : box.top + box.height, box.left : box.left + box.width]


def _interpolate(
    before: _Keyframe, frames: Sequence[_QuickFrame], after: _Keyframe
) -> Iterator[_MattedFrame]:
    """The mattes of *frames*, which lie between two looks; empty where the quick engine's are."""
    if not frames:
        return
    flow = _FlowPropagator(before.model_matte.shape)
    start, end = before.quick_frame.frame.time, after.quick_frame.frame.time
    for sight in frames:
        if find_people_box(sight.quick_matte) is None:
            yield sight, np.zeros_like(sight.quick_matte)
            continue
        nearness = (end - sight.frame.time) / (end - start)
        heritage = flow.propagate(sight, before), flow.propagate(sight, after)
        yield sight, _blend(sight.quick_matte, *heritage, nearness)


class _FlowPropagator:
    """Carries masks from one frame to another."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._size = shape[1], shape[0]

    def propagate(self, target: _QuickFrame, keyframe: _Keyframe) -> _PropagatedMatte:
        """What *target* has from *model*."""
        none: Any = None  # no flow to begin with; cv2's stubs do not know that it may lack
        flow = np.asarray(
            self._search.calc(target.small_luma, keyframe.quick_frame.small_luma, none), np.float32
        )
        luma = _warp(keyframe.quick_frame.small_luma.astype(np.float32), flow)
        strangeness = (
            cv2.blur(np.abs(luma - target.small_luma), (PATCH_SIZE, PATCH_SIZE)) / LUMA_TOLERANCE
        )
        trust = np.asarray(cv2.resize(np.exp(-(strangeness**2)), self._size))
        flow = np.asarray(cv2.resize(flow, self._size)) * (self._size[0] / flow.shape[1])
        return _PropagatedMatte(
            _warp(keyframe.model_matte, flow), _warp(keyframe.correction, flow), trust
        )


def _warp(field: FloatPlane, flow: FloatPlane) -> FloatPlane:
    """*field* with what lies where the flow, (h, w, 2), goes in each pixel's place."""
    height, width = field.shape
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _blend(
    quick_matte: Matte, before: _PropagatedMatte, after: _PropagatedMatte, nearness: float
) -> Matte:
    """The matte of a frame between two looks.

    Args:
        quick_matte: what the quick engine says of the frame.
        before: what the look before it leaves to it.
        after: what the look after it leaves to it.
        nearness: to the one before, 0–1.
    """
    weights = (
        (before.confidence + MIN_CONFIDENCE) * nearness,
        (after.confidence + MIN_CONFIDENCE) * (1 - nearness),
    )
    share = weights[0] / (weights[0] + weights[1])
    slow = after.model_matte + share * (before.model_matte - after.model_matte)
    fault = after.correction + share * (before.correction - after.correction)
    trust = nearness * before.confidence + (1 - nearness) * after.confidence
    mended = np.clip(quick_matte + fault * np.minimum(1, trust / FULL_CONFIDENCE), 0, 255)
    trust *= 1 - np.abs(before.model_matte - after.model_matte) / 255
    matte: Matte = np.rint(mended + trust * (slow - mended)).astype(np.uint8)
    return matte
