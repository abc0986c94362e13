"""What makes the finished file from a clip and its mattes, and the renderer on this machine."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from backends.base import Report
from backends.errors import BackendUnavailable, FailureKind
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM, VideoCli
from video_editing.cli.arguments import format_options
from video_editing.contract.formats import OutputFormat
from video_editing.contract.style import PLACEMENT_FIELDS, Style

#: forms whose bytes can be kept to a limit; the others are small, or as large as they are
SIZE_LIMITED_FORMS = (OutputFormat.VIDEO, OutputFormat.ANIMATION)


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """All that a result is made from.

    Attributes:
        clip: the video of the person.
        mattes: where she is in it; None where the style keeps her own background, or where the
            renderer is to find her itself.
        background: a colour, "blur", or the path of a picture or a film.
        style: how the overlay looks.
        form: what the result is for.
        max_bytes: what a video or an animation may weigh.
        thumbnail: where a small JPEG of a result that is no overlay goes, if wanted.
    """

    clip: Path
    mattes: Path | None
    background: str
    style: Style
    form: OutputFormat = OutputFormat.VIDEO
    max_bytes: int | None = None
    thumbnail: Path | None = None


@dataclass(frozen=True, slots=True)
class RenderResult:
    """What a result is like.

    Attributes:
        renderer: the name of who made it.
        width, height: pixels.
        seconds: its length.
        dollars: what it cost, with what was paid in vain before.
    """

    renderer: str
    width: int
    height: int
    seconds: float
    dollars: float = 0


class Renderer(ABC):
    """Somebody who makes the finished file."""

    name: str  #: as in settings, logs, metrics and messages to admins

    def can_render(self, request: RenderRequest) -> bool:  # noqa: ARG002 - some cannot do all
        """Whether it makes such results at all; who cannot is not asked."""
        return True

    @abstractmethod
    async def render(self, request: RenderRequest, result: Path, report: Report) -> RenderResult:
        """Write *result*, which appears under its name when it is whole.

        Raises:
            InputRejected: the clip or the background is at fault; asking elsewhere is pointless.
            BackendUnavailable: the renderer is at fault; ask the next.
            OutputFailed: the result cannot be written, by whomever.
            Cancelled: somebody else ended the work.
        """


class LocalRenderer(Renderer):
    """The command line of video_editing in a child on this machine."""

    name = "local"

    def __init__(self, limits: ProcessLimits, program: Sequence[str] = DEFAULT_PROGRAM) -> None:
        """Remember what each child may take, and what to run in place of the command line."""
        self._video_cli = VideoCli(self.name, limits, program)

    async def render(self, request: RenderRequest, result: Path, report: Report) -> RenderResult:
        """See :class:`Renderer`."""
        arguments = *build_arguments(request, result), "--progress=json"
        return parse_render_result(self.name, await self._video_cli.run(*arguments, report=report))


class _ReportedSize(BaseModel):
    width: int
    height: int
    seconds: float


def parse_render_result(renderer: str, fields: Mapping[str, Any]) -> RenderResult:
    """What the last line of a child tells of its result.

    Raises:
        BackendUnavailable: GARBAGE of *renderer*, it does not.
    """
    try:
        size = _ReportedSize.model_validate(fields)
    except ValidationError as err:
        raise BackendUnavailable(
            renderer, FailureKind.INVALID_RESPONSE, "no size was told"
        ) from err
    return RenderResult(renderer, size.width, size.height, size.seconds)


def build_arguments(request: RenderRequest, result: Path) -> list[str]:
    """What the command line of video_editing is asked for."""
    input_arguments = build_input_arguments(request, result)
    if request.form.is_transparent:
        style = request.style.model_copy(update=dict.fromkeys(PLACEMENT_FIELDS))
        return [
            "cut",
            *input_arguments,
            f"--container={request.form}",
            *format_options(style),
        ]
    is_size_limited = request.max_bytes is not None and request.form in SIZE_LIMITED_FORMS
    return [
        "edit",
        *input_arguments,
        *build_composition_arguments(request),
        f"--form={request.form}",
        *([f"--max-mb={(request.max_bytes or 0) / 1_000_000}"] if is_size_limited else []),
        *([f"--thumbnail={request.thumbnail.absolute()}"] if request.thumbnail else []),
    ]


def build_input_arguments(request: RenderRequest, result: Path) -> list[str]:
    """The files of any command that works on *request*; its child has a folder of its own."""
    mattes = [f"--matte={request.mattes.absolute()}"] if request.mattes else []
    return [str(request.clip.absolute()), f"--output={result.absolute()}", *mattes]


def build_composition_arguments(request: RenderRequest) -> list[str]:
    """How the overlay looks, and what it is laid on."""
    background = resolve_background(request.background)
    return [f"--background={background}", *format_options(request.style)]


def resolve_background(background: str) -> str:
    """*background* for a child, which has another working directory."""
    return os.path.abspath(background) if os.path.isfile(background) else background  # noqa: PTH100, PTH113 - Path's raise when a name is too long
