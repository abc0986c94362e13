"""FFmpeg, as PyAV brings it along."""

import av

from video_editing import ffmpeg


def test_the_version_is_that_of_pyav() -> None:
    """Though PyAV is not imported for it."""
    assert ffmpeg.get_version() == av.ffmpeg_version_info
