"""The rembg engine: a slow network segments key frames, from which the others are propagated.

The mattes of the two key frames around a frame are moved along the optical flow (Kroeger et al.
2016, "Fast Optical Flow using Dense Inverse Search", arXiv:1603.03590). Where the frame differs
from the key frames, or the two mattes disagree, the quick engine's matte of the frame is used
instead, corrected by its error at the key frames.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby, islice
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.concurrency import prefetch
from video_editing.contract.engines import DEFAULT_MODEL
from video_editing.frames import Box, FloatPlane, FrameMatte, Luma, Matte, Picture, Timed
from video_editing.matting.mediapipe_engine import MediapipeEngine
from video_editing.matting.networks.onnx_session import count_parallel_runs
from video_editing.matting.networks.rembg_models import (
    OnnxSegmenter,
    choose_keyframe_interval,
)
from video_editing.matting.people_tracker import (
    REGION_WINDOW,
    AnalysedFrame,
    PeopleTracker,
    TrackedFrame,
    split_into_shots,
)
from video_editing.matting.person_regions import (
    find_people_box,
    is_shot_boundary,
    make_thumbnail,
    merge_boxes,
)
from video_editing.matting.temporal_filter import LumaMatte, TemporalFilter, slide_window
from video_editing.pixels import convert_to_rgb, resize
from video_editing.pyramid import crop_plane, crop_to_size
from video_editing.reading.probe import Clip

FILTER_WINDOW = 3  #: frames before and after a frame in the temporal filter
BATCH_FRAMES = 4  #: frames read ahead; key frames among them share a batch
FLOW_SIDE = 256  #: pixels of the longer side at which the flow is computed
LUMA_TOLERANCE = 16  #: levels of luma, frame to key frame, at which the confidence is 1/e
PATCH_SIZE = 5  #: pixels, side of the square over which that difference is averaged
FULL_CONFIDENCE = 0.4  #: confidence from which on the quick engine's error is taken as the same
MIN_CONFIDENCE = 1e-3  #: added to the confidence, so that weights are never 0


class KeyframeModel(Protocol):
    """A slow network that segments key frames.

    Attributes:
        side: width and height of its input in pixels.
    """

    side: int

    def __call__(self, pictures: NDArray[np.float32]) -> Sequence[Matte]:
        """Return a matte, (side, side), of each of *pictures*, (n, side, side, 3), R'G'B', 0–1."""


class RembgEngine:
    """An engine that propagates the mattes of one of rembg's networks from key frames.

    Attributes:
        context_frames: number of frames before and after a frame that its matte depends on.
        warm_up_frames: none; the engine has no state.
        parallel_runs: number of parts of the clip that may be computed at the same time.
    """

    context_frames: int
    warm_up_frames = 0

    def __init__(
        self, clip: Clip, model: str = DEFAULT_MODEL, *, every: int = 0, device: str = "cpu"
    ) -> None:
        """Load the network.

        Args:
            clip: the clip whose frames are segmented.
            model: rembg's name of the network.
            every: frames from one key frame to the next; 1 segments all frames, 0 chooses by
                model and device.
            device: "cpu" or "cuda".

        Raises:
            InputRejected: BAD_OPTION, the model is unknown.
            ModelUnavailable: its weights or the device are not available.
        """
        self._keyframe_interval = every or choose_keyframe_interval(model, device)
        self._model = OnnxSegmenter(model, device)
        self.parallel_runs = count_parallel_runs(device)
        self._clip = clip
        lead = REGION_WINDOW
        if self._keyframe_interval > 1:
            lead = MediapipeEngine.context_frames + self._keyframe_interval - 1
        self.context_frames = lead + FILTER_WINDOW

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Yield each frame with its matte, of the size of the quick engine's."""
        if self._keyframe_interval == 1:
            return _segment_every_frame(PeopleTracker(self._clip).track(frames), self._model)
        return propagate(
            MediapipeEngine(self._clip).compute_mattes(frames),
            self._model,
            self._clip.times,
            self._keyframe_interval,
        )


def _segment_every_frame(
    frames: Iterator[TrackedFrame], model: KeyframeModel
) -> Iterator[FrameMatte]:
    """Yield each frame with the network's matte of the region of its people."""
    with (
        closing(prefetch(frames, BATCH_FRAMES)) as tracked,
        closing(prefetch(_run_model_on_regions(tracked, model), BATCH_FRAMES)) as segmented,
    ):
        for shot in split_into_shots(segmented):
            samples = (
                (frame.frame, LumaMatte(frame.frame.time, frame.luma, matte))
                for frame, matte in shot
            )
            yield from _filter_shot(samples)


def _run_model_on_regions(
    frames: Iterator[TrackedFrame], model: KeyframeModel
) -> Iterator[tuple[AnalysedFrame, Matte]]:
    """Yield each frame with the network's matte of its region; without one it is empty."""
    size = model.side, model.side
    while batch := list(islice(frames, BATCH_FRAMES)):
        mattes = [np.zeros_like(frame.luma) for frame, _ in batch]
        regions = [
            (convert_to_rgb(crop_to_size(frame.levels, region, size), size), matte, region)
            for (frame, region), matte in zip(batch, mattes, strict=True)
            if region is not None
        ]
        _fill_regions(regions, model)
        for (frame, _), matte in zip(batch, mattes, strict=True):
            yield frame, matte


