"""The far end of the pipeline: pictures and sound become packets of one file.

Formats (`result_file`, `overlay_file`, …) choose codecs; how frames get their times, and what
happens when the disk is full, is the same for all of them and stands here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Generic, TypeVar

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags, ThreadType
from av.container import OutputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from video_editing.budget import TooBig
from video_editing.files import output_errors, whole
from video_editing.frames import Picture, Plane, Timed

SAMPLE_RATE = 48_000  #: Hz, of all sound that is written

Sound = NDArray[np.float32]  #: (n, 2), -1 … 1, at SAMPLE_RATE

Options = Mapping[str, str]  #: as FFmpeg's command line names them

#: More ticks a second than this make MP4's 32-bit frame durations short.
FINEST = 1_000_000

BT709_LIMITED = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}

P = TypeVar("P")


class Writer(Generic[P]):
    """Writes pictures, and sound where the file has any, as they come.

    Both start at the clip's origin. They may come in any order, but memory holds what one is
    ahead of the other, so whoever feeds them lets them go side by side.
    """

    def __init__(self, pictures: "PictureTrack[P]", sound: "SoundTrack | None") -> None:
        self._pictures = pictures
        self._sound = sound

    def picture(self, timed: Timed[P]) -> None:
        """Write the next picture; it is copied before this returns.

        Raises:
            OutputFailed: the disk is full.
        """
        with output_errors():
            self._pictures.write(timed)

    def sound(self, block: Sound) -> None:
        """Write the samples that follow those of the last call.

        Raises:
            OutputFailed: the disk is full.
        """
        assert self._sound is not None, "this file was opened without sound"
        with output_errors():
            self._sound.write(block)

    def finish(self) -> None:
        """Write what the encoders still hold."""
        with output_errors():
            self._pictures.finish()
            if self._sound is not None:
                self._sound.finish()


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

    def write(self, block: Sound) -> None:
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


@contextmanager
def written(
    path: Path, container_format: str, options: Options, max_bytes: int | None = None
) -> Iterator[OutputContainer]:
    """Open a container that appears as *path* when the block ends well, and not otherwise.

    Raises:
        OutputFailed: the folder is not there or not writable, or the disk is full.
        TooBig: the file weighs more than *max_bytes*.
    """
    with whole(path) as part:
        with _container(part, container_format, options) as container:
            yield container
        size = part.stat().st_size
        if max_bytes is not None and size > max_bytes:
            raise TooBig(size, max_bytes)


@contextmanager
def _container(part: Path, container_format: str, options: Options) -> Iterator[OutputContainer]:
    container = av.open(str(part), "w", container_format, container_options=dict(options))
    try:
        yield container
    except BaseException:
        # Gone before it is closed: a trailer need not move megabytes that nobody will read.
        with suppress(OSError):
            part.unlink()
        with suppress(av.FFmpegError):
            container.close()
        raise
    with output_errors():
        container.close()


def video_stream(
    container: OutputContainer,
    codec: str,
    pixels: str,
    size: tuple[int, int],
    rate: Fraction,
    options: Options,
    threads: int,
) -> VideoStream:
    """Add a video stream of BT.709 pictures whose encoder uses a fixed number of threads."""
    stream = container.add_stream(codec, rate.limit_denominator(1001), options=dict(options))
    assert isinstance(stream, VideoStream)
    encoder = stream.codec_context
    encoder.width, encoder.height = size
    encoder.pix_fmt = pixels
    encoder.thread_count = threads
    encoder.thread_type = ThreadType.AUTO  # PyAV's own choice cuts H.264 into slices
    tag(encoder)
    return stream


def audio_stream(container: OutputContainer, codec: str, bits: int = 0) -> AudioStream:
    """Add a stereo stream of *bits* a second, 0 for a codec that has no choice."""
    stream = container.add_stream(codec, SAMPLE_RATE, bit_rate=bits, layout="stereo")
    assert isinstance(stream, AudioStream)
    return stream


def tag(what: VideoCodecContext | av.VideoFrame) -> None:
    """Say that colours are BT.709, limited range."""
    for name, value in BT709_LIMITED.items():
        setattr(what, name, value)


def carried(timebase: Fraction) -> Fraction:
    """Say in which ticks a file carries times given in *timebase*: the same where it can."""
    return timebase if timebase.denominator <= FINEST else Fraction(1, FINEST)


def yuv_frame(picture: Picture) -> av.VideoFrame:
    """Copy a picture into a frame that encoders take."""
    frame = av.VideoFrame(*picture.size, "yuv420p")
    for index, plane in enumerate((picture.y, picture.u, picture.v)):
        fill(frame, index, plane)
    return frame


def grey_frame(plane: Plane, pixels: str = "gray") -> av.VideoFrame:
    """Copy one plane into a frame; its chroma, if *pixels* has any, is neutral."""
    height, width = plane.shape
    frame = av.VideoFrame(width, height, pixels)
    fill(frame, 0, plane)
    for chroma in frame.planes[1:]:
        np.frombuffer(memoryview(chroma), np.uint8)[:] = 128
    return frame


def fill(frame: av.VideoFrame, index: int, plane: NDArray[Any]) -> None:
    """Copy *plane* into plane *index* of a frame, whose rows may be longer in memory."""
    target = frame.planes[index]
    height, width = plane.shape
    rows = np.frombuffer(memoryview(target), plane.dtype).reshape(height, -1)
    rows[:, :width] = plane


def _pts(timed: "av.VideoFrame | Packet[VideoStream]") -> int:
    assert timed.pts is not None
    return timed.pts


def _dts(packet: "Packet[VideoStream]") -> int:
    assert packet.dts is not None
    return packet.dts
