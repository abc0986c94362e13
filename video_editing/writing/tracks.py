"""The tracks of an output file: they time, encode and multiplex frames and samples."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Generic, TypeVar

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from video_editing.concurrency import count_codec_threads
from video_editing.frames import Timed
from video_editing.reading.audio import SAMPLE_RATE, Samples

#: In an mp4 a frame lasts at most 2³² ticks (ISO/IEC 14496-12, 8.6.1.2): 71 minutes at this rate.
MAX_TICKS_PER_SECOND = 1_000_000

P = TypeVar("P")


@dataclass(frozen=True, kw_only=True)
class StreamSpec:
    """Describes the streams of an output file.

    Attributes:
        size: width and height of each frame in pixels.
        timebase: seconds of one tick of the frames' times.
        rate: average frames per second; it steers the encoder, not the times.
        seconds: from the origin to the end of the last frame.
        has_sound: whether the file has an audio stream.
        threads: of the video encoder.
    """

    size: tuple[int, int]
    timebase: Fraction
    rate: Fraction
    seconds: Fraction
    has_sound: bool = False
    threads: int = field(default_factory=count_codec_threads)


class VideoTrack(Generic[P]):
    """Encodes the frames of a file at their presentation times.

    A frame lasts until the next one, so the newest frame is held back until its successor comes.

    Args:
        container: the output file.
        stream: its video stream, whose codec is configured but not open.
        spec: of the file; frames are timed in its timebase.
        make_frame: converts a picture, layer or matte into a frame of the codec.
    """

    def __init__(
        self,
        container: OutputContainer,
        stream: VideoStream,
        spec: StreamSpec,
        make_frame: Callable[[P], av.VideoFrame],
    ) -> None:
        self._container = container
        self._stream = stream
        self._timebase = spec.timebase
        self._container_timebase = choose_container_timebase(spec.timebase)
        self._end = spec.seconds
        self._make_frame = make_frame
        self._newest: av.VideoFrame | None = None
        self._lead: int | None = None  # ticks between decoding and showing the first frame
        stream.codec_context.time_base = self._container_timebase
        stream.codec_context.flags |= Flags.frame_duration

    def write(self, timed: Timed[P]) -> None:
        """Take a frame; encode the one before it, whose duration is now known."""
        frame = self._make_frame(timed.value)
        frame.time_base = self._container_timebase
        frame.pts = self._convert_to_tick(timed.time * self._timebase)
        if self._newest is not None:
            frame.pts = max(_get_pts(frame), _get_pts(self._newest) + 1)
            self._encode_newest(_get_pts(frame))
        self._newest = frame

    def finish(self) -> None:
        """Encode the last frame, which lasts until the end, and flush the codec."""
        if self._newest is None:
            return
        end = max(self._convert_to_tick(self._end), _get_pts(self._newest) + 1)
        self._encode_newest(end)
        packets = self._encode_frame(None)
        if packets:
            self._end_track_at(packets, end)
        self._container.mux(packets)

    def _encode_newest(self, until: int) -> None:
        assert self._newest is not None
        self._newest.duration = until - _get_pts(self._newest)
        self._container.mux(self._encode_frame(self._newest))

    def _encode_frame(self, frame: av.VideoFrame | None) -> "list[Packet[VideoStream]]":
        packets = self._stream.encode(frame)
        if packets and self._lead is None:
            self._lead = _get_pts(packets[0]) - _get_dts(packets[0])
        return packets

    def _end_track_at(self, packets: "list[Packet[VideoStream]]", end: int) -> None:
        """Retime the packet that is decoded last so that the track ends at tick *end*.

        An mp4 stores the differences of decoding times (ISO/IEC 14496-12, 8.6.1.2), whose sum is
        the length of the track. With B-frames and uneven times those of the encoder do not add
        up to it.
        """
        assert self._newest is not None
        assert self._lead is not None
        *before, last = packets
        decoding = _get_pts(last) - self._lead
        if _get_pts(last) < _get_pts(self._newest):
            decoding = max(decoding, _get_dts(last))
        if before:
            decoding = max(decoding, _get_dts(before[-1]) + 1)
        last.dts = decoding
        last.duration = max(1, end - self._lead - decoding)

    def _convert_to_tick(self, seconds: Fraction) -> int:
        return round(seconds / self._container_timebase)


class AudioTrack:
    """Encodes the samples of a file.

    Args:
        container: the output file.
        stream: its audio stream, whose codec is configured but not open.
    """

    def __init__(self, container: OutputContainer, stream: AudioStream) -> None:
        self._container = container
        self._stream = stream
        self._samples = 0

    def write(self, block: Samples) -> None:
        """Encode the samples that follow those of the last call."""
        interleaved = np.ascontiguousarray(block, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = self._samples
        self._samples += len(block)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Flush the codec."""
        if self._samples:
            self._container.mux(self._stream.encode(None))


def choose_container_timebase(timebase: Fraction) -> Fraction:
    """Return the timebase of a file for frames timed in *timebase*: the same unless too fine."""
    return (
        timebase
        if timebase.denominator <= MAX_TICKS_PER_SECOND
        else Fraction(1, MAX_TICKS_PER_SECOND)
    )


def _get_pts(timed: "av.VideoFrame | Packet[VideoStream]") -> int:
    assert timed.pts is not None
    return timed.pts


def _get_dts(packet: "Packet[VideoStream]") -> int:
    assert packet.dts is not None
    return packet.dts
