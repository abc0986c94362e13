"""A file of mattes: grey, without loss."""

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

FFV1 = VideoCodec("ffv1", "gray", {"level": "3", "slices": "4"})


@contextmanager
def open_matte_video(path: Path, spec: StreamSpec) -> Iterator[FileWriter[Matte]]:
    """Write mattes as FFV1 in Matroska, each bit as given and each time to the millisecond.

    Args:
        path: appears when the block ends well, and only then.
        spec: of the mattes; its size may be odd.

    Raises:
        OutputFailed: the file cannot be written.
    """
    with open_output(path, "matroska", {}) as container:
        stream = add_video_stream(container, FFV1, spec)
        with FileWriter(VideoTrack(container, stream, spec, make_grey_frame), None) as writer:
            yield writer
