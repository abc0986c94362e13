"""The schema of Shotstack's public API (Edit, 2024-07), by which the fake checks edits."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
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


class Strict(BaseModel):
    """A model that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Tween(Strict):
    """A change of a number over time."""

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


class Offset(Strict):
    """Fractions of the frame; y points up."""

    x: Shift | list[Tween] = 0
    y: Shift | list[Tween] = 0


class Crop(Strict):
    """Fractions that are cut off."""

    top: Share = 0
    bottom: Share = 0
    left: Share = 0
    right: Share = 0


class ChromaKey(Strict):
    """A colour that becomes transparent."""

    color: str = Field(pattern="^#[0-9a-fA-F]{6}$")
    threshold: int = Field(default=0, ge=0, le=250)
    halo: int = Field(default=0, ge=0, le=250)


class Video(Strict):
    """A video."""

    type: Literal["video"]
    src: str
    trim: Moment = 0
    volume: Volume = 1
    volumeEffect: Literal["none", "fadeIn", "fadeOut", "fadeInFadeOut"] = "none"  # noqa: N815 - the API's name
    speed: float = Field(default=1, ge=0, le=10)
    crop: Crop = Crop()
    chromaKey: ChromaKey | None = None  # noqa: N815 - the API's name
    transcode: bool = False


class Image(Strict):
    """A picture."""

    type: Literal["image"]
    src: str
    crop: Crop = Crop()


class Audio(Strict):
    """A sound."""

    type: Literal["audio"]
    src: str
    trim: Moment = 0
    volume: Volume = 1
    speed: float = Field(default=1, ge=0, le=10)
    effect: Literal["none", "fadeIn", "fadeOut", "fadeInFadeOut"] = "none"


class Luma(Strict):
    """A luma matte for the clip after it."""

    type: Literal["luma"]
    src: str
    trim: Moment = 0


class Words(BaseModel):
    """Text and drawings, which only templates use."""

    type: Literal["rich-text", "svg", "html5", "rich-caption"]
    src: str | None = None


class Transition(Strict):
    """How a clip appears and disappears."""

    in_: str = Field(default="none", alias="in")
    out: str = "none"


class Clip(Strict):
    """An asset with its time and its position on the frame."""

    asset: Annotated[Video | Image | Audio | Luma | Words, Field(discriminator="type")]
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
    def _current(cls, asset: Any) -> Any:
        if isinstance(asset, dict) and asset.get("type") in DEPRECATED:
            raise ValueError(f"the asset {asset['type']} is deprecated")
        return asset


class Track(Strict):
    """Clips in the order of time."""

    clips: list[Clip] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> "Track":
        lumas = [i for i, clip in enumerate(self.clips) if isinstance(clip.asset, Luma)]
        if lumas not in ([], [0]) or len(lumas) == len(self.clips):
            raise ValueError("a luma clip comes first in its track, before the clip it masks")
        ends = 0.0
        shown = [clip for clip in self.clips if not isinstance(clip.asset, Luma)]
        for clip in sorted(shown, key=lambda clip: _number(clip.start) or 0):
            start, length = _number(clip.start), _number(clip.length)
            if start is not None and start < ends - 1e-6:
                raise ValueError("clips on one track overlap")
            if start is not None and length is not None:
                ends = start + length
        return self


class Timeline(Strict):
    """Tracks, the top one first."""

    tracks: list[Track] = Field(min_length=1)
    background: str = Field(default="#000000", pattern="^#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$")
    fonts: list[dict[str, str]] = []
    cache: bool = True


class Size(Strict):
    """Pixels."""

    width: int = Field(ge=2, le=1920, multiple_of=2)
    height: int = Field(ge=2, le=1920, multiple_of=2)


class Range(Strict):
    """A part of the timeline."""

    start: Moment = 0
    length: Length | None = None


class Output(Strict):
    """The format of the result."""

    format: Literal["mp4", "gif", "mp3", "jpg", "png", "bmp"]
    resolution: Literal["preview", "mobile", "sd", "hd", "1080", "4k"] | None = None
    aspectRatio: Literal["16:9", "9:16", "1:1", "4:5", "4:3"] | None = None  # noqa: N815 - the API's name
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
    def _one_size(self) -> "Output":
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
        """Return width, height and frames a second."""
        width, height, rate = RESOLUTIONS[self.resolution or "sd"]
        if self.size:
            width, height, rate = self.size.width, self.size.height, 25.0
        elif self.aspectRatio == "9:16":
            width, height = height, width
        return width, height, self.fps or rate


class Edit(Strict):
    """The body of a render request."""

    timeline: Timeline
    output: Output
    merge: list[dict[str, Any]] = []
    callback: str | None = Field(default=None, pattern="^https?://")

    def clips(self) -> Iterator[Clip]:
        """Return all clips."""
        for track in self.timeline.tracks:
            yield from track.clips

    @property
    def seconds(self) -> float:
        """Return the length of the result, without clips whose length is not a number."""
        ends = [(_number(clip.start) or 0) + (_number(clip.length) or 0) for clip in self.clips()]
        whole = max(ends, default=0)
        return self.output.range.length or max(0.0, whole - self.output.range.start)


def _number(value: float | str) -> float | None:
    return None if isinstance(value, str) else value


def checked(
    body: Any, *, ours: Callable[[str], bool], sandbox: bool
) -> tuple[Edit | None, list[str]]:
    """Return the edit, or a message that says what is wrong with it.

    Args:
        body: as received.
        ours: returns whether the fake issued an address.
        sandbox: whether the limits of the sandbox apply.
    """
    try:
        edit = Edit.model_validate(body)
    except ValidationError as err:
        return None, [
            f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in err.errors()
        ]
    faults = [
        "src is not a public address"
        for clip in edit.clips()
        if (src := getattr(clip.asset, "src", None)) and not ours(src) and not public(src)
    ]
    if sandbox and edit.seconds > SANDBOX_SECONDS:
        faults.append("the sandbox renders ten minutes at most")
    return (None, faults) if faults else (edit, [])


def public(link: str) -> bool:
    """Return whether *link* is an https address with a public host, judged by its text."""
    parts = urlsplit(link)
    host = parts.hostname or ""
    try:
        return parts.scheme == "https" and ip_address(host).is_global
    except ValueError:
        return parts.scheme == "https" and "." in host and not host.endswith((".local", "."))
