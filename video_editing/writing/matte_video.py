"""A file of mattes: grey, without loss."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from video_editing.frames import Matte
from video_editing.writing.encoder import FileWriter, add_video_stream, make_grey_frame, open_output
from video_editing.writing.tracks import VideoTrack


@contextmanager
def open_matte_video(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    threads: int,
) -> Iterator[FileWriter[Matte]]:
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
    with open_output(path, "matroska", {}) as container:
        stream = add_video_stream(container, "ffv1", "gray", size, rate, options, threads)
        writer = FileWriter(VideoTrack(container, stream, timebase, seconds, make_grey_frame), None)
        yield writer
        writer.finish()
