"""Mattes for every frame: made by an engine, or made before."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np

from video_editing.concurrency import prefetch
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import Plan, Segment, find_missing_segments
from video_editing.contract.progress import Report, with_progress
from video_editing.frames import Matte, Picture, Timed
from video_editing.matting.engines import Engine
from video_editing.matting.segments import group_runs, read_grey_frames, read_mattes, write_segment
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip

FrameMattePairs = Iterator[tuple[Timed[Picture], Matte]]

PREFETCH_DEPTH = 4  #: decoded frames that wait for the next stage
MIN_MEAN_ALPHA = 0.002  #: mean alpha, 0–1, below which a matte shows nobody


@contextmanager
def open_computed_mattes(
    clip: Clip, engine: Engine, end: int | None = None
) -> Iterator[FrameMattePairs]:
    """Each frame of *clip* before *end* with the small matte that *engine* makes of it."""
    with (
        closing(prefetch(read_frames(clip, end=end), PREFETCH_DEPTH)) as frames,
        closing(prefetch(engine.compute_mattes(frames), PREFETCH_DEPTH)) as pairs,
    ):
        yield pairs


@contextmanager
def open_stored_mattes(clip: Clip, path: Path, end: int | None = None) -> Iterator[FrameMattePairs]:
    """Each frame of *clip* before *end* with the matte that *path* holds for it.

    Args:
        clip: the clip that the mattes were made from.
        path: a folder of segments with small mattes, or one grey video of final ones.
        end: a time in ticks; None is the end of the clip.

    Raises:
        InputRejected: BAD_MATTE, they are not this clip's.
    """
    mattes = read_mattes(clip, path) if path.is_dir() else _read_final_mattes(clip, path)
    with closing(prefetch(read_frames(clip, end=end), PREFETCH_DEPTH)) as frames:
        yield _pair(frames, mattes)


def write_missing_segments(
    clip: Clip, plan: Plan, folder: Path, engine: Engine, report: Report
) -> None:
    """Write every segment of *plan* that *folder* lacks, each under its name when it is whole.

    Neighbours are made in one go; the mattes are the same as if each had been made alone.
    """
    lacking = find_missing_segments(plan, folder)
    total = sum(segment.frames for segment in plan.segments)
    done = total - sum(segment.frames for segment in lacking)
    for run in group_runs(lacking):
        with closing(
            prefetch(_read_with_context(clip, run, engine.context_frames), PREFETCH_DEPTH)
        ) as frames:
            times = clip.times[_find_index(clip, run[0].start) : _find_index(clip, run[-1].end)]
            mattes = with_progress(
                _align_to_times(times, engine.compute_mattes(frames)),
                "mattes",
                total,
                report,
                done=done,
            )
            for segment in run:
                write_segment(plan, segment, islice(mattes, segment.frames), folder)
                done += segment.frames


def is_empty(matte: Matte) -> bool:
    """Whether *matte* shows nobody."""
    return float(matte.mean()) < 255 * MIN_MEAN_ALPHA


def _find_index(clip: Clip, time: int) -> int:
    return bisect_left(clip.times, time)


def _read_with_context(
    clip: Clip, run: Sequence[Segment], context: int
) -> Iterator[Timed[Picture]]:
    """The frames of *run*, and as many before and after it as their mattes depend on."""
    first = max(0, _find_index(clip, run[0].start) - context)
    after = _find_index(clip, run[-1].end) + context
    return read_frames(
        clip, clip.times[first], clip.times[after] if after < len(clip.times) else None
    )


def _align_to_times(times: Sequence[int], pairs: FrameMattePairs) -> Iterator[Timed[Matte]]:
    """A matte for each of *times*; a frame that did not decode has that of the one before it.

    Raises:
        InputRejected: CORRUPT, not one of them decoded.
    """
    found = ((frame.time, matte) for frame, matte in pairs if frame.time <= times[-1])
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


def _pair(frames: Iterable[Timed[Picture]], mattes: Iterator[Timed[Matte]]) -> FrameMattePairs:
    """Frames and mattes of the same time; a frame that did not decode leaves its matte over."""
    for frame in frames:
        matte = next((matte for matte in mattes if matte.time >= frame.time), None)
        if matte is None or matte.time != frame.time:
            raise InputRejected(
                RejectReason.BAD_MATTE, why="it has no matte for a frame of the clip"
            )
        yield frame, matte.value
    next(mattes, None)  # which complains of mattes beyond the clip's last frame
