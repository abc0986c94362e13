"""The rvm engine: RobustVideoMatting on the region around the people, at every second frame.

The network remembers earlier frames, so hair and hands stay steady. Frames in between get the mean
of the mattes around them; where those differ, the person moves fast, and the network computes
the frame as well. The selfie model of the people tracker says whether there is a person at all.
"""

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from video_editing.concurrency import prefetch
from video_editing.frames import Box, FrameMatte, Luma, Matte, Picture, Timed
from video_editing.matting.networks.onnx_session import count_parallel_runs
from video_editing.matting.networks.rvm_model import State
from video_editing.matting.networks.rvm_network import load_network
from video_editing.matting.people_tracker import (
    REGION_WINDOW,
    AnalysedFrame,
    PeopleTracker,
    TrackedFrame,
    split_into_shots,
)
from video_editing.matting.person_regions import remove_islands_and_holes
from video_editing.matting.temporal_filter import (
    FILTER_WINDOW,
    LumaMatte,
    PersonFilter,
    disagree,
    interpolate,
)
from video_editing.pixels import convert_to_rgb, resize
from video_editing.pyramid import crop_plane, crop_to_size
from video_editing.reading.probe import Clip

INNER_SIDE = 352  #: pixels; the network sees the region at this side squared, in pixels of area
#: of a box's width and height, added on each side; the network goes by the person's surroundings
REGION_MARGIN = 0.25
MATTE_SIDE = 720  #: pixels of the longer side of a matte at most
SIDE_STEP = 16  #: pixels; the sides of what it sees are multiples of this
PREFETCH_DEPTH = 2  #: frames that wait for the next stage
KEYFRAME_INTERVAL = 2  #: frames from one that the network computes to the next
PRIMING_FRAMES = 8  #: of a shot that the network sees backwards before it begins
MEASURED_RUNS = 3  #: of the network, to measure its speed
MAX_BOX_GROWTH = 1.5  #: area of the box that is kept, of the area that the region needs
#: luma difference times alpha difference, in levels, at which a neighbour's weight in the temporal
#: filter is 1/e
CHANGE_TOLERANCE = 4 * 128


_MattedFrame = tuple[AnalysedFrame, Matte]


class _Memory(NamedTuple):
    """What the network remembers, and the box that it saw.

    Attributes:
        box: in pixels of the last level of the pictures' pyramids.
        size: width and height at which the network saw it.
        state: of the network; None before its first frame.
    """

    box: Box
    size: tuple[int, int]
    state: State | None


@dataclass(frozen=True, slots=True)
class _ComputedFrame:
    """A frame that the network has computed; without a person its matte is empty.

    Attributes:
        memory: after this frame; None if it shows no person.
    """

    frame: AnalysedFrame
    matte: Matte
    memory: _Memory | None

    @property
    def sample(self) -> Timed[Matte]:
        """The matte at the time of the frame."""
        return Timed(self.frame.frame.time, self.matte)


