"""The tracks of one file: how pictures and sound get their times and reach the container."""

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

from video_editing.concurrency import count_cpus
from video_editing.frames import Timed
from video_editing.reading.audio import SAMPLE_RATE, Samples

#: More ticks a second than this make MP4's 32-bit frame durations short.
MAX_TICKS_PER_SECOND = 1_000_000

MAX_ENCODER_THREADS = 4  #: decoding, matting and compositing run at the same time

P = TypeVar("P")


def count_encoder_threads() -> int:
    """Return how many threads an encoder uses: one for each CPU, at most four."""
    return min(MAX_ENCODER_THREADS, count_cpus())


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
    threads: int = field(default_factory=count_encoder_threads)


class VideoTrack(Generic[P]):
    """The track of pictures of one file.

    A picture lasts until the next one, so the newest waits until its successor has come.

    Args:
        container: the file.
        stream: its video stream, whose codec is set up but not yet open.
        spec: of the file; its timebase is that of the pictures' times.
        make_frame: makes a frame of the codec out of what a caller calls a picture.
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
        self._lead: int | None = None  # ticks from decoding the first picture to showing it
        stream.codec_context.time_base = self._container_timebase
        stream.codec_context.flags |= Flags.frame_duration

    def write(self, timed: Timed[P]) -> None:
        """Write the picture before this one, which now has its duration."""
        frame = self._make_frame(timed.value)
        frame.time_base = self._container_timebase
        frame.pts = self._convert_to_tick(timed.time * self._timebase)
        if self._newest is not None:
            frame.pts = max(_get_pts(frame), _get_pts(self._newest) + 1)
            self._encode_newest(_get_pts(frame))
        self._newest = frame

    def finish(self) -> None:
        """Write the last picture, which lasts until the end, and all that the codec holds."""
        if self._newest is None:
            return
        end = max(self._convert_to_tick(self._end), _get_pts(self._newest) + 1)
        self._encode_newest(end)
        held = self._encode_frame(None)
        if held:
            self._end_track_at(held, end)
        self._container.mux(held)

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
        """Move and stretch the packet decoded last so that the track ends at *end*.

        An mp4 stores distances between decoding times, and these have to add up to the track's
        length. With B-frames and uneven times the encoder's own do not.
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
    """The track of sound of one file.

    Args:
        container: the file.
        stream: its audio stream, whose codec is set up but not yet open.
    """

    def __init__(self, container: OutputContainer, stream: AudioStream) -> None:
        self._container = container
        self._stream = stream
        self._samples = 0

    def write(self, block: Samples) -> None:
        """Write a block of samples."""
        interleaved = np.ascontiguousarray(block, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = self._samples
        self._samples += len(block)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the codec holds."""
        if self._samples:
            self._container.mux(self._stream.encode(None))


def choose_container_timebase(timebase: Fraction) -> Fraction:
    """Say in which ticks a file carries times given in *timebase*: the same where it can."""
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