def _fill_regions(
    regions: Sequence[tuple[NDArray[np.float32], Matte, Box]], model: KeyframeModel
) -> None:
    """Put the network's output for each picture of a region into the region's box of its matte."""
    if not regions:
        return
    outputs = model(np.stack([picture for picture, _, _ in regions]))
    for (_, matte, box), output in zip(regions, outputs, strict=True):
        crop_plane(matte, box)[:] = resize(output, (box.width, box.height))


def _filter_shot(samples: Iterable[tuple[Timed[Picture], LumaMatte]]) -> Iterator[FrameMatte]:
    temporal_filter = TemporalFilter()
    for (frame, sample), window in slide_window(samples, FILTER_WINDOW):
        yield frame, temporal_filter(sample, window)


class _QuickFrame(NamedTuple):
    """A frame with the quick engine's matte.

    Attributes:
        luma: of the matte's size.
        small_luma: of the size at which the flow is computed.
        quick_matte: the quick engine's matte.
        shot: number of the shot that it belongs to.
    """

    frame: Timed[Picture]
    luma: Luma
    small_luma: Luma
    quick_matte: Matte
    shot: int


_MattedFrame = tuple[
    _QuickFrame, Matte
]  #: a frame with the network's matte, computed or propagated


class _Keyframe(NamedTuple):
    """A frame that the network has segmented.

    Attributes:
        model_matte: the network's matte, 0–255.
        correction: the network's matte minus the quick engine's, −255–255.
    """

    quick_frame: _QuickFrame
    model_matte: FloatPlane
    correction: FloatPlane


class _PropagatedMatte(NamedTuple):
    """A key frame's matte, moved to another frame.

    Attributes:
        model_matte: of the key frame, moved along the flow.
        correction: likewise.
        confidence: 0–1, similarity of each pixel's luma to that of the pixel it comes from.
    """

    model_matte: FloatPlane
    correction: FloatPlane
    confidence: FloatPlane


def propagate(
    frames: Iterable[FrameMatte], model: KeyframeModel, times: Sequence[int], every: int
) -> Iterator[FrameMatte]:
    """Replace the quick engine's mattes by those of *model*.

    Key frames are those whose number in the clip is a multiple of *every*, and the first and last
    of each shot and of *frames*. Mattes in between depend on the two key frames around them only;
    then all are filtered over time. So a matte depends on no frame that is more than
    *every* - 1 + :data:`FILTER_WINDOW` away.

    Args:
        frames: in the order of their times, with mattes of one size.
        model: the network.
        times: of all frames of the clip.
        every: frames from one key frame to the next.
    """
    matted = _propagate_mattes(frames, model, times, every)
    for _, shot in groupby(matted, lambda item: item[0].shot):
        yield from _filter_shot(
            (item.frame, LumaMatte(item.frame.time, item.luma, matte)) for item, matte in shot
        )


def _propagate_mattes(
    frames: Iterable[FrameMatte], model: KeyframeModel, times: Sequence[int], every: int
) -> Iterator[_MattedFrame]:
    """Yield each frame with the network's matte, computed or propagated."""
    before: _Keyframe | None = None
    between: list[_QuickFrame] = []
    for frame, matte in _run_model(_mark_keyframes(_analyse_frames(frames), times, every), model):
        if matte is None:
            between.append(frame)
            continue
        model_matte = matte.astype(np.float32)
        after = _Keyframe(frame, model_matte, model_matte - frame.quick_matte)
        if before is not None:
            yield from _interpolate(before, between, after)
        yield frame, matte
        before, between = after, []


def _analyse_frames(frames: Iterable[FrameMatte]) -> Iterator[_QuickFrame]:
    shot = 0
    before: FloatPlane | None = None
    for frame, matte in frames:
        luma = _resize_luma(frame.value.y, matte.shape, 1)
        small = _resize_luma(luma, luma.shape, min(1, FLOW_SIDE / max(luma.shape)))
        thumbnail = make_thumbnail(small)
        shot += before is not None and is_shot_boundary(before, thumbnail)
        before = thumbnail
        yield _QuickFrame(frame, luma, small, matte, shot)


def _resize_luma(luma: Luma, shape: tuple[int, ...], scale: float) -> Luma:
    size = round(shape[1] * scale), round(shape[0] * scale)
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)


def _mark_keyframes(
    frames: Iterable[_QuickFrame], times: Sequence[int], every: int
) -> Iterator[tuple[_QuickFrame, bool]]:
    """Yield each frame with whether it is a key frame."""
    before: _QuickFrame | None = None
    is_first = True
    for frame in frames:
        if before is not None:
            is_last = before.shot != frame.shot
            is_due = bisect_left(times, before.frame.time) % every == 0
            yield before, is_first or is_last or is_due
            is_first = is_last
        before = frame
    if before is not None:
        yield before, True


