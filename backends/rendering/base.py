"""What makes the finished file from a clip and its mattes, and the renderer on this machine."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from backends.base import Report
from backends.errors import BackendUnavailable, Why
from backends.local.process import Limits
from backends.local.video_cli import COMMAND, Command
from video_editing.contract.formats import Form
from video_editing.contract.style import Style

#: options of the command line whose names are not those of the style's fields
OPTIONS = {"centre": "center"}
#: fields of a style that say where an overlay is on a result; an overlay alone is nowhere
PLACE = ("position", "offset", "size")
#: forms whose bytes can be kept to a limit; the others are small, or as large as they are
FITTING = (Form.VIDEO, Form.ANIMATION)


@dataclass(frozen=True, slots=True)
class Scene:
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
    form: Form = Form.VIDEO
    max_bytes: int | None = None
    thumbnail: Path | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
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

    def can(self, scene: Scene) -> bool:  # noqa: ARG002 - some cannot do all
        """Whether it makes such results at all; who cannot is not asked."""
        return True

    @abstractmethod
    async def render(self, scene: Scene, result: Path, report: Report) -> Rendered:
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

    def __init__(self, limits: Limits, program: Sequence[str] = COMMAND) -> None:
        """Remember what each child may take, and what to run in place of the command line."""
        self._command = Command(self.name, limits, program)

    async def render(self, scene: Scene, result: Path, report: Report) -> Rendered:
        """See :class:`Renderer`."""
        words = *arguments(scene, result), "--progress=json"
        return rendered(self.name, await self._command.run(*words, report=report))


class _Extent(BaseModel):
    width: int
    height: int
    seconds: float


def rendered(name: str, told: Mapping[str, Any]) -> Rendered:
    """What the last line of a child tells of its result.

    Raises:
        BackendUnavailable: GARBAGE of *name*, it does not.
    """
    try:
        extent = _Extent.model_validate(told)
    except ValidationError as err:
        raise BackendUnavailable(name, Why.GARBAGE, "no size was told") from err
    return Rendered(name, extent.width, extent.height, extent.seconds)


def arguments(scene: Scene, result: Path) -> list[str]:
    """What the command line of video_editing is asked for."""
    given = inputs(scene, result)
    if scene.form.transparent:
        looks = scene.style.model_copy(update=dict.fromkeys(PLACE))
        return ["cut", *given, f"--container={scene.form}", *style_arguments(looks)]
    fitting = scene.max_bytes is not None and scene.form in FITTING
    return [
        "edit",
        *given,
        *composition(scene),
        f"--form={scene.form}",
        *([f"--max-mb={(scene.max_bytes or 0) / 1_000_000}"] if fitting else []),
        *([f"--thumbnail={scene.thumbnail.absolute()}"] if scene.thumbnail else []),
    ]


def inputs(scene: Scene, result: Path) -> list[str]:
    """The files of any command that works on *scene*; its child has a folder of its own."""
    mattes = [f"--matte={scene.mattes.absolute()}"] if scene.mattes else []
    return [str(scene.clip.absolute()), f"--output={result.absolute()}", *mattes]


def composition(scene: Scene) -> list[str]:
    """How the overlay looks, and what it is laid on."""
    behind = background_argument(scene.background)
    return [f"--background={behind}", *style_arguments(scene.style)]


def background_argument(background: str) -> str:
    """*background* for a child, which has another working directory."""
    return os.path.abspath(background) if os.path.isfile(background) else background  # noqa: PTH100, PTH113 - Path's raise when a name is too long


def style_arguments(style: Style) -> list[str]:
    """*style* for the command line of video_editing; what is as by default is left out."""
    default = Style()
    words = []
    for field in Style.model_fields:
        value = getattr(style, field)
        if value is None or value == getattr(default, field):
            continue
        option = "--" + OPTIONS.get(field, field).replace("_", "-")
        words.append(option if value is True else f"{option}={_word(value)}")
    return words


def _word(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
