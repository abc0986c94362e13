"""The mattes of every frame of a clip: computed by an engine, or read from where they are stored.

A memoryless engine computes neighbouring segments in one pass. A recurrent one starts anew for
each segment, a fixed number of frames before it, so that the mattes of a segment are the same
whatever else is computed with it. Both ways decode each frame once.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import chain, islice, pairwise, takewhile, zip_longest
from pathlib import Path

import cv2
import numpy as np

from video_editing.concurrency import prefetch
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.excerpt import Span
from video_editing.contract.plan import Plan, Segment, find_missing_segments, split_into_segments
from video_editing.contract.progress import Report, with_progress
from video_editing.frames import FrameMatte, Matte, Picture, Timed
from video_editing.matting.engines import Engine
from video_editing.matting.segments import group_runs, read_grey_frames, read_mattes, write_segment
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip

PREFETCH_DEPTH = 2  #: decoded frames that wait for the next stage
MIN_MEAN_ALPHA = 0.002  #: mean alpha, 0–1, below which a matte shows no person


@contextmanager
def open_computed_mattes(clip: Clip, engine: Engine, span: Span) -> Iterator[Iterator[FrameMatte]]:
    """Open each frame of *clip* in *span* with the small matte that *engine* computes of it.

    A recurrent engine's segments are those of a plan, so that its mattes are the same as stored
    ones.
    """
    segments = [s for s in split_into_segments(clip) if s.start < span.end and s.end > span.start]
    if not engine.warm_up_frames:
        start, end = _compute_window(clip, span.start, span.end, engine)
        with (
            closing(prefetch(read_frames(clip, start, end), PREFETCH_DEPTH)) as frames,
            closing(prefetch(engine.compute_mattes(frames), PREFETCH_DEPTH)) as pairs,
        ):
            yield _take_span(pairs, span)
        return
    with (
        closing(prefetch(_read_with_context(clip, segments, engine), PREFETCH_DEPTH)) as frames,
        closing(prefetch(_compute_each(clip, segments, engine, frames), PREFETCH_DEPTH)) as pairs,
    ):
        yield _take_span(pairs, span)


def _take_span(pairs: Iterable[FrameMatte], span: Span) -> Iterator[FrameMatte]:
    """Yield those of *pairs* that lie in *span*."""
    for pair in pairs:
        if pair[0].time >= span.end:
            return
        if pair[0].time >= span.start:
            yield pair


@contextmanager
def open_stored_mattes(clip: Clip, path: Path, span: Span) -> Iterator[Iterator[FrameMatte]]:
    """Open each frame of *clip* in *span* with the matte that *path* holds for it.

    Args:
        clip: the clip that the mattes were computed from.
        path: a folder of segments with small mattes, or one grey video of final ones.
        span: the frames.

    Raises:
        InputRejected: BAD_MATTE, the mattes are missing, damaged or those of another clip.
    """
    mattes = read_mattes(clip, path, span) if path.is_dir() else _read_final_mattes(clip, path)
    with closing(prefetch(read_frames(clip, span.start, span.end), PREFETCH_DEPTH)) as frames:
        yield _pair(frames, mattes)


def write_missing_segments(
    clip: Clip, plan: Plan, folder: Path, engine: Engine, report: Report
) -> None:
    """Write every segment of *plan* that *folder* lacks.

    A segment appears under its name when it is complete. Neighbouring segments are decoded in one
    pass, or in as many at the same time as the engine allows; their mattes are the same as if each
    were computed alone.
    """
    missing = find_missing_segments(plan, folder)
    total = sum(segment.frames for segment in plan.segments)
    done = total - sum(segment.frames for segment in missing)
    for run in group_runs(missing):
        parts = _split_evenly(run, engine.parallel_runs)
        in_turn = [s for group in zip_longest(*parts) for s in group if s is not None]
        with ExitStack() as stack:
            streams = [stack.enter_context(_open_run(clip, part, engine)) for part in parts]
            mattes = _take_in_turn(parts, streams)
            progress = with_progress(mattes, "mattes", total, report, done=done)
            for segment in in_turn:
                write_segment(plan, segment, islice(progress, segment.frames), folder)
                done += segment.frames


def _split_evenly(run: Sequence[Segment], count: int) -> list[Sequence[Segment]]:
    """Split *run* into at most *count* parts of about the same length."""
    count = min(count, len(run))
    borders = [index * len(run) // count for index in range(count + 1)]
    return [run[start:end] for start, end in pairwise(borders)]


@contextmanager
def _open_run(
    clip: Clip, run: Sequence[Segment], engine: Engine
) -> Iterator[Iterator[Timed[Matte]]]:
    """Open the mattes of *run*; those of one segment may be ready before they are read."""
    depth = PREFETCH_DEPTH if engine.parallel_runs == 1 else max(s.frames for s in run)
    with (
        closing(prefetch(_read_with_context(clip, run, engine), PREFETCH_DEPTH)) as frames,
        closing(prefetch(_compute_run(clip, run, engine, frames), depth)) as mattes,
    ):
        yield mattes


def _take_in_turn(
    parts: Sequence[Sequence[Segment]], streams: Sequence[Iterator[Timed[Matte]]]
) -> Iterator[Timed[Matte]]:
    """Yield the mattes of the first segment of each part, then of the second ones, and so on."""
    for group in zip_longest(*parts):
        for segment, stream in zip(group, streams, strict=True):
            if segment is not None:
                yield from islice(stream, segment.frames)


def count_frames_before(clip: Clip, end: int) -> int:
    """Return how many frames of *clip* lie before the tick *end*."""
    return bisect_left(clip.times, end)


def is_empty(matte: Matte) -> bool:
    """Return whether *matte* shows no person."""
    return cv2.mean(matte)[0] < 255 * MIN_MEAN_ALPHA


def _read_with_context(
    clip: Clip, run: Sequence[Segment], engine: Engine
) -> Iterator[Timed[Picture]]:
    """Read the frames of *run*, and those before and after it that its mattes depend on."""
    return read_frames(clip, *_compute_window(clip, run[0].start, run[-1].end, engine))


def _compute_window(clip: Clip, start: int, end: int, engine: Engine) -> tuple[int, int | None]:
    """Return the first tick of the frames on which mattes depend, and the end of these frames.

    Args:
        clip: whose frames they are.
        start: first tick of the mattes.
        end: the tick before which they lie.
        engine: computes them.

    Returns:
        Two ticks, the second is None at the end of the clip.
    """
    lead = engine.warm_up_frames + engine.context_frames
    first = max(0, count_frames_before(clip, start) - lead)
    after = count_frames_before(clip, end) + engine.context_frames
    return clip.times[first], clip.times[after] if after < len(clip.times) else None


def _compute_run(
    clip: Clip, run: Sequence[Segment], engine: Engine, frames: Iterator[Timed[Picture]]
) -> Iterator[Timed[Matte]]:
    """Yield one matte for each frame that the clip announces in *run*, decoded or not."""
    if not engine.warm_up_frames:
        yield from _align_to_times(_get_times(clip, run), engine.compute_mattes(frames))
        return
    buffer = _FrameBuffer(frames, engine)
    for segment in run:
        window = _compute_window(clip, segment.start, segment.end, engine)
        pairs = engine.compute_mattes(buffer.read(*window))
        yield from _align_to_times(_get_times(clip, [segment]), pairs)


def _compute_each(
    clip: Clip, segments: Sequence[Segment], engine: Engine, frames: Iterator[Timed[Picture]]
) -> Iterator[FrameMatte]:
    """Yield each frame of *segments* that decodes, with its matte."""
    buffer = _FrameBuffer(frames, engine)
    for segment in segments:
        window = _compute_window(clip, segment.start, segment.end, engine)
        pairs = engine.compute_mattes(buffer.read(*window))
        for frame, matte in pairs:
            if frame.time >= segment.end:
                break
            if frame.time >= segment.start:
                yield frame, matte


def _get_times(clip: Clip, run: Sequence[Segment]) -> Sequence[int]:
    first, after = (count_frames_before(clip, tick) for tick in (run[0].start, run[-1].end))
    return clip.times[first:after]


class _FrameBuffer:
    """Frames that are decoded once and read in overlapping windows, each later than the last.

    Keeps as many frames as the windows of two neighbouring segments of a recurrent engine share.
    """

    def __init__(self, frames: Iterator[Timed[Picture]], engine: Engine) -> None:
        self._frames = frames
        shared = engine.warm_up_frames + 2 * engine.context_frames
        # One more: the frame that ends a window belongs to the next one.
        self._latest: deque[Timed[Picture]] = deque(maxlen=shared + 1)

    def read(self, start: int, end: int | None) -> Iterator[Timed[Picture]]:
        """Yield the frames with start <= time < end; None is the end of the frames."""
        for frame in chain(tuple(self._latest), self._read_new()):
            if end is not None and frame.time >= end:
                return
            if frame.time >= start:
                yield frame

    def _read_new(self) -> Iterator[Timed[Picture]]:
        for frame in self._frames:
            self._latest.append(frame)
            yield frame


def _align_to_times(times: Sequence[int], pairs: Iterable[FrameMatte]) -> Iterator[Timed[Matte]]:
    """Yield a matte for each of *times*; a frame that did not decode has that of the one before.

    Raises:
        InputRejected: CORRUPT, no frame decoded.
    """
    found = takewhile(lambda timed: timed[0] <= times[-1], ((f.time, matte) for f, matte in pairs))
    _, matte = next(found, (0, None))
    upcoming = next(found, None)
    for time in times:
        while upcoming is not None and upcoming[0] <= time:
            _, matte = upcoming
            upcoming = next(found, None)
        if matte is None:
            raise InputRejected(RejectReason.CORRUPT)
        yield Timed(time, matte)


def _read_final_mattes(clip: Clip, path: Path) -> Iterator[Timed[Matte]]:
    for time, frame in zip_longest(clip.times, read_grey_frames(path)):
        if time is None or frame is None or (frame.width, frame.height) != clip.size:
            raise InputRejected(
                RejectReason.BAD_MATTE, why="they are not one for each of its frames"
            )
        yield Timed(time, np.asarray(frame.to_ndarray(format="gray"), np.uint8))


def _pair(frames: Iterable[Timed[Picture]], mattes: Iterator[Timed[Matte]]) -> Iterator[FrameMatte]:
    """Yield frames with the mattes of the same times; a frame that did not decode is left out."""
    for frame in frames:
        matte = next((matte for matte in mattes if matte.time >= frame.time), None)
        if matte is None or matte.time != frame.time:
            raise InputRejected(
                RejectReason.BAD_MATTE, why="it has no matte for a frame of the clip"
            )
        yield frame, matte.value
    next(mattes, None)  # raises if mattes remain after the clip's last frame
