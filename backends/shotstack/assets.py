"""From a scene to what lies at Shotstack: parts made by a child, and brought there."""

import asyncio
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from backends.base import Report
from backends.errors import BackendUnavailable, Why
from backends.local.video_cli import Command
from backends.rendering.base import Scene, composition, inputs
from backends.shotstack.client import Shotstack
from backends.shotstack.timeline import Backdrop, Output, Overlay, nearest_rate

Begun = Callable[[str], None]  #: is told a source's id before a byte of it goes out


class Behind(BaseModel):
    """What the child made of the background; as `render_parts.parts` tells it."""

    colour: str | None = None
    picture: Path | None = None
    film: Path | None = None
    seconds: float = 0
    sound: bool = False


class Parts(BaseModel):
    """What the child made of a scene; as `render_parts.parts` tells it."""

    canvas: tuple[int, int]
    box: tuple[int, int, int, int]
    seconds: float
    sound: bool
    overlay: Path
    luma: Path | None
    background: Behind

    def output(self, rate: float) -> Output:
        """The result that they are for, at *rate* as the API calls it."""
        return Output(*self.canvas, rate, self.seconds)


class Measured(BaseModel):
    """What a video is like."""

    width: int
    height: int
    seconds: float
    rate: float
    sound: bool

    @property
    def name(self) -> float:
        """Its rate, as the API calls the next one that it has."""
        return nearest_rate(self.rate)


async def measured(
    command: Command, place: str, path: Path, thumbnail: Path | None = None
) -> Measured:
    """Look at a video in a child, which also writes a *thumbnail* if wanted.

    Raises:
        InputRejected: it is none.
        BackendUnavailable: the child of *place* failed.
    """
    told = await command.run(*_probing(path, thumbnail), report=lambda _: None)
    try:
        return Measured.model_validate(told)
    except ValidationError as err:
        raise BackendUnavailable(place, Why.GARBAGE, "a video was not measured") from err


def _probing(path: Path, thumbnail: Path | None) -> list[str]:
    small = [f"--thumbnail={thumbnail.absolute()}"] if thumbnail else []
    return ["probe", str(path.absolute()), *small, "--progress=json"]


async def parted(
    command: Command,
    place: str,
    scene: Scene,
    folder: Path,
    rate: Fraction,
    way: str,
    report: Report,
) -> Parts:
    """Make the parts of *scene* in *folder*, in a child.

    Raises:
        InputRejected: the clip or the background is at fault.
        BackendUnavailable: the child of *place* failed.
        OutputFailed: *folder* cannot be written to.
        Cancelled: somebody else ended the work.
    """
    told: dict[str, Any] = await command.run(
        "parts",
        *inputs(scene, folder),
        *composition(scene),
        f"--rate={rate}",
        f"--way={way}",
        "--progress=json",
        report=report,
    )
    try:
        return Parts.model_validate(told)
    except ValidationError as err:
        raise BackendUnavailable(place, Why.GARBAGE, "no parts were made") from err


async def brought(
    client: Shotstack, overlays: Sequence[Parts], begun: Begun
) -> tuple[list[Overlay], Backdrop]:
    """Bring overlays to Shotstack, and what is behind the first, all at once.

    Raises:
        ShotstackError: one of them did not arrive.
    """
    behind = overlays[0].background
    files = [file for parts in overlays for file in (parts.overlay, parts.luma)]
    files += [behind.picture, behind.film]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_brought(client, file, begun)) for file in files]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures  # the first ended the others
    urls = [task.result() for task in tasks]
    pairs = zip(overlays, urls[:-2:2], urls[1:-2:2], strict=True)
    return (
        [Overlay(parts.box, url or "", luma, parts.sound) for parts, url, luma in pairs],
        Backdrop(behind.colour, urls[-2], urls[-1], behind.seconds, behind.sound),
    )


async def _brought(client: Shotstack, path: Path | None, begun: Begun) -> str | None:
    return None if path is None else (await client.upload(path, begun)).url
