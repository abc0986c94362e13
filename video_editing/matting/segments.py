"""Mattes on disk: a folder with the plan and one small lossless grey video per segment.

Lossless H.264 costs 0.4 ms a frame and about 8 MB a minute, keeps the clip's own timebase, and
returns mattes bit by bit.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import av
import numpy as np

from video_editing.contract.atomic_file import translate_output_errors
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.excerpt import Span
from video_editing.contract.plan import Plan, Segment, find_missing_segments, read_plan_of
from video_editing.frames import Matte, Timed
from video_editing.reading.container import open_container
from video_editing.reading.probe import Clip
from video_editing.writing.encoder import open_output


def group_runs(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    """Group segments that follow each other in the clip; each run is decoded in one pass."""
    for _, run in groupby(enumerate(segments), lambda item: item[1].index - item[0]):
        yield [segment for _, segment in run]


def write_segment(
    plan: Plan, segment: Segment, mattes: Iterable[Timed[Matte]], folder: Path
) -> None:
    """Write the mattes of *segment*; the file appears under its name when it is complete.

    Raises:
        OutputFailed: the disk is full, or the folder is not writable.
        ValueError: the number of *mattes* is not that of the segment's frames.
    """
    timebase = Fraction(*plan.timebase)
    written = 0
    with open_output(folder / segment.file_name, "mp4", {}) as file:
        stream = file.add_stream("libx264", options={"qp": "0", "preset": "ultrafast"})
        stream.codec_context.thread_count = 1
        stream.pix_fmt = "gray"
        stream.time_base = stream.codec_context.time_base = timebase
        for matte in mattes:
            if not written:
                stream.height, stream.width = matte.value.shape
            frame = av.VideoFrame.from_ndarray(matte.value, format="gray")
            frame.pts, frame.time_base = matte.time - segment.start, timebase
            with translate_output_errors():
                file.mux(stream.encode(frame))
            written += 1
        with translate_output_errors():
            file.mux(stream.encode(None))
        if written != segment.frames:
            raise ValueError(f"{written} mattes for {segment.frames} frames")


def read_segment(plan: Plan, segment: Segment, folder: Path) -> Iterator[Timed[Matte]]:
    """Read the mattes of *segment*, with the clip's times.

    Raises:
        InputRejected: BAD_MATTE, the file is not what :func:`write_segment` writes for it.
    """
    read = 0
    for frame in read_grey_frames(folder / segment.file_name):
        seconds = (frame.pts or 0) * (frame.time_base or Fraction(0))
        time = segment.start + round(seconds / Fraction(*plan.timebase))
        if not segment.start <= time < segment.end:
            raise InputRejected(RejectReason.BAD_MATTE, why="frames of another segment")
        read += 1
        yield Timed(time, _copy_luma(frame))
    if read != segment.frames:
        raise InputRejected(
            RejectReason.BAD_MATTE, why=f"{read} mattes for {segment.frames} frames"
        )


def read_grey_frames(path: Path) -> Iterator[av.VideoFrame]:
    """Decode a video of mattes.

    Raises:
        InputRejected: BAD_MATTE, the video does not exist or is damaged.
    """
    try:
        with open_container(path) as file:
            yield from file.decode(video=0)
    except (OSError, av.FFmpegError, IndexError, InputRejected) as err:
        raise InputRejected(RejectReason.BAD_MATTE, why="unreadable") from err


def _copy_luma(frame: av.VideoFrame) -> Matte:
    """Copy the first plane of a grey frame, to which H.264 decoders add neutral chroma."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width].copy()


def read_mattes(clip: Clip, folder: Path, span: Span) -> Iterator[Timed[Matte]]:
    """Read the mattes of *clip* in *folder* for the segments of *span*, in order.

    Args:
        clip: the clip that the mattes belong to.
        folder: holds every segment with frames in *span*.
        span: the frames.

    Raises:
        InputRejected: BAD_MATTE, a segment is missing or damaged, or of another clip.
    """
    plan = read_plan_of(clip, folder).select_span(span)
    if find_missing_segments(plan, folder) or not _covers(plan, clip, span):
        raise InputRejected(RejectReason.BAD_MATTE, why="segments are missing")
    for segment in plan.segments:
        yield from read_segment(plan, segment, folder)


def _covers(plan: Plan, clip: Clip, span: Span) -> bool:
    """Return whether the segments of *plan* hold every frame of *span*."""
    frames = sum(
        bisect_left(clip.times, min(segment.end, span.end))
        - bisect_left(clip.times, max(segment.start, span.start))
        for segment in plan.segments
    )
    return frames == bisect_left(clip.times, span.end) - bisect_left(clip.times, span.start)
