"""From a clip to a finished video at Shotstack, as one function: overlays, timeline, render."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.base import OverlayBackend, Report
from backends.links.download import FetchLimits
from backends.local.video_cli import VideoCli
from backends.rendering.base import RenderRequest
from backends.shotstack.assets import (
    OverlayParts,
    VideoInfo,
    probe_video,
    render_parts,
    upload_parts,
)
from backends.shotstack.client import ShotstackClient
from backends.shotstack.errors import ShotstackError
from backends.shotstack.render_job import TemplateEdit, render_edit
from backends.shotstack.renderer import ShotstackRenderer, translate_error
from backends.shotstack.timeline import (
    FRAME_RATES,
    BackgroundClip,
    OutputSpec,
    OverlayClip,
    TooManyLoops,
    build_edit,
    floor_to_milliseconds,
)
from backends.shotstack.transfer import expect_result
from video_editing.contract.atomic_file import atomic_write
from video_editing.contract.engines import DEFAULT_MODEL, FAST_ENGINE
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import read_plan
from video_editing.contract.style import Shape, Style


@dataclass(frozen=True, slots=True)
class PipelineRequest:
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
    engine: str = FAST_ENGINE
    model: str = DEFAULT_MODEL
    template: str | None = None
    merge: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PipelineResult:
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


async def run_pipeline(
    request: PipelineRequest,
    backend: OverlayBackend,
    renderer: ShotstackRenderer,
    folder: Path,
    report: Report,
    result: Path | None = None,
) -> PipelineResult:
    """Make overlays of a clip, bring them to Shotstack, and have a video rendered from them.

    Args:
        request: what.
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
    clip = await probe_video(renderer.video_cli, renderer.name, request.clip)
    intent = secrets.token_hex(16)
    renderer.reserve_budget(intent, clip.seconds)
    try:
        await _make_mattes(request, backend, renderer.video_cli, folder / "mattes", report)
        parts = [
            await _render_shape(request, shape, clip, renderer, folder, report)
            for shape in request.shapes
        ]
        async with renderer.open_client() as client:
            try:
                return await _render_video(
                    request, parts, clip.api_rate, intent, renderer, client, result
                )
            except BaseException:
                await renderer.clean_up(client, intent)
                raise
    except BaseException as err:
        renderer.release_if_unbilled(intent, err)
        if isinstance(err, ShotstackError):
            raise translate_error(renderer.name, err) from err
        raise


async def _make_mattes(
    request: PipelineRequest,
    backend: OverlayBackend,
    video_cli: VideoCli,
    folder: Path,
    report: Report,
) -> None:
    await video_cli.run(*_build_plan_arguments(request, folder), report=lambda _: None)
    await backend.make_mattes(request.clip, read_plan(folder), folder, report)


def _build_plan_arguments(request: PipelineRequest, folder: Path) -> list[str]:
    plan = ["matte", str(request.clip.absolute()), f"--segments={folder.absolute()}", "--plan-only"]
    return [*plan, f"--engine={request.engine}", f"--model={request.model}"]


async def _render_shape(
    request: PipelineRequest,
    shape: Shape,
    clip: VideoInfo,
    renderer: ShotstackRenderer,
    folder: Path,
    report: Report,
) -> OverlayParts:
    """The overlay of one shape, and what is behind it."""
    style = request.style.model_copy(update={"shape": shape})
    return await render_parts(
        renderer.video_cli,
        renderer.name,
        RenderRequest(request.clip, folder / "mattes", request.background, style),
        folder / shape,
        FRAME_RATES[clip.api_rate],
        request.container,
        report,
    )


async def _render_video(
    request: PipelineRequest,
    parts: Sequence[OverlayParts],
    rate: float,
    intent: str,
    renderer: ShotstackRenderer,
    client: ShotstackClient,
    result: Path | None,
) -> PipelineResult:
    """Bring *parts* to Shotstack, and take the video."""
    render_log = renderer.render_log
    overlays, backdrop = await upload_parts(
        client, parts, lambda source: render_log.add_source(intent, source)
    )
    output = parts[0].create_output_spec(rate)
    body = _build_body(request, overlays, backdrop, output)
    state = await render_edit(client, render_log, intent, body)
    video = state.url or ""
    if result is not None:
        asked = (
            expect_result(body, output, sound=parts[0].sound) if isinstance(body, dict) else None
        )
        with atomic_write(result) as path:
            await renderer.result_download.download(video, path, asked, FetchLimits())
    for source in render_log.get(intent).sources:
        render_log.remove_source(intent, source)  # they are the caller's now
    named = dict(zip(request.shapes, overlays, strict=True))
    return PipelineResult(
        {shape.value: overlay.url for shape, overlay in named.items()},
        {shape.value: overlay.luma for shape, overlay in named.items() if overlay.luma},
        video,
        output.seconds,
        renderer.compute_price(output.seconds),
    )


def _build_body(
    request: PipelineRequest,
    overlays: Sequence[OverlayClip],
    backdrop: BackgroundClip,
    output: OutputSpec,
) -> dict[str, Any] | TemplateEdit:
    """Our timeline, or the template's."""
    if request.template is None:
        try:
            return build_edit(overlays, backdrop, output)
        except TooManyLoops as err:
            raise InputRejected(RejectReason.BAD_BACKGROUND, why="too short") from err
    placeholders = {"{background}": backdrop.video or backdrop.image or backdrop.colour or ""}
    placeholders["{length}"] = f"{floor_to_milliseconds(output.seconds):g}"
    for shape, overlay in zip(request.shapes, overlays, strict=True):
        placeholders |= {f"{{{shape}}}": overlay.url, f"{{{shape}-luma}}": overlay.luma or ""}
    merge = dict(request.merge)
    for name, address in placeholders.items():
        merge = {field: value.replace(name, address) for field, value in merge.items()}
    return TemplateEdit(request.template, merge)
