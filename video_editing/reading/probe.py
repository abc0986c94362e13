"""Find out what a clip holds by reading all its packets; headers are not trusted."""

from __future__ import annotations  # PyAV's Packet takes a parameter only in its stubs

from collections.abc import Generator, Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from math import floor
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from video_editing.concurrency import count_codec_threads
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.memory import limit_allocations, measure_private_bytes
from video_editing.reading.clean_aperture import find_clean_aperture
from video_editing.reading.clock import JoinedClock, Part
from video_editing.reading.container import (
    AUDIO_DECODERS,
    MAX_PIXELS,
    VIDEO_DECODERS,
    count_missing_bytes,
    decode_frames,
    open_container,
)
from video_editing.reading.normalize import (
    FrameGeometry,
    Orientation,
    compute_square_pixel_size,
)
from video_editing.reading.packet_scan import (
    MAX_RATE,
    FrameSpan,
    StreamScan,
    join_parts,
    scan_packets,
    sort_spans,
    thin_out,
)

_MICROSECOND = Fraction(1, 1_000_000)
#: Seconds of a stream that may be missing; a file cut behind its last packet has lost nothing.
_TRUNCATION_TOLERANCE = Fraction(1, 10)
_MAX_STREAMS = 64  #: of a file; each takes memory
#: Bytes of packets by bytes of the file, to which the second number is added. A container may
#: name the same bytes many times, or compress them: a small file then has gigabytes of packets.
_MAX_EXPANSION, _MIN_PACKET_BYTES = 4, 256_000_000
#: Seconds by which the sound may end after the last frame, which does not wait for it then:
#: encoders fill their last block with silence.
_MAX_OVERHANG = Fraction(1, 10)
_HEAD_FRAMES = 32  #: that show whether the packets of a suspicious clip are its frames
_DEFAULT_RATE = Fraction(25)  #: frames per second; of a single frame without a duration


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """Limits for a clip.

    Attributes:
        max_seconds: of its length.
        max_pixels: of a frame with square pixels, width times height.
        max_frames: of its frames, those included that are left out at more than `MAX_RATE`.
        max_memory: bytes that probing may take, of all threads of this process; None is no limit.
    """

    max_seconds: float = 1800
    max_pixels: int = MAX_PIXELS
    max_frames: int = 108_000
    max_memory: int | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """A readable clip.

    Attributes:
        path: of the file.
        video_stream: index of the video stream in the file.
        geometry: how frames become upright pictures with square pixels.
        timebase: seconds of one tick.
        times: presentation time of each frame, in ticks from the origin; strictly increasing.
        keyframes: those of *times* at which decoding can start.
        origin: time 0 in seconds of the file's clock: the first frame or the first audio sample,
            whichever is earlier, rounded down to a tick.
        picture_duration: seconds from the origin to the end of the last frame.
        duration: the same, or to the end of the sound if that is later.
        rate: mean frames per second, at most `MAX_RATE`.
        audio_stream: index of the audio stream in the file; None without one.
        is_interlaced: whether the frames consist of two fields of different times.
        is_untimed: whether the file has no presentation times; its frames have *times* in order.
        parts: of a joined file, by whose clocks the times of its frames and samples are found.
    """

    path: Path
    video_stream: int
    geometry: FrameGeometry
    timebase: Fraction
    times: tuple[int, ...]
    keyframes: tuple[int, ...]
    origin: Fraction
    picture_duration: Fraction
    duration: Fraction
    rate: Fraction
    audio_stream: int | None
    is_interlaced: bool = False
    is_untimed: bool = False
    parts: tuple[Part, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright pictures with square pixels; odd or even."""
        return self.geometry.size

    @property
    def is_seekable(self) -> bool:
        """Whether the times in the file are those of the clip."""
        return not self.is_untimed and not self.parts


class _Streams(NamedTuple):
    """The streams of a file that form the clip.

    Attributes:
        video: index of the video stream.
        audio: index of the audio stream; None without one.
        geometry: of frames that are stored upright.
        timebase: seconds of one tick of the video stream.
        parts: of a joined file; none if its clock runs on.
        spans: of the frames, in file order.
        is_untimed: whether the file has no presentation times.
        audio_end: seconds of the clock of the first part at which the sound ends; 0 without it.
        has_b_frames: whether the decoder expects frames that are shown in another order.
    """

    video: int
    audio: int | None
    geometry: FrameGeometry
    timebase: Fraction
    parts: tuple[Part, ...]
    spans: list[FrameSpan]
    is_untimed: bool
    audio_end: Fraction
    has_b_frames: bool


class _Timing(NamedTuple):
    """When the frames are shown.

    Attributes:
        spans: of the frames, by strictly increasing start.
        is_untimed: whether the file does not say it.
    """

    spans: list[FrameSpan]
    is_untimed: bool


def probe(path: Path, limits: ClipLimits = ClipLimits()) -> Clip:
    """Return the clip in *path*; only its first video and audio frames are decoded.

    Raises:
        InputRejected: the file is not a readable clip or exceeds *limits*.
        FileNotFoundError: the file does not exist.
    """
    cap = nullcontext() if limits.max_memory is None else limit_allocations(limits.max_memory)
    try:
        with cap:
            return _probe(path, limits)
    except MemoryError as err:
        raise InputRejected(RejectReason.TOO_LARGE) from err


def _probe(path: Path, limits: ClipLimits) -> Clip:
    streams = _find_streams(path, limits)
    first = _decode_first_frame(path, streams.video, limits)
    timing = _find_timing(path, streams, first, limits)
    if not timing.spans:
        raise InputRejected(RejectReason.CORRUPT)
    timebase, last = streams.timebase, timing.spans[-1]
    zero = _find_origin(path, streams.audio, timebase, timing.spans[0].start)
    rate = _compute_rate(timing.spans, timebase)
    picture_duration = (last.start - zero) * timebase + (last.length * timebase or 1 / rate)
    sound_duration = streams.audio_end - zero * timebase
    is_longer = sound_duration > picture_duration + _MAX_OVERHANG
    duration = sound_duration if is_longer else picture_duration
    if duration > limits.max_seconds:
        raise InputRejected(
            RejectReason.TOO_LONG, seconds=float(duration), limit=limits.max_seconds
        )
    return Clip(
        path=path,
        video_stream=streams.video,
        geometry=replace(streams.geometry, orientation=Orientation.from_frame(first)),
        timebase=timebase,
        times=tuple(span.start - zero for span in timing.spans),
        keyframes=tuple(span.start - zero for span in timing.spans if span.is_key),
        origin=zero * timebase,
        picture_duration=picture_duration,
        duration=duration,
        rate=rate,
        audio_stream=streams.audio,
        is_interlaced=first.interlaced_frame,
        is_untimed=timing.is_untimed,
        parts=streams.parts,
    )


def _find_streams(path: Path, limits: ClipLimits) -> _Streams:
    """Check the headers against *limits*, then read all packets."""
    # First without decoding: a decoder allocates memory before it rejects a large frame.
    before = measure_private_bytes()
    with open_container(path, is_decoding_allowed=False) as container:
        _check_memory(measure_private_bytes() - before, limits)
        if len(container.streams) > _MAX_STREAMS:
            raise InputRejected(RejectReason.TOO_LARGE, streams=len(container.streams))
        for stream in container.streams.video:
            _compute_allowed_size(stream, limits)
    with open_container(path, max_pixels=limits.max_pixels) as container:
        max_bytes = _MIN_PACKET_BYTES + _MAX_EXPANSION * path.stat().st_size
        scans = scan_packets(container, limits.max_frames, max_bytes)
        _check_memory(measure_private_bytes() - before, limits)
        video = _select_video_stream(container, scans)
        audio = _select_audio_stream(container, scans)
        if count_missing_bytes(path):
            _reject_truncated(container, [video, audio] if audio else [video], scans)
        scan, sound = scans[video.index], scans[audio.index] if audio else None
        tick = video.time_base or _MICROSECOND
        parts, spans = join_parts(scan, sound, tick)
        return _Streams(
            video=video.index,
            audio=audio.index if audio else None,
            geometry=FrameGeometry(
                (video.width, video.height),
                _compute_allowed_size(video, limits),
                find_clean_aperture(path, video),
            ),
            timebase=tick,
            parts=parts,
            spans=spans,
            is_untimed=scan.is_untimed,
            audio_end=_compute_end(audio, sound, parts) if audio and sound else Fraction(0),
            has_b_frames=video.codec_context.has_b_frames,
        )


def _check_memory(index_bytes: int, limits: ClipLimits) -> None:
    """Check what the index takes; FFmpeg may ignore that it got no memory for a part of it.

    Raises:
        InputRejected: TOO_LARGE.
    """
    if limits.max_memory is not None and index_bytes > limits.max_memory // 4:
        raise InputRejected(RejectReason.TOO_LARGE, bytes=index_bytes)


def _compute_end(audio: Stream, scan: StreamScan, parts: tuple[Part, ...]) -> Fraction:
    """Return when the sound ends, in seconds of the clock of the first part."""
    shift = parts[-1].shift if parts and scan.joints else 0
    return scan.steady_end * (audio.time_base or _MICROSECOND) + shift


def _find_timing(
    path: Path, streams: _Streams, first: av.VideoFrame, limits: ClipLimits
) -> _Timing:
    """Return when the frames from *first* on are shown.

    The times of packets are not those of frames where two packets are the fields of one frame
    (H.264 of camcorders), and where the container has decoding times only (AVI, bad MOV).
    """
    begin = first.pts or 0
    first_key = next((n for n, span in enumerate(streams.spans) if span.is_key), 0)
    if streams.is_untimed:
        return _Timing(list(sort_spans(streams.spans[first_key:])), is_untimed=True)
    is_in_order = all(one.start < other.start for one, other in pairwise(streams.spans))
    if first.interlaced_frame or (streams.has_b_frames and is_in_order):
        head = _decode_times(path, streams.video, limits, _HEAD_FRAMES)
        if is_in_order and any(one >= other for one, other in pairwise(head)):
            return _Timing(streams.spans[first_key:], is_untimed=True)
        if sum(begin <= span.start <= head[-1] for span in streams.spans) > len(head) or (
            first.interlaced_frame and _have_shorter_steps(streams.spans, head)
        ):
            return _Timing(_decode_spans(path, streams, limits), is_untimed=False)
    spans = [span for span in sort_spans(streams.spans) if span.start >= begin]
    return _Timing(thin_out(spans, streams.timebase) if spans else [], is_untimed=False)


def _have_shorter_steps(spans: list[FrameSpan], head: list[int]) -> bool:
    """Return whether packets follow each other much faster than the frames of the head.

    A camcorder changes between frames and pairs of fields as the picture moves.
    """
    step = min((other - one for one, other in pairwise(head)), default=0)
    starts = sorted(span.start for span in spans)
    return any(other - one < 3 * step / 4 for one, other in pairwise(starts))


def _decode_spans(path: Path, streams: _Streams, limits: ClipLimits) -> list[FrameSpan]:
    """Return the frames that the decoder finds in the packets."""
    clock = JoinedClock(streams.parts)
    spans: list[FrameSpan] = []
    for frame in _decode(path, streams.video, limits, count_codec_threads()):
        start = int(clock((frame.pts or 0) * streams.timebase) / streams.timebase)
        spans.append(FrameSpan(start, 0, frame.key_frame))
    return list(sort_spans(spans))


def _select_video_stream(container: InputContainer, scans: dict[int, StreamScan]) -> VideoStream:
    """Return the video stream with the most frames, then the most pixels; never cover art."""
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise InputRejected(RejectReason.NO_VIDEO_STREAM)
    main = max(streams, key=lambda stream: (len(scans[stream.index].spans), _compute_area(stream)))
    if main.codec_context is None or main.codec_context.name not in VIDEO_DECODERS:
        raise InputRejected(RejectReason.UNSUPPORTED_CODEC, codec=_get_codec_name(main))
    return main


def _compute_area(stream: VideoStream) -> int:
    return stream.width * stream.height if stream.codec_context else 0


def _get_codec_name(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"


def _select_audio_stream(container: InputContainer, scans: dict[int, StreamScan]) -> Stream | None:
    """Return the audio stream that players choose, else the first decodable one, else None."""
    best = container.streams.best("audio")
    streams = [s for s in (best, *container.streams.audio) if s and s.index in scans]
    for stream in streams:
        if stream.codec_context and stream.codec_context.name in AUDIO_DECODERS:
            return stream
    if streams:
        codec = _get_codec_name(streams[0])
        raise InputRejected(RejectReason.UNSUPPORTED_CODEC, codec=codec, stream="audio")
    return None


def _reject_truncated(
    container: InputContainer, streams: Iterable[Stream], scans: dict[int, StreamScan]
) -> None:
    """Check that the bytes missing at the end of the file were not part of *streams*.

    Raises:
        InputRejected: TRUNCATED, with "readable_seconds" and "total_seconds".
    """
    file_seconds = (container.duration or 0) * _MICROSECOND
    for stream in streams:
        tick = stream.time_base or _MICROSECOND
        begin = (stream.start_time or 0) * tick
        total = file_seconds if stream.duration is None else stream.duration * tick
        readable = max(Fraction(0), scans[stream.index].end * tick - begin)
        if total - readable > _TRUNCATION_TOLERANCE:
            raise InputRejected(
                RejectReason.TRUNCATED, readable_seconds=float(readable), total_seconds=float(total)
            )


def _compute_allowed_size(stream: VideoStream, limits: ClipLimits) -> tuple[int, int]:
    """Return width and height of *stream* with square pixels; 0, 0 without a decoder.

    Raises:
        InputRejected: TOO_LARGE, with "width", "height" and "megapixels", the limit.
    """
    if stream.codec_context is None:
        return 0, 0
    width, height = compute_square_pixel_size(
        stream.width, stream.height, stream.sample_aspect_ratio
    )
    if width * height > limits.max_pixels:
        raise InputRejected(
            RejectReason.TOO_LARGE,
            width=width,
            height=height,
            megapixels=limits.max_pixels / 1_000_000,
        )
    return width, height


def _decode_first_frame(path: Path, stream_index: int, limits: ClipLimits) -> av.VideoFrame:
    """Return the first frame that decodes; those before refer to frames not in the file."""
    with closing(_decode(path, stream_index, limits)) as frames:
        first = next(frames, None)
    if first is None:
        raise InputRejected(RejectReason.CORRUPT)
    return first


def _decode_times(path: Path, stream_index: int, limits: ClipLimits, count: int) -> list[int]:
    """Return the times of the first *count* frames that decode, in ticks, as they come."""
    with closing(_decode(path, stream_index, limits)) as frames:
        return [frame.pts or 0 for frame in islice(frames, count)]


def _decode(
    path: Path, stream_index: int, limits: ClipLimits, threads: int = 1
) -> Generator[av.VideoFrame]:
    with open_container(path, max_pixels=limits.max_pixels) as container:
        yield from decode_frames(
            container,
            container.streams[stream_index],
            max_pixels=limits.max_pixels,
            threads=threads,
        )


def _find_origin(
    path: Path, audio_stream: int | None, timebase: Fraction, first_frame_tick: int
) -> int:
    """Return time 0 in ticks of the video stream, whose first frame is at *first_frame_tick*.

    The time of the first audio sample comes from the decoder, which knows how many samples of
    the first packets are priming of the codec.
    """
    if audio_stream is None:
        return first_frame_tick
    with open_container(path) as container:
        frame: av.AudioFrame | None = next(
            decode_frames(container, container.streams[audio_stream]), None
        )
    if frame is None or frame.pts is None or frame.time_base is None:
        return first_frame_tick
    return min(first_frame_tick, floor(frame.pts * frame.time_base / timebase))


def _compute_rate(spans: list[FrameSpan], timebase: Fraction) -> Fraction:
    """Return the mean frames per second; for a single frame, the inverse of its length."""
    first, last = spans[0], spans[-1]
    if len(spans) > 1:
        return min(MAX_RATE, (len(spans) - 1) / ((last.start - first.start) * timebase))
    return min(MAX_RATE, 1 / (last.length * timebase)) if last.length else _DEFAULT_RATE
