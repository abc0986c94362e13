"""The properties of a video, read in a child process."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from backends.errors import BackendUnavailable, FailureKind
from backends.local.video_cli import VideoCli
from video_editing.contract.progress import ignore


class VideoInfo(BaseModel):
    """The properties of a video, as reported by the command ``probe``.

    Attributes:
        inside, outside: how much a frame differs from a reference, in the box of the overlay and
            around it: mean absolute difference of R'G'B', 0 same … 1 opposite.
    """

    width: int
    height: int
    seconds: float
    rate: float
    sound: bool
    inside: float = 0
    outside: float = 0


class Reference(BaseModel):
    """How one moment of a result should look.

    Attributes:
        picture: path of the picture.
        seconds: of the moment.
        box: left, top, width and height of the overlay in pixels.
    """

    picture: Path
    seconds: float
    box: tuple[int, int, int, int]


async def probe_video(
    video_cli: VideoCli,
    renderer: str,
    path: Path,
    thumbnail: Path | None = None,
    reference: Reference | None = None,
) -> VideoInfo:
    """Probe the video at *path* in a child process.

    Args:
        video_cli: runs the child process.
        renderer: name in errors.
        path: of the video.
        thumbnail: path of a JPEG to write; None for none.
        reference: to compare a frame with; None for none.

    Raises:
        InputRejected: it is not a video.
        BackendUnavailable: the child process of *renderer* failed.
    """
    fields = await video_cli.run(*_build_probe_arguments(path, thumbnail, reference), report=ignore)
    try:
        return VideoInfo.model_validate(fields)
    except ValidationError as err:
        raise BackendUnavailable(
            renderer, FailureKind.INVALID_RESPONSE, "the properties of a video are missing"
        ) from err


def _build_probe_arguments(
    path: Path, thumbnail: Path | None, reference: Reference | None
) -> list[str]:
    arguments = ["probe", str(path.absolute()), "--progress=json"]
    if thumbnail is not None:
        arguments.append(f"--thumbnail={thumbnail.absolute()}")
    if reference is not None:
        arguments.append(f"--compare={reference.picture.absolute()}")
        arguments.append(f"--at={reference.seconds}")
        arguments.append(f"--box={','.join(map(str, reference.box))}")
    return arguments
