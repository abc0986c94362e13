"""Decode the pictures of a clip with their presentation times."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain
from typing import Any

import av
from av.container import InputContainer
from av.stream import Stream

from video_editing.concurrency import count_codec_threads
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.frames import Picture, Timed
from video_editing.reading.clock import JoinedClock
from video_editing.reading.container import (
    MAX_PIXELS,
    create_decoder,
    decode_frames,
    open_container,
)
from video_editing.reading.deinterlace import deinterlace
from video_editing.reading.normalize import FrameNormalizer
from video_editing.reading.probe import Clip

_MIN_DECODED_SHARE = 0.9  #: of the expected frames; a clip with fewer counts as corrupt


def read_frames(
    clip: Clip, start: int = 0, end: int | None = None, *, keyframes_only: bool = False
) -> Iterator[Timed[Picture]]:
    """Yield the upright pictures with start <= time < end.

    A picture is bit-identical whatever *start* is.

    Args:
        clip: from `probe`.
        start: ticks from the clip's origin.
        end: ticks from the clip's origin; None is the end of the clip.
        keyframes_only: whether other frames are skipped, which is faster.

    Raises:
        InputRejected: CORRUPT, fewer than 90 % of the frames decode; of key frames, none.
    """
    times = clip.keyframes if keyframes_only else clip.times
    first = bisect_left(times, start)
    last = len(times) if end is None else bisect_left(times, end)
    if first >= last:
        return
    upright = FrameNormalizer(clip.geometry)
    count = 0
    around = int(clip.is_interlaced)  # frames, from which deinterlacing computes
    expected = times[max(0, first - around) : last + around]
    frames = _decode_expected(clip, expected, keyframes_only=keyframes_only)
    for time, frame in deinterlace(frames):
        if times[first] <= time <= times[last - 1]:
            yield Timed(time, upright(frame))
            count += 1
    if count < (1 if keyframes_only else _MIN_DECODED_SHARE * (last - first)):
        raise InputRejected(RejectReason.CORRUPT, decoded=count, expected=last - first)


def read_keyframes(clip: Clip, keyframes: Iterable[int]) -> Iterator[Timed[Picture]]:
    """Yield the pictures at *keyframes*; decoding each alone, where possible, is many times faster.

    Their order is that of the clip if its times cannot be sought.

    Args:
        clip: from `probe`.
        keyframes: times of key frames of the clip, in ticks from its origin, in any order.

    Raises:
        InputRejected: CORRUPT, one of them does not decode.
    """
    upright = FrameNormalizer(clip.geometry)
    if not clip.is_seekable:
        wanted = frozenset(keyframes)
        found = read_frames(clip, keyframes_only=True)
        yield from (frame for frame in found if frame.time in wanted)
        return
    zero = _find_zero(clip)
    with open_container(clip.path) as container:
        stream = container.streams[clip.video_stream]
        codec = create_decoder(stream)
        codec.thread_count, codec.thread_type = 1, "SLICE"  # frame threads wait for more packets
        for key in keyframes:
            has_sought = _seek(container, stream, key + zero)
            frame = (
                _decode_single_frame(container, stream, codec, key + zero) if has_sought else None
            )
            if frame is None or frame.interlaced_frame:
                yield from read_frames(clip, key, key + 1)
            else:
                yield Timed(key, upright(frame))


def _decode_single_frame(
    container: InputContainer, stream: Stream, codec: Any, tick: int
) -> av.VideoFrame | None:
    """Return the frame at *tick* if the next packet is that key frame and decodes alone."""
    try:
        packet = next(container.demux(stream))
        if packet.pts != tick or not packet.is_keyframe:
            return None
        return next((f for f in (*codec.decode(packet), *codec.decode(None))), None)
    except av.FFmpegError:
        return None
    finally:
        codec.flush_buffers()


def _decode_expected(
    clip: Clip, expected: tuple[int, ...], *, keyframes_only: bool
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield ticks and frames at the *expected* ticks.

    Decoding starts at the nearest key frame. It may not give the first frame: an index can be
    wrong or missing, a key frame may need frames before it. Then decoding starts at the key frame
    before, finally at the beginning of the file.
    """
    nearest = bisect_right(clip.keyframes, expected[0])
    starts = clip.keyframes[max(1, nearest - 2) : nearest] if clip.is_seekable else ()
    for key in (*reversed(starts), None):
        with closing(
            _decode_from_keyframe(clip, key, expected, keyframes_only=keyframes_only)
        ) as frames:
            first = next(frames, None)
            if key is None or (first and first[0] == expected[0]):
                yield from chain([first] if first else [], frames)
                return


def _decode_from_keyframe(
    clip: Clip, keyframe: int | None, expected: tuple[int, ...], *, keyframes_only: bool
) -> Generator[tuple[int, av.VideoFrame]]:
    """Yield ticks and frames at *expected*, decoded from *keyframe* or, if None, the beginning."""
    width, height = clip.geometry.square_size
    find_time = _create_clock(clip, clip.keyframes if keyframes_only else clip.times)
    last = -1
    with open_container(clip.path) as container:
        stream = container.streams[clip.video_stream]
        if keyframe is not None and not _seek(container, stream, keyframe + _find_zero(clip)):
            return
        for frame in decode_frames(
            container,
            stream,
            max_pixels=max(MAX_PIXELS, 2 * width * height),
            threads=count_codec_threads(),
            keyframes_only=keyframes_only,
        ):
            time = max(last + 1, find_time(frame))  # equal times become successive ticks
            if time > expected[-1]:
                return
            last = time
            if expected[bisect_left(expected, time)] == time:
                yield time, frame


def _find_zero(clip: Clip) -> int:
    """Return the clip's origin in ticks of the file's clock."""
    return int(clip.origin / clip.timebase)


def _create_clock(clip: Clip, times: tuple[int, ...]) -> Callable[[av.VideoFrame], int]:
    """Return a function that returns the time of each frame from the clip's first one on.

    Args:
        clip: whose frames they are.
        times: of the frames, if the file does not say them.
    """
    zero = _find_zero(clip)
    if clip.is_untimed:
        upcoming = iter(times)
        return lambda _frame: next(upcoming, times[-1] + 1)
    if clip.parts:
        clock, tick = JoinedClock(clip.parts), clip.timebase
        return lambda frame: int(clock((frame.pts or 0) * tick) / tick) - zero
    return lambda frame: (frame.pts or 0) - zero


def _seek(container: InputContainer, stream: Stream, tick: int) -> bool:
    """Seek to the last key frame up to *tick* and return whether that succeeded."""
    try:
        container.seek(tick, stream=stream)
    except av.FFmpegError:
        return False
    return True
