"""The bodies of the service's requests and responses about finished videos."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backends.remote.schemas import ClipDigest, JobId, MatteJobFailure, MatteJobState
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt
from video_editing.contract.formats import AUTO_CANVAS, CanvasName, OutputFormat
from video_editing.contract.plan import Plan
from video_editing.contract.sound import DEFAULT_SOUND, SoundOptions
from video_editing.contract.style import ColourName, Style

#: what a job says while it waits and works; also the words for renders
RenderState = MatteJobState


class MatteBundle(BaseModel):
    """The mattes of a clip in one file: its segments, one after the other in the plan's order.

    Attributes:
        input: digest of the file, which is uploaded like a clip.
        sizes: bytes of each segment.
    """

    model_config = ConfigDict(extra="forbid")

    input: ClipDigest
    plan: Plan
    sizes: tuple[Annotated[int, Field(ge=1)], ...]

    @model_validator(mode="after")
    def _check_segments(self) -> Self:
        indices = [segment.index for segment in self.plan.segments]
        if len(self.sizes) != len(indices) or len(set(indices)) != len(indices):
            raise ValueError("one size for each segment of the plan")
        return self


class RenderJobRequest(BaseModel):
    """The result to make. Its files are uploaded like clips before.

    Attributes:
        input: digest of the clip.
        mattes: of the clip; without them, and where the style needs some, the service makes them.
        background: a colour as a CSS name or #rrggbb, or blur.
        background_file: digest of a picture or video that is used in place of *background*.
        max_bytes: largest size of a video or animation.
        canvas: aspect ratio of the result; "auto" is the background's own, or the clip's.
        excerpt: the part of the clip that is used; *mattes* hold its segments.
        sound: of the voice and of the background.

    The last three are left out of JSON at their defaults: an earlier service does not know them,
    and the ids of renders, which follow from the JSON, stay the same.
    """

    model_config = ConfigDict(extra="forbid")

    input: ClipDigest
    mattes: MatteBundle | None = None
    background: Literal["blur"] | ColourName = "#1d3557"
    background_file: ClipDigest | None = None
    style: Style = Style()
    form: OutputFormat = OutputFormat.VIDEO
    max_bytes: Annotated[int, Field(ge=1)] | None = None
    canvas: CanvasName = Field(default=AUTO_CANVAS, exclude_if=lambda it: it == AUTO_CANVAS)
    excerpt: Excerpt = Field(default=WHOLE_CLIP, exclude_if=lambda it: it == WHOLE_CLIP)
    sound: SoundOptions = Field(default=DEFAULT_SOUND, exclude_if=lambda it: it == DEFAULT_SOUND)

    def list_files(self) -> list[str]:
        """Return the digests of the files that it needs."""
        digests = self.input, self.mattes and self.mattes.input, self.background_file
        return [digest for digest in digests if digest]


class RenderedFile(BaseModel):
    """A result that can be downloaded.

    Attributes:
        size: in bytes.
        width, height: in pixels.
        seconds: length.
    """

    size: int = Field(ge=1)
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    seconds: float = Field(ge=0, allow_inf_nan=False)


class RenderJobResponse(BaseModel):
    """The progress of a render.

    Attributes:
        job_id, input: its id, chosen by the client, and the digest of its clip.
        done, total: frames.
        fps: frames a second.
        result: set if the state is "done".
        failure: set if the state is "failed".
    """

    job_id: JobId
    input: ClipDigest
    state: RenderState
    done: int = Field(default=0, ge=0)
    total: int = Field(default=0, ge=0)
    fps: float = Field(default=0, ge=0, allow_inf_nan=False)
    result: RenderedFile | None = None
    failure: MatteJobFailure | None = None
