"""Find out what a clip holds by reading all its packets; headers are not trusted."""

from __future__ import annotations  # PyAV's Packet takes a parameter only in its stubs

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.reading.container import (
    AUDIO_DECODERS,
    MAX_PIXELS,
    VIDEO_DECODERS,
    count_missing_bytes,
    decode_frames,
    open_container,
)
from video_editing.reading.normalize import Orientation, compute_square_pixel_size

_MICROSECOND = Fraction(1, 1_000_000)
#: Seconds of a stream that may be missing; a file cut behind its last packet has lost nothing.
_TRUNCATION_TOLERANCE = Fraction(1, 10)
_MAX_FRAME_RATE = 1000  #: frames per second; no camera records more over the longest clip
_DEFAULT_RATE = Fraction(25)  #: frames per second; of a single frame without a duration


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """Limits for a clip.

    Attributes:
        max_seconds: of its length.
        max_pixels: of a frame with square pixels, width times height.
    """

    max_seconds: float = 1800
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Clip:
    """A readable clip.

    Attributes:
        path: of the file.
        video_stream: index of the video stream in the file.
        size: width and height of the upright picture with square pixels; odd or even.
        timebase: seconds of one tick.
        times: presentation time of each frame, in ticks from the origin; strictly increasing.
        keyframes: those of *times* at which decoding can start.
        origin: time 0 in seconds of the file's clock: the first frame or the first audio sample,
            whichever is earlier, rounded down to a tick.
        duration: seconds from the origin to the end of the last frame.
        rate: mean frames per second.
        audio_stream: index of the audio stream in the file; None without one.
        orientation: the transform from stored to upright frames.
    """

    path: Path
    video_stream: int
    size: tuple[int, int]
    timebase: Fraction
    times: tuple[int, ...]
    keyframes: tuple[int, ...]
    origin: Fraction
    duration: Fraction
    rate: Fraction
    audio_stream: int | None
    orientation: Orientation


class _FrameSpan(NamedTuple):
    """Start and length of one frame in ticks of its stream."""

    start: int
    length: int
    is_key: bool


@dataclass(slots=True)
class _StreamScan:
    """Timing of one stream, from its packets.

    Attributes:
        spans: of the frames that are shown, in file order; empty for other than video streams.
        end: of the last packet in presentation order, in ticks; 0 without packets.
    """

    spans: list[_FrameSpan] = field(default_factory=list)
    end: int = 0


class _Streams(NamedTuple):
    """The streams of a file that form the clip.

    Attributes:
        video: index of the video stream.
        audio: index of the audio stream; None without one.
        size: width and height of stored frames with square pixels.
        timebase: seconds of one tick of the video stream.
        spans: of the frames, by strictly increasing start.
    """

    video: int
    audio: int | None
    size: tuple[int, int]
    timebase: Fraction
    spans: list[_FrameSpan]


def probe(path: Path, limits: ClipLimits = ClipLimits()) -> Clip:
    """Return the clip in *path*; only its first video and audio frames are decoded.

    Raises:
        InputRejected: the file is not a readable clip or exceeds *limits*.
        FileNotFoundError: the file does not exist.
    """
    streams = _find_streams(path, limits)
    first = _decode_first_frame(path, streams.video, limits)
    spans = [span for span in streams.spans if span.start >= (first.pts or 0)]
    if not spans:
        raise InputRejected(RejectReason.CORRUPT)
    timebase, last = streams.timebase, spans[-1]
    zero = _find_origin(path, streams.audio, timebase, spans[0].start)
    rate = _compute_rate(spans, timebase)
    duration = (last.start - zero) * timebase + (last.length * timebase or 1 / rate)
    if duration > limits.max_seconds:
        raise InputRejected(
            RejectReason.TOO_LONG, seconds=float(duration), limit=limits.max_seconds
        )
    orientation = Orientation.from_frame(first)
    return Clip(
        path=path,
        video_stream=streams.video,
        size=streams.size[::-1] if orientation.is_transposed else streams.size,
        timebase=timebase,
        times=tuple(span.start - zero for span in spans),
        keyframes=tuple(span.start - zero for span in spans if span.is_key),
        origin=zero * timebase,
        duration=duration,
        rate=rate,
        audio_stream=streams.audio,
        orientation=orientation,
    )


