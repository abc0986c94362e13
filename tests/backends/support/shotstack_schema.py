"""The schema of Shotstack's public API (Edit, 2024-07); the fake rejects everything else."""

import json
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

DEPRECATED = {"title", "text", "caption", "html", "shape"}
RATES = (12, 15, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60)
SANDBOX_SECONDS = 600
RESOLUTIONS = {
    "preview": (512, 288, 15.0),
    "mobile": (640, 360, 25.0),
    "sd": (1024, 576, 25.0),
    "hd": (1280, 720, 25.0),
    "1080": (1920, 1080, 25.0),
    "4k": (3840, 2160, 25.0),
}


class StrictModel(BaseModel):
    """Rejects fields that the API does not have."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Tween(StrictModel):
    """An animation of a number."""

    from_: float = Field(alias="from")
    to: float
    start: float = Field(ge=0)
    length: float = Field(gt=0)
    interpolation: str = "linear"
    easing: str = ""


Share = Annotated[float, Field(ge=0, le=1)]
Shift = Annotated[float, Field(ge=-10, le=10)]
Moment = Annotated[float, Field(ge=0)]
Length = Annotated[float, Field(gt=0)]
Alias = Annotated[str, Field(pattern=r"^alias://\w+$")]
Volume = Share | list[Tween]


class Offset(StrictModel):
    """Offset in fractions of the frame, with y upwards."""

    x: Shift | list[Tween] = 0
    y: Shift | list[Tween] = 0


class Crop(StrictModel):
    """Fractions of the asset that are cropped."""

    top: Share = 0
    bottom: Share = 0
    left: Share = 0
    right: Share = 0


class ChromaKey(StrictModel):
    """The colour that becomes transparent."""

    color: str = Field(pattern="^#[0-9a-fA-F]{6}$")
    threshold: int = Field(default=0, ge=0, le=250)
    halo: int = Field(default=0, ge=0, le=250)


class Video(StrictModel):
    """A video asset."""

    type: Literal["video"]
    src: str
    trim: Moment = 0
    volume: Volume = 1
    volumeEffect: Literal["none", "fadeIn", "fadeOut", "fadeInFadeOut"] = "none"  # noqa: N815 - the name in the API
    speed: float = Field(default=1, ge=0, le=10)
    crop: Crop = Crop()
    chromaKey: ChromaKey | None = None  # noqa: N815 - the name in the API
    transcode: bool = False


class Image(StrictModel):
    """An image asset."""

    type: Literal["image"]
    src: str
    crop: Crop = Crop()


class Audio(StrictModel):
    """An audio asset."""

    type: Literal["audio"]
    src: str
    trim: Moment = 0
    volume: Volume = 1
    speed: float = Field(default=1, ge=0, le=10)
    effect: Literal["none", "fadeIn", "fadeOut", "fadeInFadeOut"] = "none"


class Luma(StrictModel):
    """A matte for the next clip."""

    type: Literal["luma"]
    src: str
    trim: Moment = 0


class MarkupAsset(BaseModel):
    """Text and drawings; only templates use them."""

    type: Literal["rich-text", "svg", "html5", "rich-caption"]
    src: str | None = None


class Transition(StrictModel):
    """The transitions at the start and the end of a clip."""

    in_: str = Field(default="none", alias="in")
    out: str = "none"


class Clip(StrictModel):
    """An asset with its time and its position in the frame."""

    asset: Annotated[Video | Image | Audio | Luma | MarkupAsset, Field(discriminator="type")]
    start: Moment | Literal["auto"] | Alias
    length: Length | Literal["auto", "end"] | Alias
    fit: Literal["crop", "cover", "contain", "none"] = "crop"
    scale: Annotated[float, Field(ge=0)] | list[Tween] = 1
    width: int | None = Field(default=None, ge=1, le=3840)
    height: int | None = Field(default=None, ge=1, le=2160)
    position: Literal[
        "top",
        "topRight",
        "right",
        "bottomRight",
        "bottom",
        "bottomLeft",
        "left",
        "topLeft",
        "center",
    ] = "center"
    offset: Offset = Offset()
    transition: Transition = Transition()
    effect: str = ""
    filter: Literal[
        "none", "blur", "boost", "contrast", "darken", "greyscale", "lighten", "muted", "negative"
    ] = "none"
    opacity: Share | list[Tween] = 1
    transform: dict[str, Any] = {}
    alias: str | None = None

    @field_validator("asset", mode="before")
    @classmethod
    def _reject_deprecated(cls, asset: Any) -> Any:
        if isinstance(asset, dict) and asset.get("type") in DEPRECATED:
            raise ValueError(f"the asset {asset['type']} is deprecated")
        return asset


class Track(StrictModel):
    """Clips in sequence."""

    clips: list[Clip] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_order(self) -> "Track":
        lumas = [i for i, clip in enumerate(self.clips) if isinstance(clip.asset, Luma)]
        if lumas not in ([], [0]) or len(lumas) == len(self.clips):
            raise ValueError("a luma clip comes first in its track, before the clip it masks")
        end = 0.0
        shown = [clip for clip in self.clips if not isinstance(clip.asset, Luma)]
        for clip in sorted(shown, key=lambda clip: _as_number(clip.start) or 0):
            start, length = _as_number(clip.start), _as_number(clip.length)
            if start is not None and start < end - 1e-6:
                raise ValueError("clips on one track overlap")
            if start is not None and length is not None:
                end = start + length
        return self


class Timeline(StrictModel):
    """Tracks, topmost first."""

    tracks: list[Track] = Field(min_length=1)
    background: str = Field(default="#000000", pattern="^#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$")
    fonts: list[dict[str, str]] = []
    cache: bool = True


class Size(StrictModel):
    """The size of the output in pixels."""

    width: int = Field(ge=2, le=1920, multiple_of=2)
    height: int = Field(ge=2, le=1920, multiple_of=2)


class Range(StrictModel):
    """A section of the timeline."""

    start: Moment = 0
    length: Length | None = None


class Output(StrictModel):
    """The output file."""

    format: Literal["mp4", "gif", "mp3", "jpg", "png", "bmp"]
    resolution: Literal["preview", "mobile", "sd", "hd", "1080", "4k"] | None = None
    aspectRatio: Literal["16:9", "9:16", "1:1", "4:5", "4:3"] | None = None  # noqa: N815 - the name in the API
    size: Size | None = None
    fps: float | None = None
    quality: Literal["verylow", "low", "medium", "high", "veryhigh"] = "medium"
    repeat: bool = True
    mute: bool = False
    range: Range = Range()
    poster: dict[str, float] = {}
    thumbnail: dict[str, float] = {}
    destinations: list[dict[str, Any]] = []

    @model_validator(mode="after")
    def _check_size(self) -> "Output":
        if (self.size is None) == (self.resolution is None):
            raise ValueError("either size or resolution")
        if self.size and self.aspectRatio:
            raise ValueError("a size has its aspect ratio already")
        if self.fps is not None and self.fps not in RATES:
            raise ValueError(f"fps is none of {RATES}")
        if any("provider" not in destination for destination in self.destinations):
            raise ValueError("a destination has a provider")
        return self

    @property
    def shape(self) -> tuple[int, int, float]:
        """Width, height and frame rate."""
        width, height, rate = RESOLUTIONS[self.resolution or "sd"]
        if self.size:
            width, height, rate = self.size.width, self.size.height, 25.0
        elif self.aspectRatio == "9:16":
            width, height = height, width
        return width, height, self.fps or rate


class MergeField(StrictModel):
    """A placeholder and its value, which may be any JSON."""

    find: str
    replace: JsonValue


class TemplateRender(StrictModel):
    """The body of a request to render a template."""

    id: str
    merge: list[MergeField] = []


class Edit(StrictModel):
    """The body of a render request."""

    timeline: Timeline
    output: Output
    merge: list[MergeField] = []
    callback: str | None = Field(default=None, pattern="^https?://")

    def clips(self) -> Iterator[Clip]:
        """Yield the clips of all tracks."""
        for track in self.timeline.tracks:
            yield from track.clips

    @property
    def seconds(self) -> float:
        """The duration of the result; "auto", "end" and aliases count as 0."""
        ends = [
            (_as_number(clip.start) or 0) + (_as_number(clip.length) or 0) for clip in self.clips()
        ]
        end = max(ends, default=0)
        return self.output.range.length or max(0.0, end - self.output.range.start)


def _as_number(value: float | str) -> float | None:
    return None if isinstance(value, str) else value


def validate_edit(
    body: Any, *, is_hosted: Callable[[str], bool], is_sandbox: bool
) -> tuple[Edit | None, list[str]]:
    """Return the edit and no errors, or None and the errors.

    Args:
        body: the decoded JSON.
        is_hosted: returns whether a link is one of the fake.
        is_sandbox: whether the limits of the sandbox apply.
    """
    if errors := list_errors(Edit, body):
        return None, errors
    edit = Edit.model_validate(body)
    errors = [
        "src is not a public address"
        for clip in edit.clips()
        if (src := getattr(clip.asset, "src", None)) and not is_hosted(src) and not is_public(src)
    ]
    if is_sandbox and edit.seconds > SANDBOX_SECONDS:
        errors.append("the sandbox renders ten minutes at most")
    return (None, errors) if errors else (edit, [])


def list_errors(model: type[BaseModel], body: Any) -> list[str]:
    """Return what is wrong with *body* as a *model*, with the path of each field."""
    try:
        model.model_validate(body)
    except ValidationError as err:
        return [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in err.errors()]
    return []


def fill_merge_fields(body: Any) -> Any:
    """Return the edit with its merge fields replaced, in texts and in place of whole values."""
    if not isinstance(body, dict) or "merge" not in body:
        return body
    if list_errors(TemplateRender, {"id": "", "merge": body["merge"]}):
        return body
    text = json.dumps({name: value for name, value in body.items() if name != "merge"})
    for pair in body["merge"]:
        replaced = json.dumps(pair["replace"])
        text = text.replace(f'"{{{{{pair["find"]}}}}}"', replaced)
        text = text.replace(f"{{{{{pair['find']}}}}}", replaced.strip('"'))
    return {**json.loads(text), "merge": body["merge"]}


def is_public(link: str) -> bool:
    """Return whether *link* is an https address with a public host, judged by its text."""
    parts = urlsplit(link)
    host = parts.hostname or ""
    try:
        return parts.scheme == "https" and ip_address(host).is_global
    except ValueError:
        return parts.scheme == "https" and "." in host and not host.endswith((".local", "."))
