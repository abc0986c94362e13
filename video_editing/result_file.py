"""The result: an mp4 that plays everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from av.container import OutputContainer
from av.video.stream import VideoStream

from video_editing.encode import (
    BT709_LIMITED,
    SAMPLE_RATE,
    Options,
    PictureTrack,
    SoundTrack,
    Writer,
    set_up,
    written,
    yuv_frame,
)
from video_editing.frames import Picture

SOUND_BITS = 160_000  #: a second, AAC
#: x264's constant rate factor: 18 cannot be told from the original, 23 is its default.
CRF = 20
#: The index comes first; a start later than 0 is kept to 11 µs, where the default is 1 ms.
MP4 = {"movflags": "+faststart", "movie_timescale": "90000"}


@contextmanager
def result_file(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    sound: bool,
    threads: int,
) -> Iterator[Writer[Picture]]:
    """Write an mp4: H.264 High and AAC, the index in front, BT.709 limited.

    Args:
        path: appears when the block ends well, and only then.
        size: width and height of every picture, both even.
        timebase: seconds in one tick of the pictures' times, which are kept.
        rate: average pictures a second; it steers the encoder, not the times.
        seconds: from the origin to the end of the last picture.
        sound: whether the file has a sound track.
        threads: how many the picture's encoder may use.

    Raises:
        OutputFailed: the file cannot be written.
    """
    options = {"preset": "veryfast", "profile": "high", "crf": str(CRF)}
    with written(path, "mp4", MP4) as container:
        stream = _h264(container, size, rate, options, threads)
        pictures = PictureTrack(container, stream, timebase, seconds, yuv_frame)
        writer = Writer(pictures, _aac(container) if sound else None)
        yield writer
        writer.finish()


def _h264(
    container: OutputContainer,
    size: tuple[int, int],
    rate: Fraction,
    options: Options,
    threads: int,
) -> VideoStream:
    stream = container.add_stream("libx264", rate.limit_denominator(1001))
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    for name, value in BT709_LIMITED.items():
        setattr(stream, name, value)
    set_up(stream, options, threads)
    return stream


def _aac(container: OutputContainer) -> SoundTrack:
    stream = container.add_stream("aac", SAMPLE_RATE, bit_rate=SOUND_BITS, layout="stereo")
    return SoundTrack(container, stream)
