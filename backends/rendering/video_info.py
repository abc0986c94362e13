"""The properties of a video, read in a child process."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from backends.errors import BackendUnavailable, FailureKind
from backends.local.video_cli import VideoCli
from video_editing.contract.progress import ignore


class VideoInfo(BaseModel):
    """The properties of a video, as reported by the command ``probe``."""

    width: int
    height: int
    seconds: float
    rate: float
    sound: bool


async def probe_video(
    video_cli: VideoCli, renderer: str, path: Path, thumbnail: Path | None = None
) -> VideoInfo:
    """Probe the video at *path* in a child process, which also writes a *thumbnail* if given.

    Raises:
        InputRejected: it is not a video.
        BackendUnavailable: the child process of *renderer* failed.
    """
    fields = await video_cli.run(*_build_probe_arguments(path, thumbnail), report=ignore)
    try:
        return VideoInfo.model_validate(fields)
    except ValidationError as err:
        raise BackendUnavailable(
            renderer, FailureKind.INVALID_RESPONSE, "the properties of a video are missing"
        ) from err


def _build_probe_arguments(path: Path, thumbnail: Path | None) -> list[str]:
    thumbnail_arguments = [f"--thumbnail={thumbnail.absolute()}"] if thumbnail else []
    return ["probe", str(path.absolute()), *thumbnail_arguments, "--progress=json"]
