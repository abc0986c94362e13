"""From a clip to a finished video at Shotstack, as one function: overlays, timeline, render."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.base import OverlayBackend, Report
from backends.links.download import FetchLimits
from backends.local.video_cli import Command
from backends.rendering.base import Scene
from backends.shotstack.assets import Measured, Parts, brought, measured, parted
from backends.shotstack.client import Shotstack
from backends.shotstack.errors import ShotstackError
from backends.shotstack.render_job import Template, rendered
from backends.shotstack.renderer import ShotstackRenderer, unavailable
from backends.shotstack.timeline import (
    RATES,
    Backdrop,
    Output,
    Overlay,
    TooManyTurns,
    edit,
    milliseconds,
)
from backends.shotstack.transfer import asked_for
from video_editing.contract.atomic_file import whole
from video_editing.contract.errors import InputRejected, Reason
from video_editing.contract.plan import read_plan
from video_editing.contract.style import Shape, Style


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What is wanted.

    Attributes:
        clip: the video of the person.
        shapes: what she is cut to; they take turns on the result.
        container: of the overlays: "mov", "webm", or "luma" for an mp4 and its matte.
        background: a colour, "blur", or the path of a picture or a film.
        style: the rest of the overlays' looks.
        engine, model: who looks for her.
        template: an id at Shotstack; its timeline is used instead of ours.
        merge: what the template's fields become. In a value {circle}, {circle-luma} and so on stand
            for the addresses of overlays, {background} for that of what is behind, and {length} for
            the seconds.
    """

    clip: Path
    shapes: Sequence[Shape] = (Shape.CIRCLE,)
    container: str = "mov"
    background: str = "#1d3557"
    style: Style = field(default_factory=Style)
    engine: str = "mediapipe"
    model: str = "u2net_human_seg"
    template: str | None = None
    merge: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Piped:
    """What came of it.

    Attributes:
        overlays: addresses at Shotstack by shape; they stay until they are deleted there.
        lumas: those of their mattes, where they have any.
        video: the address of the finished video, which lies there for a day.
        seconds: its length.
        dollars: what it cost.
    """

    overlays: dict[str, str]
    lumas: dict[str, str]
    video: str
    seconds: float
    dollars: float


async def autopipeline(
    wanted: Pipeline,
    backend: OverlayBackend,
    renderer: ShotstackRenderer,
    folder: Path,
    report: Report,
    result: Path | None = None,
) -> Piped:
    """Make overlays of a clip, bring them to Shotstack, and have a video rendered from them.

    Args:
        wanted: what.
        backend: where the mattes are made.
        renderer: whose account it is.
        folder: for files on the way.
        report: is told how far it is.
        result: where the video goes as well, if anywhere.

    Raises:
        InputRejected: the clip or the background is at fault.
        BackendUnavailable: a place or Shotstack is.
        OutputFailed: a file cannot be written.
        Cancelled: somebody else ended the work.
    """
    clip = await measured(renderer.command, renderer.name, wanted.clip)
    intent = secrets.token_hex(16)
    renderer.allow(intent, clip.seconds)
    try:
        await _make_mattes(wanted, backend, renderer.command, folder / "mattes", report)
        parts = [
            await _parts(wanted, shape, clip, renderer, folder, report) for shape in wanted.shapes
        ]
        async with renderer.client() as client:
            try:
                return await _rendered(wanted, parts, clip.name, intent, renderer, client, result)
            except BaseException:
                await renderer.tidy(client, intent)
                raise
    except BaseException as err:
        renderer.unbilled(intent, err)
        if isinstance(err, ShotstackError):
            raise unavailable(renderer.name, err) from err
        raise


async def _make_mattes(
    wanted: Pipeline, backend: OverlayBackend, command: Command, folder: Path, report: Report
) -> None:
    await command.run(*_planning(wanted, folder), report=lambda _: None)
    await backend.make_mattes(wanted.clip, read_plan(folder), folder, report)


def _planning(wanted: Pipeline, folder: Path) -> list[str]:
    plan = ["matte", str(wanted.clip.absolute()), f"--segments={folder.absolute()}", "--plan-only"]
    return [*plan, f"--engine={wanted.engine}", f"--model={wanted.model}"]


async def _parts(
    wanted: Pipeline,
    shape: Shape,
    clip: Measured,
    renderer: ShotstackRenderer,
    folder: Path,
    report: Report,
) -> Parts:
    """The overlay of one shape, and what is behind it."""
    style = wanted.style.model_copy(update={"shape": shape})
    return await parted(
        renderer.command,
        renderer.name,
        Scene(wanted.clip, folder / "mattes", wanted.background, style),
        folder / shape,
        RATES[clip.name],
        wanted.container,
        report,
    )


async def _rendered(
    wanted: Pipeline,
    parts: Sequence[Parts],
    rate: float,
    intent: str,
    renderer: ShotstackRenderer,
    client: Shotstack,
    result: Path | None,
) -> Piped:
    """Bring *parts* to Shotstack, and take the video."""
    intents = renderer.intents
    overlays, backdrop = await brought(
        client, parts, lambda source: intents.brought(intent, source)
    )
    output = parts[0].output(rate)
    body = _body(wanted, overlays, backdrop, output)
    state = await rendered(client, intents, intent, body)
    video = state.url or ""
    if result is not None:
        asked = asked_for(body, output, sound=parts[0].sound) if isinstance(body, dict) else None
        with whole(result) as path:
            await renderer.taking.take(video, path, asked, FetchLimits())
    for source in intents.get(intent).sources:
        intents.deleted(intent, source)  # they are the caller's now
    named = dict(zip(wanted.shapes, overlays, strict=True))
    return Piped(
        {shape.value: overlay.url for shape, overlay in named.items()},
        {shape.value: overlay.luma for shape, overlay in named.items() if overlay.luma},
        video,
        output.seconds,
        renderer.dollars(output.seconds),
    )


def _body(
    wanted: Pipeline, overlays: Sequence[Overlay], backdrop: Backdrop, output: Output
) -> dict[str, Any] | Template:
    """Our timeline, or the template's."""
    if wanted.template is None:
        try:
            return edit(overlays, backdrop, output)
        except TooManyTurns as err:
            raise InputRejected(Reason.BAD_BACKGROUND, why="too short") from err
    known = {"{background}": backdrop.film or backdrop.picture or backdrop.colour or ""}
    known["{length}"] = f"{milliseconds(output.seconds):g}"
    for shape, overlay in zip(wanted.shapes, overlays, strict=True):
        known |= {f"{{{shape}}}": overlay.url, f"{{{shape}-luma}}": overlay.luma or ""}
    merge = dict(wanted.merge)
    for name, address in known.items():
        merge = {field: value.replace(name, address) for field, value in merge.items()}
    return Template(wanted.template, merge)
