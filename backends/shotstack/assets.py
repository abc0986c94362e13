"""From a scene to what lies at Shotstack: parts made by a child, and brought there."""

import asyncio
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from backends.base import Report
from backends.errors import BackendUnavailable, FailureKind
from backends.local.video_cli import VideoCli
from backends.rendering.base import (
    RenderRequest,
    build_composition_arguments,
    build_input_arguments,
)
from backends.shotstack.client import ShotstackClient
from backends.shotstack.timeline import BackgroundClip, OutputSpec, OverlayClip, find_nearest_rate

SourceListener = Callable[[str], None]  #: is told a source's id before a byte of it goes out


class BackgroundParts(BaseModel):
    """What the child made of the background; as `render_parts.parts` tells it."""

    colour: str | None = None
    picture: Path | None = None
    film: Path | None = None
    seconds: float = 0
    sound: bool = False


class OverlayParts(BaseModel):
    """What the child made of a scene; as `render_parts.parts` tells it."""

    canvas: tuple[int, int]
    box: tuple[int, int, int, int]
    seconds: float
    sound: bool
    overlay: Path
    luma: Path | None
    background: BackgroundParts

    def create_output_spec(self, rate: float) -> OutputSpec:
        """The result that they are for, at *rate* as the API calls it."""
        return OutputSpec(*self.canvas, rate, self.seconds)


class VideoInfo(BaseModel):
    """What a video is like."""

    width: int
    height: int
    seconds: float
    rate: float
    sound: bool

    @property
    def api_rate(self) -> float:
        """Its rate, as the API calls the next one that it has."""
        return find_nearest_rate(self.rate)


async def probe_video(
    video_cli: VideoCli, renderer: str, path: Path, thumbnail: Path | None = None
) -> VideoInfo:
    """Look at a video in a child, which also writes a *thumbnail* if wanted.

    Raises:
        InputRejected: it is none.
        BackendUnavailable: the child of *renderer* failed.
    """
    fields = await video_cli.run(*_build_probe_arguments(path, thumbnail), report=lambda _: None)
    try:
        return VideoInfo.model_validate(fields)
    except ValidationError as err:
        raise BackendUnavailable(
            renderer, FailureKind.INVALID_RESPONSE, "a video was not measured"
        ) from err


def _build_probe_arguments(path: Path, thumbnail: Path | None) -> list[str]:
    thumbnail_arguments = [f"--thumbnail={thumbnail.absolute()}"] if thumbnail else []
    return ["probe", str(path.absolute()), *thumbnail_arguments, "--progress=json"]


async def render_parts(
    video_cli: VideoCli,
    renderer: str,
    request: RenderRequest,
    folder: Path,
    rate: Fraction,
    alpha_format: str,
    report: Report,
) -> OverlayParts:
    """Make the parts of *request* in *folder*, in a child.

    Raises:
        InputRejected: the clip or the background is at fault.
        BackendUnavailable: the child of *renderer* failed.
        OutputFailed: *folder* cannot be written to.
        Cancelled: somebody else ended the work.
    """
    fields: dict[str, Any] = await video_cli.run(
        "parts",
        *build_input_arguments(request, folder),
        *build_composition_arguments(request),
        f"--rate={rate}",
        f"--way={alpha_format}",
        "--progress=json",
        report=report,
    )
    try:
        return OverlayParts.model_validate(fields)
    except ValidationError as err:
        raise BackendUnavailable(
            renderer, FailureKind.INVALID_RESPONSE, "no parts were made"
        ) from err


async def upload_parts(
    client: ShotstackClient, overlays: Sequence[OverlayParts], on_source_created: SourceListener
) -> tuple[list[OverlayClip], BackgroundClip]:
    """Bring overlays to Shotstack, and what is behind the first, all at once.

    Raises:
        ShotstackError: one of them did not arrive.
    """
    background = overlays[0].background
    files = [file for parts in overlays for file in (parts.overlay, parts.luma)]
    files += [background.picture, background.film]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_upload_file(client, file, on_source_created)) for file in files
            ]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures  # the first ended the others
    urls = [task.result() for task in tasks]
    pairs = zip(overlays, urls[:-2:2], urls[1:-2:2], strict=True)
    return (
        [OverlayClip(parts.box, url or "", luma, parts.sound) for parts, url, luma in pairs],
        BackgroundClip(background.colour, urls[-2], urls[-1], background.seconds, background.sound),
    )


async def _upload_file(
    client: ShotstackClient, path: Path | None, on_source_created: SourceListener
) -> str | None:
    return None if path is None else (await client.upload(path, on_source_created)).url
