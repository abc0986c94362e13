"""The tracks of one file: how pictures and sound get their times and reach the container."""

from collections.abc import Callable
from fractions import Fraction
from typing import Generic, TypeVar

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from video_editing.frames import Timed
from video_editing.reading.audio import RATE, Samples

#: More ticks a second than this make MP4's 32-bit frame durations short.
FINEST = 1_000_000

P = TypeVar("P")


class PictureTrack(Generic[P]):
    """The track of pictures of one file.

    A picture lasts until the next one, so the newest waits until its successor has come.

    Args:
        container: the file.
        stream: its video stream, whose codec is set up but not yet open.
        timebase: seconds in one tick of the pictures' times.
        end: seconds at which the last picture ends.
        as_frame: makes a frame of the codec out of what a caller calls a picture.
    """

    def __init__(
        self,
        container: OutputContainer,
        stream: VideoStream,
        timebase: Fraction,
        end: Fraction,
        as_frame: Callable[[P], av.VideoFrame],
    ) -> None:
        self._container = container
        self._stream = stream
        self._timebase = timebase
        self._ticks = carried(timebase)
        self._end = end
        self._as_frame = as_frame
        self._newest: av.VideoFrame | None = None
        self._lead: int | None = None  # ticks from decoding the first picture to showing it
        stream.codec_context.time_base = self._ticks
        stream.codec_context.flags |= Flags.frame_duration

    def write(self, timed: Timed[P]) -> None:
        """Write the picture before this one, which now has its duration."""
        frame = self._as_frame(timed.what)
        frame.time_base = self._ticks
        frame.pts = self._tick(timed.time * self._timebase)
        if self._newest is not None:
            frame.pts = max(_pts(frame), _pts(self._newest) + 1)
            self._encode(_pts(frame))
        self._newest = frame

    def finish(self) -> None:
        """Write the last picture, which lasts until the end, and all that the codec holds."""
        if self._newest is None:
            return
        end = max(self._tick(self._end), _pts(self._newest) + 1)
        self._encode(end)
        held = self._encoded(None)
        if held:
            self._stretch(held, end)
        self._container.mux(held)

    def _encode(self, until: int) -> None:
        assert self._newest is not None
        self._newest.duration = until - _pts(self._newest)
        self._container.mux(self._encoded(self._newest))

    def _encoded(self, frame: av.VideoFrame | None) -> "list[Packet[VideoStream]]":
        packets = self._stream.encode(frame)
        if packets and self._lead is None:
            self._lead = _pts(packets[0]) - _dts(packets[0])
        return packets

    def _stretch(self, held: "list[Packet[VideoStream]]", end: int) -> None:
        """Move and stretch the packet decoded last so that the track ends at *end*.

        An mp4 stores distances between decoding times, and these have to add up to the track's
        length. With B-frames and uneven times the encoder's own do not.
        """
        assert self._newest is not None
        assert self._lead is not None
        *before, last = held
        decoding = _pts(last) - self._lead
        if _pts(last) < _pts(self._newest):
            decoding = max(decoding, _dts(last))
        if before:
            decoding = max(decoding, _dts(before[-1]) + 1)
        last.dts = decoding
        last.duration = max(1, end - self._lead - decoding)

    def _tick(self, seconds: Fraction) -> int:
        return round(seconds / self._ticks)


class SoundTrack:
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
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        frame.pts = self._samples
        self._samples += len(block)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the codec holds."""
        if self._samples:
            self._container.mux(self._stream.encode(None))


def carried(timebase: Fraction) -> Fraction:
    """Say in which ticks a file carries times given in *timebase*: the same where it can."""
    return timebase if timebase.denominator <= FINEST else Fraction(1, FINEST)


def _pts(timed: "av.VideoFrame | Packet[VideoStream]") -> int:
    assert timed.pts is not None
    return timed.pts


def _dts(packet: "Packet[VideoStream]") -> int:
    assert packet.dts is not None
    return packet.dts
