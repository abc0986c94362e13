"""The interface of renderers, which make results from clips and mattes; the local renderer."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from backends.base import Report
from backends.errors import BackendUnavailable, FailureKind
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM, VideoCli
from video_editing.cli.arguments import format_options
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt
from video_editing.contract.formats import AUTO_CANVAS, OutputFormat
from video_editing.contract.sound import DEFAULT_SOUND, SoundOptions
from video_editing.contract.style import PLACEMENT_FIELDS, Style

SERVICE_FILE = "service.txt"  #: in a folder of mattes: the service that still has their clip
#: formats with a size limit; the others are small, or have one quality only
SIZE_LIMITED_FORMS = (OutputFormat.VIDEO, OutputFormat.ANIMATION)


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """The input of a renderer.

    Attributes:
        clip: path of the input video.
        mattes: folder of the matte segments; None if the style keeps the clip's background, or if
            the renderer makes the mattes itself.
        background: a colour, "blur", or the path of a picture or video.
        style: of the overlay.
        form: format of the result.
        max_bytes: largest size of a video or animation.
        thumbnail: path of a small JPEG to write; None for none. Transparent results have none.
        cover: path of a larger JPEG of the same frame. Only this machine writes it.
        canvas: aspect ratio of the result, a key of ASPECTS, or AUTO_CANVAS.
        excerpt: the part of the clip that is used.
        sound: of the voice and of the background.
    """

    clip: Path
    mattes: Path | None
    background: str
    style: Style
    form: OutputFormat = OutputFormat.VIDEO
    max_bytes: int | None = None
    thumbnail: Path | None = None
    canvas: str = AUTO_CANVAS
    excerpt: Excerpt = WHOLE_CLIP
    sound: SoundOptions = DEFAULT_SOUND
    cover: Path | None = None


@dataclass(frozen=True, slots=True)
class RenderResult:
    """The properties of a result.

    Attributes:
        renderer: name of the renderer that made it.
        width, height: in pixels.
        seconds: length.
        dollars: cost, failed attempts included.
    """

    renderer: str
    width: int
    height: int
    seconds: float
    dollars: float = 0


class Renderer(ABC):
    """Makes results."""

    name: str  #: as in settings, logs, metrics and messages to admins

    def can_render(self, request: RenderRequest) -> bool:  # noqa: ARG002 - a renderer without restrictions ignores it
        """Return whether the renderer supports *request*; if not, it is skipped."""
        return True

    @abstractmethod
    async def render(self, request: RenderRequest, result: Path, report: Report) -> RenderResult:
        """Write *result*, which appears under its name when it is complete.

        Raises:
            InputRejected: the clip or the background is at fault; another renderer would fail too.
            BackendUnavailable: this renderer is at fault; ask another one.
            OutputFailed: *result* cannot be written; another renderer would fail too.
            Cancelled: another process stopped the work.
        """


class LocalRenderer(Renderer):
    """Runs the command line of video_editing in a child process."""

    name = "local"

    def __init__(
        self,
        limits: ProcessLimits,
        program: Sequence[str] = DEFAULT_PROGRAM,
        *,
        may_use_gpu: bool = False,
    ) -> None:
        """Configure the child processes.

        Args:
            limits: of each of them.
            program: runs in place of the command line of video_editing.
            may_use_gpu: whether a GPU may encode, where it is not worse than the processor.
        """
        limits = replace(limits, is_memory_hard=limits.is_memory_hard and not may_use_gpu)
        self._video_cli = VideoCli(self.name, limits, program)
        self._may_use_gpu = may_use_gpu

    async def render(self, request: RenderRequest, result: Path, report: Report) -> RenderResult:
        """See :class:`Renderer`."""
        arguments = [*build_arguments(request, result), "--progress=json"]
        if self._may_use_gpu and not request.form.is_transparent:
            arguments.append("--encoder=auto")
        return parse_render_result(self.name, await self._video_cli.run(*arguments, report=report))


class _ReportedSize(BaseModel):
    width: int
    height: int
    seconds: float


def parse_render_result(renderer: str, fields: Mapping[str, Any]) -> RenderResult:
    """Return the properties of a result from *fields*, the last line of a child's output.

    Raises:
        BackendUnavailable: INVALID_RESPONSE of *renderer*: fields are missing.
    """
    try:
        size = _ReportedSize.model_validate(fields)
    except ValidationError as err:
        raise BackendUnavailable(
            renderer, FailureKind.INVALID_RESPONSE, "the size is missing"
        ) from err
    return RenderResult(renderer, size.width, size.height, size.seconds)


def build_arguments(request: RenderRequest, result: Path) -> list[str]:
    """Return the arguments of video_editing's command line that render *request*."""
    input_arguments = build_input_arguments(request, result)
    if request.form.is_transparent:
        style = request.style.model_copy(update=dict.fromkeys(PLACEMENT_FIELDS))
        return [
            "cut",
            *input_arguments,
            f"--container={request.form}",
            *format_options(style),
            *build_voice_arguments(request),
        ]
    is_size_limited = request.max_bytes is not None and request.form in SIZE_LIMITED_FORMS
    return [
        "edit",
        *input_arguments,
        *build_composition_arguments(request),
        *format_options(request.sound),
        f"--form={request.form}",
        *([f"--max-mb={(request.max_bytes or 0) / 1_000_000}"] if is_size_limited else []),
        *([f"--thumbnail={request.thumbnail.absolute()}"] if request.thumbnail else []),
        *([f"--cover={request.cover.absolute()}"] if request.cover else []),
    ]


def build_input_arguments(request: RenderRequest, result: Path) -> list[str]:
    """Return the arguments for files; absolute, since a child has its own working directory."""
    mattes = [f"--matte={request.mattes.absolute()}"] if request.mattes else []
    files = [str(request.clip.absolute()), f"--output={result.absolute()}", *mattes]
    return [*files, *format_options(request.excerpt)]


def build_composition_arguments(request: RenderRequest) -> list[str]:
    """Return the arguments for the background, the canvas and the overlay's style."""
    background = resolve_background(request.background)
    canvas = [] if request.canvas == AUTO_CANVAS else [f"--canvas={request.canvas}"]
    return [f"--background={background}", *canvas, *format_options(request.style)]


def build_voice_arguments(request: RenderRequest) -> list[str]:
    """Return the arguments for the sound of an overlay, which has no background."""
    normal = {"background_sound": DEFAULT_SOUND.background_sound}
    return format_options(request.sound.model_copy(update=normal))


def resolve_background(background: str) -> str:
    """Return *background* for a child process, which has another working directory."""
    return os.path.abspath(background) if os.path.isfile(background) else background  # noqa: PTH100, PTH113 - the methods of Path raise if a name is too long
