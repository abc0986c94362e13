"""Parts of an edit: child processes make them from a clip, and uploads bring them to Shotstack."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    build_voice_arguments,
)
from backends.rendering.video_info import Reference
from backends.shotstack.client import ShotstackClient
from backends.shotstack.timeline import BackgroundClip, OutputSpec, OverlayClip

SourceListener = Callable[[str], None]  #: called with a source's id before its upload


class BackgroundParts(BaseModel):
    """The background part, as reported by the command ``parts``; one of the first three is set."""

    colour: str | None = None
    picture: Path | None = None
    film: Path | None = None
    seconds: float = 0
    sound: bool = False


class ReferenceParts(BaseModel):
    """One moment of the result, as reported by the command ``parts``.

    Attributes:
        seconds: of the moment.
        expected: path of a picture of it.
        inverted: path of the same with the overlay's alpha inverted.
    """

    seconds: float
    expected: Path
    inverted: Path


class OverlayParts(BaseModel):
    """The parts of one overlay, as reported by the command ``parts``.

    Attributes:
        canvas: width and height of the result in pixels.
        box: left, top, width and height of the overlay on the result, in pixels.
        seconds: length of the result.
        sound: whether the overlay has an audio stream.
        overlay: path of the overlay.
        luma: path of its luma matte; None if the overlay has alpha.
        background: the background part.
        reference: one moment of the result.
    """

    canvas: tuple[int, int]
    box: tuple[int, int, int, int]
    seconds: float
    sound: bool
    overlay: Path
    luma: Path | None
    background: BackgroundParts
    reference: ReferenceParts

    @property
    def expected(self) -> Reference:
        """How one moment of the result should look."""
        return Reference(
            picture=self.reference.expected, seconds=self.reference.seconds, box=self.box
        )

    def create_output_spec(self, rate: float) -> OutputSpec:
        """Return the result that the parts make, at *rate*, the API's name for a frame rate."""
        return OutputSpec(*self.canvas, rate, self.seconds)


@dataclass(frozen=True, slots=True)
class PartFormat:
    """The encoding of parts.

    Attributes:
        rate: frames a second.
        alpha_format: "luma" for an mp4 with a luma matte, white where the overlay is seen,
            "luma-inverted" for one that is black there, or a container with alpha: "mov", "webm".
    """

    rate: Fraction
    alpha_format: str


async def render_parts(
    video_cli: VideoCli,
    renderer: str,
    request: RenderRequest,
    folder: Path,
    part_format: PartFormat,
    report: Report,
) -> OverlayParts:
    """Make the parts of *request* in *folder*, in a child process.

    Raises:
        InputRejected: the clip or the background is at fault.
        BackendUnavailable: the child process of *renderer* failed.
        OutputFailed: *folder* cannot be written to.
        Cancelled: another process stopped the work.
    """
    fields: dict[str, Any] = await video_cli.run(
        "parts",
        *build_input_arguments(request, folder),
        *build_composition_arguments(request),
        *build_voice_arguments(request),
        f"--rate={part_format.rate}",
        f"--way={part_format.alpha_format}",
        "--progress=json",
        report=report,
    )
    try:
        return OverlayParts.model_validate(fields)
    except ValidationError as err:
        raise BackendUnavailable(
            renderer, FailureKind.INVALID_RESPONSE, "no parts are reported"
        ) from err


async def upload_parts(
    client: ShotstackClient, overlays: Sequence[OverlayParts], on_source_created: SourceListener
) -> tuple[list[OverlayClip], BackgroundClip]:
    """Upload overlays and the background of the first, all at the same time.

    Raises:
        ShotstackError: one of the uploads failed; the others are cancelled.
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
        raise failures.exceptions[0] from failures  # the first failure cancelled the other uploads
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