def _run_model(
    marked_frames: Iterator[tuple[_QuickFrame, bool]], model: KeyframeModel
) -> Iterator[tuple[_QuickFrame, Matte | None]]:
    """Yield each frame with the network's matte; None if it is no key frame."""
    while batch := list(islice(marked_frames, BATCH_FRAMES)):
        keyframes = [frame for frame, is_keyframe in batch if is_keyframe]
        mattes = iter(_compute_keyframe_mattes(keyframes, model))
        for frame, is_keyframe in batch:
            yield frame, next(mattes) if is_keyframe else None


def _compute_keyframe_mattes(keyframes: Sequence[_QuickFrame], model: KeyframeModel) -> list[Matte]:
    """Return the network's mattes of *keyframes*, each computed on the region of its people.

    A frame without people in the quick engine's matte gets an empty one: these networks segment
    any object.
    """
    mattes = [np.zeros_like(keyframe.quick_matte) for keyframe in keyframes]
    regions = []
    for keyframe, matte in zip(keyframes, mattes, strict=True):
        if (people := find_people_box(keyframe.quick_matte)) is not None:
            box = merge_boxes([people], (matte.shape[1], matte.shape[0]))
            picture = _crop_for_model(keyframe.frame.value, box, matte, model.side)
            regions.append((picture, matte, box))
    _fill_regions(regions, model)
    return mattes


def _crop_for_model(picture: Picture, box: Box, matte: Matte, side: int) -> NDArray[np.float32]:
    """Return the part of *picture* in a box of its matte as R'G'B', (side, side, 3), 0–1."""
    planes = []
    for plane in (picture.y, picture.u, picture.v):
        scale = plane.shape[1] / matte.shape[1]
        planes.append(crop_plane(plane, Box(*(round(length * scale) for length in box))))
    return convert_to_rgb(Picture(*planes), (side, side))


def _interpolate(
    before: _Keyframe, frames: Sequence[_QuickFrame], after: _Keyframe
) -> Iterator[_MattedFrame]:
    """Propagate mattes to the frames between two key frames; empty quick mattes stay empty."""
    if not frames:
        return
    flow = _FlowPropagator(before.model_matte.shape)
    start, end = before.quick_frame.frame.time, after.quick_frame.frame.time
    for frame in frames:
        if find_people_box(frame.quick_matte) is None:
            yield frame, np.zeros_like(frame.quick_matte)
            continue
        nearness = (end - frame.frame.time) / (end - start)
        propagated = flow.propagate(frame, before), flow.propagate(frame, after)
        yield frame, _blend(frame.quick_matte, *propagated, nearness)


class _FlowPropagator:
    """Moves mattes from key frames to other frames along the optical flow."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._size = shape[1], shape[0]

    def propagate(self, target: _QuickFrame, keyframe: _Keyframe) -> _PropagatedMatte:
        """Move the matte and the correction of *keyframe* to *target*."""
        none: Any = None  # no initial flow, which cv2's stubs do not allow
        flow = np.asarray(
            self._search.calc(target.small_luma, keyframe.quick_frame.small_luma, none), np.float32
        )
        luma = _warp(keyframe.quick_frame.small_luma.astype(np.float32), flow)
        difference = cv2.blur(np.abs(luma - target.small_luma), (PATCH_SIZE, PATCH_SIZE))
        difference = difference / LUMA_TOLERANCE
        confidence = np.asarray(cv2.resize(np.exp(-(difference**2)), self._size))
        flow = np.asarray(cv2.resize(flow, self._size)) * (self._size[0] / flow.shape[1])
        return _PropagatedMatte(
            _warp(keyframe.model_matte, flow), _warp(keyframe.correction, flow), confidence
        )


def _warp(field: FloatPlane, flow: FloatPlane) -> FloatPlane:
    """Return *field* sampled where the flow, (h, w, 2), leads from each pixel."""
    height, width = field.shape
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    warped = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def _blend(
    quick_matte: Matte, before: _PropagatedMatte, after: _PropagatedMatte, nearness: float
) -> Matte:
    """Return the matte of a frame between two key frames.

    Args:
        quick_matte: the quick engine's matte of the frame.
        before: propagated from the key frame before it.
        after: propagated from the key frame after it.
        nearness: to the key frame before it, 0–1.
    """
    weights = (
        (before.confidence + MIN_CONFIDENCE) * nearness,
        (after.confidence + MIN_CONFIDENCE) * (1 - nearness),
    )
    share = weights[0] / (weights[0] + weights[1])
    model_matte = after.model_matte + share * (before.model_matte - after.model_matte)
    correction = after.correction + share * (before.correction - after.correction)
    confidence = nearness * before.confidence + (1 - nearness) * after.confidence
    correction *= np.minimum(1, confidence / FULL_CONFIDENCE)
    corrected = np.clip(quick_matte + correction, 0, 255)
    confidence *= 1 - np.abs(before.model_matte - after.model_matte) / 255
    matte: Matte = np.rint(corrected + confidence * (model_matte - corrected)).astype(np.uint8)
    return matte