class RvmEngine:
    """An engine with a memory, for people: the finest edges that two processor cores can make.

    Attributes:
        context_frames: number of frames before and after a frame that its matte depends on,
            apart from the network's memory.
        warm_up_frames: number of frames that the network sees before these.
        parallel_runs: number of parts of the clip that may be computed at the same time.
    """

    context_frames = REGION_WINDOW + FILTER_WINDOW + KEYFRAME_INTERVAL
    #: With the context 16 frames come before a segment; docs/benchmarks.md has the measurement.
    warm_up_frames = 4

    def __init__(
        self, clip: Clip, weights: Path | None = None, *, every: int = 0, device: str = "cpu"
    ) -> None:
        """Load the network.

        Args:
            clip: the clip whose frames are segmented.
            weights: an ONNX file of RobustVideoMatting; None takes the installed one.
            every: frames from one that the network computes to the next, at most 2; 0 is 2.
            device: "cpu" or "cuda".

        Raises:
            ModelUnavailable: the weights or the device are not available.
        """
        self._keyframe_interval = min(every or KEYFRAME_INTERVAL, KEYFRAME_INTERVAL)
        self._network = load_network(weights, device)
        self._clip = clip
        self.parallel_runs = count_parallel_runs(device)
        self._filter = PersonFilter(clip, CHANGE_TOLERANCE)

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Yield each frame with its small matte, which shows all of the frame."""
        tracker = PeopleTracker(self._clip, REGION_MARGIN)
        with closing(prefetch(tracker.track(frames), PREFETCH_DEPTH)) as tracked:
            for shot in split_into_shots(tracked):
                with closing(self._segment_ahead(shot)) as segmented:
                    samples = (
                        (frame.frame, LumaMatte(frame.frame.time, _shrink_luma(frame), matte))
                        for frame, matte in segmented
                    )
                    for frame, matte in self._filter.apply(samples):
                        yield frame, remove_islands_and_holes(matte)

    def _segment_ahead(self, shot: Iterable[TrackedFrame]) -> Generator[_MattedFrame, None, None]:
        """Yield the frames of a shot with their mattes; a GPU computes them in a thread."""
        if self.parallel_runs > 1:
            return prefetch(self._segment_shot(shot), PREFETCH_DEPTH)
        return self._segment_shot(shot)

    def _segment_shot(self, shot: Iterable[TrackedFrame]) -> Generator[_MattedFrame, None, None]:
        """Yield each frame with its matte, computed by the network or the mean of two."""
        frames = iter(shot)
        head = list(islice(frames, PRIMING_FRAMES + 1))
        memory = self._prime_memory(head)
        before: _ComputedFrame | None = None
        between: list[TrackedFrame] = []
        for frame, region in chain(head, frames):
            if before is not None and region is not None and frame.index % self._keyframe_interval:
                between.append((frame, region))
                continue
            after = self._run_network(frame, region, memory)
            yield from self._fill_gap(before, between, after)
            yield frame, after.matte
            before, between, memory = after, [], after.memory
        yield from self._fill_gap(before, between, None)

    def _prime_memory(self, head: Sequence[TrackedFrame]) -> _Memory | None:
        """Return what the network remembers of the first frames of a shot, seen backwards.

        Without it the first mattes of a shot are those of a network without a memory.
        """
        memory = None
        for frame, region in reversed(head[:: self._keyframe_interval][1:]):
            memory = self._run_network(frame, region, memory).memory
        return memory

    def _fill_gap(
        self,
        before: _ComputedFrame | None,
        between: Sequence[TrackedFrame],
        after: _ComputedFrame | None,
    ) -> Iterator[tuple[AnalysedFrame, Matte]]:
        """Yield the frames between two key frames with their mattes."""
        if before is None:
            return
        for frame, region in between:
            if after is None or disagree(before.matte, after.matte):
                before = self._run_network(frame, region, before.memory)
                yield frame, before.matte
            else:
                yield frame, interpolate(before.sample, after.sample, frame.frame.time)

    def _run_network(
        self, frame: AnalysedFrame, region: Box | None, memory: _Memory | None
    ) -> _ComputedFrame:
        """Compute the matte of a frame whose people are all in *region*."""
        matte = np.zeros(_compute_matte_size(frame)[::-1], np.uint8)
        if region is None:
            return _ComputedFrame(frame, matte, None)
        box, size, state = self._move_memory(memory, region, frame)
        picture = convert_to_rgb(crop_to_size(frame.levels, box, size), size)
        alpha, state = self._network(picture, state)
        scale = matte.shape[1] / frame.full_box.width
        target = Box(*(round(side * scale) for side in box))
        part = cv2.resize(alpha, target[2:], interpolation=cv2.INTER_LINEAR)
        crop_plane(matte, target)[:] = cv2.convertScaleAbs(part, alpha=255)
        return _ComputedFrame(frame, matte, _Memory(box, size, state))

    def _move_memory(self, memory: _Memory | None, region: Box, frame: AnalysedFrame) -> _Memory:
        """Return the memory for a box that holds *region*.

        The box before is kept while it holds the region and is not much larger: each move costs
        sharpness.
        """
        if memory is not None and _is_box_suitable(memory.box, region):
            return memory
        size = _compute_inner_size(region, frame)
        if memory is None or memory.state is None:
            return _Memory(region, size, None)
        maps = self._network.download(memory.state)
        divisors = [memory.size[0] // features.shape[2] for features in maps]
        moved = [
            move_map(features, memory.box, region, (size[0] // divisor, size[1] // divisor))
            for features, divisor in zip(maps, divisors, strict=True)
        ]
        return _Memory(region, size, self._network.upload(moved))


def measure_speed(weights: Path | None = None, device: str = "cpu") -> float:
    """Return how many frames per second the network allows on *device*.

    Raises:
        ModelUnavailable: the weights or the device are not available.
    """
    network = load_network(weights, device)
    picture = np.zeros((INNER_SIDE, INNER_SIDE, 3), np.float32)
    _, state = network(picture, None)
    start = time.perf_counter()
    for _ in range(MEASURED_RUNS):
        _, state = network(picture, state)
    return MEASURED_RUNS * KEYFRAME_INTERVAL / (time.perf_counter() - start)


def _compute_matte_size(frame: AnalysedFrame) -> tuple[int, int]:
    """Return the width and height of a matte: those of the picture, or smaller."""
    width, height = frame.levels[0].size
    scale = min(1.0, MATTE_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shrink_luma(frame: AnalysedFrame) -> Luma:
    """Return the luma of a frame at the size of its matte."""
    size = _compute_matte_size(frame)
    level = next(level for level in reversed(frame.levels) if level.size[0] >= size[0])
    return resize(level.y, size)


def _is_box_suitable(box: Box, region: Box) -> bool:
    """Return whether *box* holds *region* and is not much larger."""
    holds = (
        box.left <= region.left
        and box.top <= region.top
        and box.left + box.width >= region.left + region.width
        and box.top + box.height >= region.top + region.height
    )
    return holds and box.width * box.height <= MAX_BOX_GROWTH * region.width * region.height


def _compute_inner_size(box: Box, frame: AnalysedFrame) -> tuple[int, int]:
    """Return the width and height at which the network sees *box*; it is not enlarged."""
    full_scale = frame.levels[0].size[0] / frame.levels[-1].size[0]
    scale = min(full_scale, INNER_SIDE / (box.width * box.height) ** 0.5)
    width, height = (
        max(1, round(side * scale / SIDE_STEP)) * SIDE_STEP for side in (box.width, box.height)
    )
    return width, height


def move_map(
    features: NDArray[np.float32], old: Box, new: Box, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Resample a feature map of one box for another; zero outside.

    Args:
        features: (c, h, w), of the box *old*.
        old: the box that it belongs to.
        new: the box that it is resampled for.
        size: width and height of the result.

    Returns:
        (1, c, *size*[1], *size*[0]).
    """
    _, height, width = features.shape
    across, down = width / old.width, height / old.height  # cells per pixel of a matte
    right, lower = new.width / size[0], new.height / size[1]
    transform = np.array(
        [
            [right * across, 0, (new.left - old.left + right / 2) * across - 0.5],
            [0, lower * down, (new.top - old.top + lower / 2) * down - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = [cv2.warpAffine(each, transform, size, flags=flags) for each in features]
    return np.asarray(moved, np.float32)[None]
