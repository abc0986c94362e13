"""The pipeline from a clip to a video at Shotstack: mattes, overlays, upload, render."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from backends.base import OverlayBackend, Report
from backends.links.download import FetchLimits
from backends.rendering.base import RenderRequest
from backends.rendering.video_info import probe_video
from backends.shotstack.alpha_check import LUMA_FORMATS
from backends.shotstack.assets import (
    OverlayParts,
    PartFormat,
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
    find_nearest_rate,
    floor_to_milliseconds,
)
from backends.shotstack.transfer import expect_result
from video_editing.contract.atomic_file import atomic_write
from video_editing.contract.engines import DEFAULT_MODEL, FAST_ENGINE
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import read_plan
from video_editing.contract.progress import ignore
from video_editing.contract.style import Shape, Style


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """The input of the pipeline.

    Attributes:
        clip: path of the input video.
        shapes: of the overlays, which are visible one after the other, equally long.
        container: of the overlays: "mov", "webm", or "luma" for an mp4 and its luma matte.
        background: a colour, "blur", or the path of a picture or video.
        style: of the overlays, except for the shape.
        engine, model: make the mattes.
        template: id of a template at Shotstack whose timeline is used; None for one of ours.
        merge: values of the template's merge fields. In a text, {circle}, {circle-luma} and so on
            stand for the addresses of overlays, {background} for the address or colour of the
            background, and {length} for the length in seconds; {length} alone is a number.
    """

    clip: Path
    shapes: Sequence[Shape] = (Shape.CIRCLE,)
    container: str = "mov"
    background: str = "#1d3557"
    style: Style = field(default_factory=Style)
    engine: str = FAST_ENGINE
    model: str = DEFAULT_MODEL
    template: str | None = None
    merge: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """The result of the pipeline.

    Attributes:
        overlays: addresses of the overlays at Shotstack by shape, until they are deleted there.
        lumas: addresses of their luma mattes by shape, if they have any.
        video: address of the video, which Shotstack stores for a day.
        seconds: length of the video.
        dollars: its cost.
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
    """Make overlays of a clip, upload them to Shotstack, and render a video from them there.

    Args:
        request: the clip, and how the video looks.
        backend: makes the mattes.
        renderer: with the account.
        folder: for temporary files.
        report: called with progress and events.
        result: path to which the video is downloaded; None for no download.

    Raises:
        InputRejected: the clip or the background is at fault.
        BackendUnavailable: a backend or Shotstack is at fault.
        OutputFailed: a file cannot be written.
        Cancelled: another process stopped the work.
    """
    clip = await probe_video(renderer.video_cli, renderer.name, request.clip)
    rate = find_nearest_rate(clip.rate)
    run = _PipelineRun(request, renderer, folder, secrets.token_hex(16))
    renderer.reserve_budget(run.intent, clip.seconds)
    try:
        await run.make_mattes(backend, report)
        parts = [await run.render_shape(shape, rate, report) for shape in request.shapes]
        async with renderer.open_client() as client:
            try:
                return await run.render_video(client, parts, rate, result)
            except BaseException:
                await renderer.clean_up(client, run.intent)
                raise
    except BaseException as err:
        renderer.release_if_unbilled(run.intent, err)
        if isinstance(err, ShotstackError):
            raise translate_error(renderer.name, err) from err
        raise


@dataclass(frozen=True, slots=True)
class _PipelineRun:
    """The steps of one run, in their order."""

    request: PipelineRequest
    renderer: ShotstackRenderer
    folder: Path
    intent: str

    async def make_mattes(self, backend: OverlayBackend, report: Report) -> None:
        """Plan the segments of the clip, and make their mattes."""
        request, mattes = self.request, self.folder / "mattes"
        arguments = ["matte", str(request.clip.absolute()), f"--segments={mattes.absolute()}"]
        arguments += ["--plan-only", f"--engine={request.engine}", f"--model={request.model}"]
        await self.renderer.video_cli.run(*arguments, report=ignore)
        await backend.make_mattes(request.clip, read_plan(mattes), mattes, report)

    async def render_shape(self, shape: Shape, rate: float, report: Report) -> OverlayParts:
        """Make the overlay of one shape, and the background."""
        request = self.request
        style = request.style.model_copy(update={"shape": shape})
        return await render_parts(
            self.renderer.video_cli,
            self.renderer.name,
            RenderRequest(request.clip, self.folder / "mattes", request.background, style),
            self.folder / shape,
            PartFormat(FRAME_RATES[rate], self._choose_alpha_format()),
            report,
        )

    def _choose_alpha_format(self) -> str:
        """Return the container, or the kind of luma matte that Shotstack was seen to draw."""
        if self.request.container not in LUMA_FORMATS:
            return self.request.container
        checked = self.renderer.alpha_check.alpha_format
        return checked if checked in LUMA_FORMATS else self.request.container

    async def render_video(
        self,
        client: ShotstackClient,
        parts: Sequence[OverlayParts],
        rate: float,
        result: Path | None,
    ) -> PipelineResult:
        """Upload *parts*, render the video, and download it to *result* if that is given."""
        render_log = self.renderer.render_log
        overlays, background = await upload_parts(
            client, parts, lambda source: render_log.add_source(self.intent, source)
        )
        output = parts[0].create_output_spec(rate)
        edit = _build_edit(self.request, overlays, background, output)
        state = await render_edit(client, render_log, self.intent, edit)
        video = state.url or ""
        if result is not None:
            expected = None  # the template decides on the properties
            if not isinstance(edit, TemplateEdit):
                reference = parts[0].expected if len(parts) == 1 else None
                expected = expect_result(edit, output, reference, sound=parts[0].sound)
            with atomic_write(result) as path:
                await self.renderer.result_download.download(video, path, expected, FetchLimits())
        for source in render_log.get(self.intent).sources:
            render_log.remove_source(self.intent, source)  # the caller owns them from now on
        by_shape = dict(zip(self.request.shapes, overlays, strict=True))
        return PipelineResult(
            {shape.value: overlay.url for shape, overlay in by_shape.items()},
            {shape.value: overlay.luma for shape, overlay in by_shape.items() if overlay.luma},
            video,
            output.seconds,
            self.renderer.compute_price(output.seconds),
        )


def _build_edit(
    request: PipelineRequest,
    overlays: Sequence[OverlayClip],
    background: BackgroundClip,
    output: OutputSpec,
) -> dict[str, Any] | TemplateEdit:
    """Return an edit with a timeline of ours, or one with the template's."""
    if request.template is None:
        try:
            return build_edit(overlays, background, output)
        except TooManyLoops as err:
            raise InputRejected(RejectReason.BAD_BACKGROUND, why="too short") from err
    placeholders: dict[str, str | float] = {
        "{background}": background.video or background.image or background.colour or "",
        "{length}": floor_to_milliseconds(output.seconds),
    }
    for shape, overlay in zip(request.shapes, overlays, strict=True):
        placeholders |= {f"{{{shape}}}": overlay.url, f"{{{shape}-luma}}": overlay.luma or ""}
    merge = {field: _fill(value, placeholders) for field, value in request.merge.items()}
    return TemplateEdit(request.template, merge)


def _fill(value: JsonValue, placeholders: Mapping[str, str | float]) -> JsonValue:
    """Return *value* with its placeholders replaced; one alone keeps the type of what it means."""
    if not isinstance(value, str):
        return value
    if value in placeholders:
        return placeholders[value]
    for placeholder, meaning in placeholders.items():
        text = meaning if isinstance(meaning, str) else f"{meaning:g}"
        value = value.replace(placeholder, text)
    return value
