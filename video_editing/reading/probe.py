"""What a clip really holds: found by reading all its packets, not by trusting its header."""

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
_TRUNCATION_TOLERANCE = Fraction(
    1, 10
)  #: seconds; a file cut behind its last packet has lost nothing
_MAX_FRAME_RATE = 1000  #: frames a second; more of them over the longest clip is no camera's work
_DEFAULT_RATE = Fraction(25)  #: where a single frame comes without a duration


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """What is too much.

    Attributes:
        max_seconds: longest clip.
        max_pixels: largest frame, width times height, with square pixels.
    """

    max_seconds: float = 1800
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that can be read.

    Attributes:
        path: the file.
        video_stream: index of the picture stream in the file.
        size: width and height of the upright picture with square pixels; any parity.
        timebase: seconds a tick.
        times: presentation time of each frame that is shown, in ticks from the origin.
        keyframes: those of *times* at which decoding can begin.
        origin: where time 0 lies on the file's own clock, in seconds: the first picture or the
            first sample of the voice, whichever is earlier, down to a whole tick.
        duration: seconds from the origin to the end of the last frame.
        rate: mean frames a second.
        audio_stream: index of the voice's stream in the file, if it has any.
        orientation: how stored frames are turned to stand upright.
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
    """When one frame is shown, in ticks of its stream."""

    start: int
    length: int
    is_key: bool


@dataclass(slots=True)
class _StreamScan:
    """What the packets of one stream say.

    Attributes:
        spans: the frames that are presented, in the order of the file; of picture streams only.
        end: latest end of any packet, in ticks; 0 where there is none.
    """

    spans: list[_FrameSpan] = field(default_factory=list)
    end: int = 0


class _Streams(NamedTuple):
    """The streams that make the clip.

    Attributes:
        video: index of the picture stream.
        audio: index of the sound stream, if there is one.
        size: of the stored picture, with square pixels.
        timebase: seconds a tick of the picture stream.
        spans: when the frames are shown, strictly rising.
    """

    video: int
    audio: int | None
    size: tuple[int, int]
    timebase: Fraction
    spans: list[_FrameSpan]


def probe(path: Path, limits: ClipLimits = ClipLimits()) -> Clip:
    """Find out what *path* holds, decoding no more than its first frame and its first sound.

    Raises:
        InputRejected: it is not a clip that can be read, or is more than *limits* allow.
        FileNotFoundError: there is no such file.
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
    """Look at the headers, then read all packets."""
    with open_container(
        path, is_decoding_allowed=False
    ) as container:  # a decoder sets up memory before it refuses
        for stream in container.streams.video:
            _compute_allowed_size(stream, limits)
    with open_container(path, max_pixels=limits.max_pixels) as container:
        tracks = _scan_packets(container, limits)
        picture = _select_video_stream(container, tracks)
        voice = _select_audio_stream(container, tracks)
        if count_missing_bytes(path):
            _reject_truncated(container, [picture, voice] if voice else [picture], tracks)
        return _Streams(
            video=picture.index,
            audio=voice.index if voice else None,
            size=_compute_allowed_size(picture, limits),
            timebase=picture.time_base or _MICROSECOND,
            spans=list(_sort_spans(tracks[picture.index].spans)),
        )


def _scan_packets(container: InputContainer, limits: ClipLimits) -> dict[int, _StreamScan]:
    """The tracks by stream index, as far as the file can be read."""
    tracks: dict[int, _StreamScan] = defaultdict(_StreamScan)
    most = int(limits.max_seconds * _MAX_FRAME_RATE)
    for packet in _read_packets(container):
        track = tracks[packet.stream_index]
        start = _compute_start(packet, track)
        length = max(0, packet.duration or 0)
        track.end = max(track.end, start + length)
        if packet.stream.type == "video" and _is_shown(packet):
            track.spans.append(_FrameSpan(start, length, packet.is_keyframe))
            if len(track.spans) > most:
                raise InputRejected(RejectReason.CORRUPT, frames=most)
    return tracks


def _read_packets(container: InputContainer) -> Iterator[av.Packet[Stream]]:
    """The packets of all streams up to the end, or to where the file breaks off."""
    try:
        yield from (packet for packet in container.demux() if packet.size)
    except av.FFmpegError:
        return


def _compute_start(packet: av.Packet[Stream], scan: _StreamScan) -> int:
    """When *packet* is presented, in ticks; right behind its track where it does not say."""
    if packet.pts is not None:
        return packet.pts
    return scan.end if packet.dts is None else packet.dts


def _is_shown(packet: av.Packet[Stream]) -> bool:
    """Whether *packet* gives a picture: edit lists hide some, VP8 has frames only to refer to."""
    if packet.is_discard:
        return False
    if packet.stream.codec_context is not None and packet.stream.codec_context.name == "vp8":
        return bool(memoryview(packet)[0] & 0x10)  # show_frame (RFC 6386, 9.1)
    return True


def _select_video_stream(container: InputContainer, scans: dict[int, _StreamScan]) -> VideoStream:
    """The picture stream with most frames, then most pixels; never cover art."""
    pictures = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not pictures:
        raise InputRejected(RejectReason.NO_VIDEO_STREAM)
    main = max(pictures, key=lambda stream: (len(scans[stream.index].spans), _compute_area(stream)))
    if main.codec_context is None or main.codec_context.name not in VIDEO_DECODERS:
        raise InputRejected(RejectReason.UNSUPPORTED_CODEC, codec=_get_codec_name(main))
    return main


def _compute_area(stream: VideoStream) -> int:
    return stream.width * stream.height if stream.codec_context else 0


def _get_codec_name(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"


def _select_audio_stream(container: InputContainer, scans: dict[int, _StreamScan]) -> Stream | None:
    """The sound stream that players would pick, or the first that we can decode, if any."""
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
    """Raise if the bytes that are missing from the file held part of *streams*."""
    whole = (container.duration or 0) * _MICROSECOND
    for stream in streams:
        tick = stream.time_base or _MICROSECOND
        begin = (stream.start_time or 0) * tick
        total = whole if stream.duration is None else stream.duration * tick
        readable = max(Fraction(0), scans[stream.index].end * tick - begin)
        if total - readable > _TRUNCATION_TOLERANCE:
            raise InputRejected(
                RejectReason.TRUNCATED, readable_seconds=float(readable), total_seconds=float(total)
            )


def _compute_allowed_size(stream: VideoStream, limits: ClipLimits) -> tuple[int, int]:
    """Width and height of *stream* with square pixels, unless that is too much."""
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
    """*spans* in the order they are shown; of those at one time all but the first a tick later."""
    last: int | None = None
    for span in sorted(spans):
        last = span.start if last is None else max(span.start, last + 1)
        yield span._replace(start=last)


def _decode_first_frame(path: Path, stream_index: int, limits: ClipLimits) -> av.VideoFrame:
    """The first frame that decodes: those before it refer to what the file lacks."""
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
    """Return time 0 in ticks of the video's clock, whose first frame is at *first_frame_tick*.

    The voice's first sample is asked of the decoder, which knows how much of the first packets
    is only there to warm up the codec.
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
    """Mean frames a second; of a single frame, one over how long it is shown."""
    first, last = spans[0], spans[-1]
    if len(spans) > 1:
        return (len(spans) - 1) / ((last.start - first.start) * timebase)
    return 1 / (last.length * timebase) if last.length else _DEFAULT_RATE
