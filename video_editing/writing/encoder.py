"""What the writers of all formats share: containers, encoders, frames and output errors."""

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

CodecOptions = Mapping[str, str]  #: private options of a codec or container, named as in FFmpeg

#: The tags of BT.709 in limited range (ITU-T H.273, tables 2 to 4; FFmpeg's AVColorRange).
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
    """Writes frames, and samples if the file has an audio track.

    Both tracks start at the clip's origin. Calls may come in any order, but the container keeps
    in memory what one track is ahead of the other, so they should alternate. As a context manager
    it finishes the tracks when the block ends without an exception.

    Args:
        video: takes the frames.
        audio: takes the samples; None in a file without sound.
    """

    def __init__(self, video: VideoTrack[P], audio: AudioTrack | None = None) -> None:
        self._video = video
        self._audio = audio

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
        """Write the next frame, which is copied before this returns.

        Raises:
            OutputFailed: the file cannot be written, for example because the disk is full.
        """
        with translate_output_errors():
            self._video.write(timed)

    def write_samples(self, block: Samples) -> None:
        """Write the samples that follow those of the last call.

        Raises:
            OutputFailed: the file cannot be written, for example because the disk is full.
        """
        assert self._audio is not None, "this file has no audio track"
        with translate_output_errors():
            self._audio.write(block)

    def write_all(
        self, pictures: Iterator[Timed[P]], samples: Iterator[Samples] | None, timebase: Fraction
    ) -> None:
        """Write all *pictures* and *samples*, interleaved by time.

        Args:
            pictures: frames with their times.
            samples: blocks of samples; None in a file without sound.
            timebase: seconds of one tick of the frames' times.

        Raises:
            OutputFailed: the file cannot be written, for example because the disk is full.
        """
        blocks = samples or iter(())
        audio_time = Fraction(0)
        for picture in pictures:
            time = picture.time * timebase
            while audio_time <= time and (block := next(blocks, None)) is not None:
                self.write_samples(block)
                audio_time += Fraction(len(block), SAMPLE_RATE)
            self.write_picture(picture)
        for block in blocks:
            self.write_samples(block)

    def finish(self) -> None:
        """Flush the encoders.

        Raises:
            OutputFailed: the file cannot be written, for example because the disk is full.
        """
        with translate_output_errors():
            self._video.finish()
            if self._audio is not None:
                self._audio.finish()


@contextmanager
def open_output(
    path: Path, container_format: str, options: CodecOptions, max_bytes: int | None = None
) -> Iterator[OutputContainer]:
    """Open a container that becomes *path* when the block ends without an exception.

    Args:
        path: of the file; an older file of that name is replaced.
        container_format: FFmpeg's name of the muxer.
        options: of the muxer.
        max_bytes: of the file, if limited.

    Raises:
        OutputFailed: the folder is missing or not writable, or the disk is full.
        FileTooLarge: the file has more than *max_bytes*.
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
        # Deleted before it is closed: the trailer may move megabytes of a file of no use.
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
    """Add a video stream of BT.709 frames."""
    rate = spec.rate.limit_denominator(1001)
    stream = container.add_stream(codec.name, rate, options=dict(codec.options))
    assert isinstance(stream, VideoStream)
    encoder = stream.codec_context
    encoder.width, encoder.height = spec.size
    encoder.pix_fmt = codec.pixel_format
    encoder.thread_count = spec.threads
    encoder.thread_type = ThreadType.AUTO  # PyAV's default splits H.264 frames into slices
    set_colour_tags(encoder)
    return stream


def add_audio_track(
    container: OutputContainer, codec: AudioCodec, spec: StreamSpec
) -> AudioTrack | None:
    """Add a stereo track at 48 kHz; return None if *spec* has no sound."""
    if not spec.has_sound:
        return None
    stream = container.add_stream(codec.name, SAMPLE_RATE, bit_rate=codec.bitrate, layout="stereo")
    assert isinstance(stream, AudioStream)
    return AudioTrack(container, stream)


def set_colour_tags(target: VideoCodecContext | av.VideoFrame) -> None:
    """Tag colours as BT.709 in limited range."""
    for name, value in BT709_LIMITED.items():
        setattr(target, name, value)


def make_yuv_frame(picture: Picture) -> av.VideoFrame:
    """Copy *picture* into a yuv420p frame."""
    frame = av.VideoFrame(*picture.size, "yuv420p")
    for index, plane in enumerate((picture.y, picture.u, picture.v)):
        copy_plane(frame, index, plane)
    return frame


def make_grey_frame(plane: Plane, pixel_format: str = "gray") -> av.VideoFrame:
    """Copy *plane* into the first plane of a frame; chroma, if *pixel_format* has it, is grey."""
    height, width = plane.shape
    frame = av.VideoFrame(width, height, pixel_format)
    copy_plane(frame, 0, plane)
    for chroma in frame.planes[1:]:
        np.frombuffer(memoryview(chroma), np.uint8)[:] = 128
    return frame


def copy_plane(frame: av.VideoFrame, index: int, plane: NDArray[Any]) -> None:
    """Copy *plane* into plane *index* of *frame*, whose rows may be padded."""
    target = frame.planes[index]
    height, width = plane.shape
    rows = np.frombuffer(memoryview(target), plane.dtype).reshape(height, -1)
    rows[:, :width] = plane
