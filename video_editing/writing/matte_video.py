"""A file of mattes: grey, without loss."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from video_editing.frames import Matte
from video_editing.writing.encoder import Writer, grey_frame, video_stream, written
from video_editing.writing.tracks import PictureTrack


@contextmanager
def matte_file(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    threads: int,
) -> Iterator[Writer[Matte]]:
    """Write mattes as FFV1 in Matroska, each bit as given and each time to the millisecond.

    Args:
        path: appears when the block ends well, and only then.
        size: width and height of every matte, odd ones too.
        timebase: seconds in one tick of the mattes' times.
        rate: average mattes a second.
        seconds: from the origin to the end of the last matte.
        threads: how many the encoder may use.

    Raises:
        OutputFailed: the file cannot be written.
    """
    options = {"level": "3", "slices": "4"}
    with written(path, "matroska", {}) as container:
        stream = video_stream(container, "ffv1", "gray", size, rate, options, threads)
        writer = Writer(PictureTrack(container, stream, timebase, seconds, grey_frame), None)
        yield writer
        writer.finish()
