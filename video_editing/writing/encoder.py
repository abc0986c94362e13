"""The far end of the pipeline: pictures and sound become packets of one file.

Formats (`result_file`, `overlay_file`, …) choose codecs; what happens when the disk is full, and
how planes become frames, is the same for all of them and stands here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import ThreadType
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.frames import Picture, Plane, Timed
from video_editing.reading.audio import SAMPLE_RATE, Samples
from video_editing.writing.size_budget import FileTooLarge
from video_editing.writing.tracks import AudioTrack, StreamSpec, VideoTrack

CodecOptions = Mapping[str, str]  #: as FFmpeg's command line names them

BT709_LIMITED = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}

P = TypeVar("P")


class VideoCodec(NamedTuple):
    """Names a video encoder and its settings.

    Attributes:
        name: of the encoder in FFmpeg.
        pixel_format: of the frames that it takes, as FFmpeg names it.
        options: private options of the encoder.
    """

    name: str
    pixel_format: str
    options: CodecOptions


class AudioCodec(NamedTuple):
    """Names an audio encoder and its bit rate.

    Attributes:
        name: of the encoder in FFmpeg.
        bitrate: bits per second; 0 for a codec without a choice.
    """

    name: str
    bitrate: int = 0


class FileWriter(Generic[P]):
    """Writes pictures, and sound where the file has any, as they come.

    As a context manager it finishes the tracks when the block ends without an exception.
    Both start at the clip's origin. They may come in any order, but memory holds what one is
    ahead of the other, so whoever feeds them lets them go side by side.
    """

    def __init__(self, pictures: VideoTrack[P], sound: AudioTrack | None) -> None:
        self._pictures = pictures
        self._sound = sound

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()

    def write_picture(self, timed: Timed[P]) -> None:
        """Write the next picture; it is copied before this returns.

        Raises:
            OutputFailed: the disk is full.
        """
        with translate_output_errors():
            self._pictures.write(timed)

    def write_samples(self, block: Samples) -> None:
        """Write the samples that follow those of the last call.

        Raises:
            OutputFailed: the disk is full.
        """
        assert self._sound is not None, "this file was opened without sound"
        with translate_output_errors():
            self._sound.write(block)

    def write_all(
        self, pictures: Iterator[Timed[P]], sound: Iterator[Samples] | None, timebase: Fraction
    ) -> None:
        """Write *pictures* and *sound* to their ends, neither far ahead of the other.

        Raises:
            OutputFailed: the disk is full.
        """
        blocks = sound or iter(())
        heard = Fraction(0)
        for picture in pictures:
            while heard <= picture.time * timebase and (block := next(blocks, None)) is not None:
                self.write_samples(block)
                heard += Fraction(len(block), SAMPLE_RATE)
            self.write_picture(picture)
        for block in blocks:
            self.write_samples(block)

    def finish(self) -> None:
        """Write what the encoders still hold."""
        with translate_output_errors():
            self._pictures.finish()
            if self._sound is not None:
                self._sound.finish()


@contextmanager
def open_output(
    path: Path, container_format: str, options: CodecOptions, max_bytes: int | None = None
) -> Iterator[OutputContainer]:
    """Open a container that appears as *path* when the block ends well, and not otherwise.

    Raises:
        OutputFailed: the folder is not there or not writable, or the disk is full.
        TooBig: the file weighs more than *max_bytes*.
    """
    with atomic_write(path) as part:
        with _open_container(part, container_format, options) as container:
            yield container
        size = part.stat().st_size
        if max_bytes is not None and size > max_bytes:
            raise FileTooLarge(size, max_bytes)


@contextmanager
def _open_container(
    part: Path, container_format: str, options: CodecOptions
) -> Iterator[OutputContainer]:
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
    with translate_output_errors():
        container.close()


def add_video_stream(
    container: OutputContainer, codec: VideoCodec, spec: StreamSpec
) -> VideoStream:
    """Add a video stream of BT.709 pictures whose encoder uses a fixed number of threads."""
    rate = spec.rate.limit_denominator(1001)
    stream = container.add_stream(codec.name, rate, options=dict(codec.options))
    assert isinstance(stream, VideoStream)
    encoder = stream.codec_context
    encoder.width, encoder.height = spec.size
    encoder.pix_fmt = codec.pixel_format
    encoder.thread_count = spec.threads
    encoder.thread_type = ThreadType.AUTO  # PyAV's own choice cuts H.264 into slices
    set_colour_tags(encoder)
    return stream


def add_audio_track(
    container: OutputContainer, codec: AudioCodec, spec: StreamSpec
) -> AudioTrack | None:
    """Add a stereo track if *spec* has sound; else return None."""
    if not spec.has_sound:
        return None
    stream = container.add_stream(codec.name, SAMPLE_RATE, bit_rate=codec.bitrate, layout="stereo")
    assert isinstance(stream, AudioStream)
    return AudioTrack(container, stream)


def set_colour_tags(target: VideoCodecContext | av.VideoFrame) -> None:
    """Say that colours are BT.709, limited range."""
    for name, value in BT709_LIMITED.items():
        setattr(target, name, value)


def make_yuv_frame(picture: Picture) -> av.VideoFrame:
    """Copy a picture into a frame that encoders take."""
    frame = av.VideoFrame(*picture.size, "yuv420p")
    for index, plane in enumerate((picture.y, picture.u, picture.v)):
        copy_plane(frame, index, plane)
    return frame


def make_grey_frame(plane: Plane, pixel_format: str = "gray") -> av.VideoFrame:
    """Copy one plane into a frame; its chroma, if *pixel_format* has any, is neutral."""
    height, width = plane.shape
    frame = av.VideoFrame(width, height, pixel_format)
    copy_plane(frame, 0, plane)
    for chroma in frame.planes[1:]:
        np.frombuffer(memoryview(chroma), np.uint8)[:] = 128
    return frame


def copy_plane(frame: av.VideoFrame, index: int, plane: NDArray[Any]) -> None:
    """Copy *plane* into plane *index* of a frame, whose rows may be longer in memory."""
    target = frame.planes[index]
    height, width = plane.shape
    rows = np.frombuffer(memoryview(target), plane.dtype).reshape(height, -1)
    rows[:, :width] = plane