def _find_streams(path: Path, limits: ClipLimits) -> _Streams:
    """Check the headers against *limits*, then read all packets."""
    # First without decoding: a decoder allocates memory before it rejects a large frame.
    with open_container(path, is_decoding_allowed=False) as container:
        for stream in container.streams.video:
            _compute_allowed_size(stream, limits)
    with open_container(path, max_pixels=limits.max_pixels) as container:
        scans = _scan_packets(container, limits)
        video = _select_video_stream(container, scans)
        audio = _select_audio_stream(container, scans)
        if count_missing_bytes(path):
            _reject_truncated(container, [video, audio] if audio else [video], scans)
        return _Streams(
            video=video.index,
            audio=audio.index if audio else None,
            size=_compute_allowed_size(video, limits),
            timebase=video.time_base or _MICROSECOND,
            spans=list(_sort_spans(scans[video.index].spans)),
        )


def _scan_packets(container: InputContainer, limits: ClipLimits) -> dict[int, _StreamScan]:
    """Return the timing of each stream by its index, as far as the file is readable."""
    scans: dict[int, _StreamScan] = defaultdict(_StreamScan)
    max_frames = int(limits.max_seconds * _MAX_FRAME_RATE)
    for packet in _read_packets(container):
        scan = scans[packet.stream_index]
        start = _compute_start(packet, scan)
        length = max(0, packet.duration or 0)
        scan.end = max(scan.end, start + length)
        if packet.stream.type == "video" and _is_shown(packet):
            scan.spans.append(_FrameSpan(start, length, packet.is_keyframe))
            if len(scan.spans) > max_frames:
                raise InputRejected(RejectReason.CORRUPT, frames=max_frames)
    return scans


def _read_packets(container: InputContainer) -> Iterator[av.Packet[Stream]]:
    """Yield the packets of all streams up to the end or to where the file breaks off."""
    try:
        yield from (packet for packet in container.demux() if packet.size)
    except av.FFmpegError:
        return


def _compute_start(packet: av.Packet[Stream], scan: _StreamScan) -> int:
    """Return the time of *packet* in ticks; the end of its stream so far if it has no time."""
    if packet.pts is not None:
        return packet.pts
    return scan.end if packet.dts is None else packet.dts


def _is_shown(packet: av.Packet[Stream]) -> bool:
    """Return whether *packet* is shown: edit lists hide some, VP8 has reference-only frames."""
    if packet.is_discard:
        return False
    if packet.stream.codec_context is not None and packet.stream.codec_context.name == "vp8":
        return bool(memoryview(packet)[0] & 0x10)  # show_frame (RFC 6386, 9.1)
    return True


def _select_video_stream(container: InputContainer, scans: dict[int, _StreamScan]) -> VideoStream:
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


def _select_audio_stream(container: InputContainer, scans: dict[int, _StreamScan]) -> Stream | None:
    """Return the audio stream that players choose, else the first decodable one, else None."""
    best = container.streams.best("audio")
    streams = [s for s in (best, *container.streams.audio) if s and s.index in scans]
    for stream in streams:
        if stream.codec_context and stream.codec_context.name in AUDIO_DECODERS:
            return stream
    if streams:
        raise InputRejected(RejectReason.UNSUPPORTED_CODEC, codec=_get_codec_name(streams[0]))
    return None


def _reject_truncated(
    container: InputContainer, streams: Iterable[Stream], scans: dict[int, _StreamScan]
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
        InputRejected: TOO_LARGE, with "width", "height" and "limit".
    """
    if stream.codec_context is None:
        return 0, 0
    width, height = compute_square_pixel_size(
        stream.width, stream.height, stream.sample_aspect_ratio
    )
    if width * height > limits.max_pixels:
        raise InputRejected(
            RejectReason.TOO_LARGE, width=width, height=height, limit=limits.max_pixels
        )
    return width, height


def _sort_spans(spans: Iterable[_FrameSpan]) -> Iterator[_FrameSpan]:
    """Yield *spans* in presentation order; of equal starts the later ones move on by a tick."""
    last: int | None = None
    for span in sorted(spans):
        last = span.start if last is None else max(span.start, last + 1)
        yield span._replace(start=last)


def _decode_first_frame(path: Path, stream_index: int, limits: ClipLimits) -> av.VideoFrame:
    """Return the first frame that decodes; frames before it refer to frames not in the file."""
    with open_container(path, max_pixels=limits.max_pixels) as container:
        frames = decode_frames(
            container, container.streams[stream_index], max_pixels=limits.max_pixels
        )
        frame: av.VideoFrame | None = next(frames, None)
    if frame is None:
        raise InputRejected(RejectReason.CORRUPT)
    return frame


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


def _compute_rate(spans: list[_FrameSpan], timebase: Fraction) -> Fraction:
    """Return the mean frames per second; for a single frame, the inverse of its length."""
    first, last = spans[0], spans[-1]
    if len(spans) > 1:
        return (len(spans) - 1) / ((last.start - first.start) * timebase)
    return 1 / (last.length * timebase) if last.length else _DEFAULT_RATE
