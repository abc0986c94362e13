"""Matroska files of lossless mattes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from video_editing.frames import Matte
from video_editing.writing.encoder import (
    FileWriter,
    VideoCodec,
    add_video_stream,
    make_grey_frame,
    open_output,
)
from video_editing.writing.tracks import StreamSpec, VideoTrack


@contextmanager
def open_matte_video(path: Path, spec: StreamSpec) -> Iterator[FileWriter[Matte]]:
    """Open a file of mattes: FFV1 in Matroska, bit-exact, times rounded to milliseconds.

    Args:
        path: of the file; it appears when the block ends without an exception.
        spec: of the mattes; width and height may be odd, `has_sound` is ignored.

    Raises:
        OutputFailed: the file cannot be written.
    """
    slices = "4" if min(spec.size) > 1 else "1"  # one line cannot be divided
    codec = VideoCodec("ffv1", "gray", {"level": "3", "slices": slices})
    with open_output(path, "matroska", {}) as container:
        stream = add_video_stream(container, codec, spec)
        with FileWriter(VideoTrack(container, stream, spec, make_grey_frame)) as writer:
            yield writer
