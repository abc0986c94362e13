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

from video_editing.contract.errors import InputRejected, Reason
from video_editing.reading.container import (
    MAX_PIXELS,
    PICTURE_DECODERS,
    SOUND_DECODERS,
    decoded,
    missing_bytes,
    opened,
)
from video_editing.reading.normalize import Orientation, square

_MICROSECONDS = Fraction(1, 1_000_000)
_LOST = Fraction(1, 10)  #: seconds; a file cut behind its last packet has lost nothing
_FASTEST = 1000  #: frames a second; more of them over the longest clip is no camera's work
_DEFAULT_RATE = Fraction(25)  #: where a single frame comes without a duration


@dataclass(frozen=True, slots=True)
class Limits:
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
        stream: index of the picture stream in the file.
        size: width and height of the upright picture with square pixels; any parity.
        timebase: seconds a tick.
        times: presentation time of each frame that is shown, in ticks from the origin.
        keyframes: those of *times* at which decoding can begin.
        origin: where time 0 lies on the file's own clock, in seconds: the first picture or the
            first sample of the voice, whichever is earlier, down to a whole tick.
        duration: seconds from the origin to the end of the last frame.
        rate: mean frames a second.
        sound: index of the voice's stream in the file, if it has any.
        orientation: how stored frames are turned to stand upright.
    """

    path: Path
    stream: int
    size: tuple[int, int]
    timebase: Fraction
    times: tuple[int, ...]
    keyframes: tuple[int, ...]
    origin: Fraction
    duration: Fraction
    rate: Fraction
    sound: int | None
    orientation: Orientation


class _Span(NamedTuple):
    """When one frame is shown, in ticks of its stream."""

    start: int
    length: int
    is_key: bool


@dataclass(slots=True)
class _Track:
    """What the packets of one stream say.

    Attributes:
        shown: the frames that are presented, in the order of the file; of picture streams only.
        end: latest end of any packet, in ticks; 0 where there is none.
    """

    shown: list[_Span] = field(default_factory=list)
    end: int = 0


class _Streams(NamedTuple):
    """The streams that make the clip.

    Attributes:
        picture: index of the picture stream.
        voice: index of the sound stream, if there is one.
        size: of the stored picture, with square pixels.
        timebase: seconds a tick of the picture stream.
        spans: when the frames are shown, strictly rising.
    """

    picture: int
    voice: int | None
    size: tuple[int, int]
    timebase: Fraction
    spans: list[_Span]


def probe(path: Path, limits: Limits = Limits()) -> Clip:
    """Find out what *path* holds, decoding no more than its first frame and its first sound.

    Raises:
        InputRejected: it is not a clip that can be read, or is more than *limits* allow.
        FileNotFoundError: there is no such file.
    """
    streams = _streams(path, limits)
    first = _first_frame(path, streams.picture, limits)
    spans = [span for span in streams.spans if span.start >= (first.pts or 0)]
    if not spans:
        raise InputRejected(Reason.CORRUPT)
    timebase, last = streams.timebase, spans[-1]
    zero = _zero(path, streams.voice, timebase, spans[0].start)
    rate = _rate(spans, timebase)
    duration = (last.start - zero) * timebase + (last.length * timebase or 1 / rate)
    if duration > limits.max_seconds:
        raise InputRejected(Reason.TOO_LONG, seconds=float(duration), limit=limits.max_seconds)
    orientation = Orientation.of(first)
    return Clip(
        path=path,
        stream=streams.picture,
        size=streams.size[::-1] if orientation.transposed else streams.size,
        timebase=timebase,
        times=tuple(span.start - zero for span in spans),
        keyframes=tuple(span.start - zero for span in spans if span.is_key),
        origin=zero * timebase,
        duration=duration,
        rate=rate,
        sound=streams.voice,
        orientation=orientation,
    )


def _streams(path: Path, limits: Limits) -> _Streams:
    """Look at the headers, then read all packets."""
    with opened(path, decoding=False) as container:  # a decoder sets up memory before it refuses
        for stream in container.streams.video:
            _refuse_large(stream, limits)
    with opened(path, max_pixels=limits.max_pixels) as container:
        tracks = _scanned(container, limits)
        picture = _main_picture(container, tracks)
        voice = _voice(container, tracks)
        if missing_bytes(path):
            _refuse_truncated(container, [picture, voice] if voice else [picture], tracks)
        return _Streams(
            picture=picture.index,
            voice=voice.index if voice else None,
            size=_refuse_large(picture, limits),
            timebase=picture.time_base or _MICROSECONDS,
            spans=list(_rising(tracks[picture.index].shown)),
        )


def _scanned(container: InputContainer, limits: Limits) -> dict[int, _Track]:
    """The tracks by stream index, as far as the file can be read."""
    tracks: dict[int, _Track] = defaultdict(_Track)
    most = int(limits.max_seconds * _FASTEST)
    for packet in _packets(container):
        track = tracks[packet.stream_index]
        start = _start(packet, track)
        length = max(0, packet.duration or 0)
        track.end = max(track.end, start + length)
        if packet.stream.type == "video" and _is_shown(packet):
            track.shown.append(_Span(start, length, packet.is_keyframe))
            if len(track.shown) > most:
                raise InputRejected(Reason.CORRUPT, frames=most)
    return tracks


def _packets(container: InputContainer) -> Iterator[av.Packet[Stream]]:
    """The packets of all streams up to the end, or to where the file breaks off."""
    try:
        yield from (packet for packet in container.demux() if packet.size)
    except av.FFmpegError:
        return


def _start(packet: av.Packet[Stream], track: _Track) -> int:
    """When *packet* is presented, in ticks; right behind its track where it does not say."""
    if packet.pts is not None:
        return packet.pts
    return track.end if packet.dts is None else packet.dts


def _is_shown(packet: av.Packet[Stream]) -> bool:
    """Whether *packet* gives a picture: edit lists hide some, VP8 has frames only to refer to."""
    if packet.is_discard:
        return False
    if packet.stream.codec_context is not None and packet.stream.codec_context.name == "vp8":
        return bool(memoryview(packet)[0] & 0x10)  # show_frame (RFC 6386, 9.1)
    return True


def _main_picture(container: InputContainer, tracks: dict[int, _Track]) -> VideoStream:
    """The picture stream with most frames, then most pixels; never cover art."""
    pictures = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not pictures:
        raise InputRejected(Reason.NO_VIDEO_STREAM)
    main = max(pictures, key=lambda stream: (len(tracks[stream.index].shown), _area(stream)))
    if main.codec_context is None or main.codec_context.name not in PICTURE_DECODERS:
        raise InputRejected(Reason.UNSUPPORTED_CODEC, codec=_codec_name(main))
    return main


def _area(stream: VideoStream) -> int:
    return stream.width * stream.height if stream.codec_context else 0


def _codec_name(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"


def _voice(container: InputContainer, tracks: dict[int, _Track]) -> Stream | None:
    """The sound stream that players would pick, or the first that we can decode, if any."""
    best = container.streams.best("audio")
    streams = [s for s in (best, *container.streams.audio) if s and s.index in tracks]
    for stream in streams:
        if stream.codec_context and stream.codec_context.name in SOUND_DECODERS:
            return stream
    if streams:
        raise InputRejected(Reason.UNSUPPORTED_CODEC, codec=_codec_name(streams[0]))
    return None


def _refuse_truncated(
    container: InputContainer, streams: Iterable[Stream], tracks: dict[int, _Track]
) -> None:
    """Raise if the bytes that are missing from the file held part of *streams*."""
    whole = (container.duration or 0) * _MICROSECONDS
    for stream in streams:
        tick = stream.time_base or _MICROSECONDS
        begin = (stream.start_time or 0) * tick
        total = whole if stream.duration is None else stream.duration * tick
        readable = max(Fraction(0), tracks[stream.index].end * tick - begin)
        if total - readable > _LOST:
            raise InputRejected(
                Reason.TRUNCATED, readable_seconds=float(readable), total_seconds=float(total)
            )


def _refuse_large(stream: VideoStream, limits: Limits) -> tuple[int, int]:
    """Width and height of *stream* with square pixels, unless that is too much."""
    if stream.codec_context is None:
        return 0, 0
    width, height = square(stream.width, stream.height, stream.sample_aspect_ratio)
    if width * height > limits.max_pixels:
        raise InputRejected(Reason.TOO_LARGE, width=width, height=height, limit=limits.max_pixels)
    return width, height


def _rising(spans: Iterable[_Span]) -> Iterator[_Span]:
    """*spans* in the order they are shown; of those at one time all but the first a tick later."""
    last: int | None = None
    for span in sorted(spans):
        last = span.start if last is None else max(span.start, last + 1)
        yield span._replace(start=last)


def _first_frame(path: Path, index: int, limits: Limits) -> av.VideoFrame:
    """The first frame that decodes: those before it refer to what the file lacks."""
    with opened(path, max_pixels=limits.max_pixels) as container:
        frames = decoded(container, container.streams[index], max_pixels=limits.max_pixels)
        frame: av.VideoFrame | None = next(frames, None)
    if frame is None:
        raise InputRejected(Reason.CORRUPT)
    return frame


def _zero(path: Path, voice: int | None, timebase: Fraction, picture: int) -> int:
    """Time 0 in ticks of the picture's clock, on which its first frame is shown at *picture*.

    The voice's first sample is asked of the decoder, which knows how much of the first packets
    is only there to warm up the codec.
    """
    if voice is None:
        return picture
    with opened(path) as container:
        frame: av.AudioFrame | None = next(decoded(container, container.streams[voice]), None)
    if frame is None or frame.pts is None or frame.time_base is None:
        return picture
    return min(picture, floor(frame.pts * frame.time_base / timebase))


def _rate(spans: list[_Span], timebase: Fraction) -> Fraction:
    """Mean frames a second; of a single frame, one over how long it is shown."""
    first, last = spans[0], spans[-1]
    if len(spans) > 1:
        return (len(spans) - 1) / ((last.start - first.start) * timebase)
    return 1 / (last.length * timebase) if last.length else _DEFAULT_RATE
