"""How the overlay looks: what users choose, with ranges, defaults and descriptions."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

import webcolors
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from video_editing.contract.errors import InputRejected, RejectReason

KR, KB = 0.2126, 0.0722
KG = 1 - KR - KB


class YuvColour(NamedTuple):
    """One colour as 8-bit Y', Cb and Cr."""

    y: int
    u: int
    v: int


def parse_colour(text: str) -> YuvColour:
    """Convert a CSS name, #rgb or #rrggbb; the matrix is that of BT.709, limited range.

    Raises:
        ValueError: *text* is not a colour.
    """
    rgb = webcolors.hex_to_rgb(text) if text.startswith("#") else webcolors.name_to_rgb(text)
    red, green, blue = (channel / 255 for channel in rgb)
    luma = KR * red + KG * green + KB * blue
    return YuvColour(
        round(16 + 219 * luma),
        round(128 + 224 * (blue - luma) / (2 * (1 - KB))),
        round(128 + 224 * (red - luma) / (2 * (1 - KR))),
    )


@dataclass(frozen=True, slots=True, eq=False)
class OneOf:
    """Annotation of a string that must be one of *values* at the time of validation.

    The JSON schema lists them as ``enum``, and the command line as choices.

    Attributes:
        values: what is possible; a table gives its keys.
        describe: returns what help texts say about the values.
    """

    values: Collection[str]
    describe: Callable[[], str] | None = None

    def __get_pydantic_core_schema__(
        self, source: type, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"enum": list(self.values)}

    def _validate(self, value: str) -> str:
        if value not in self.values:
            raise ValueError(f"Input should be one of {', '.join(self.values)}")
        return value


@dataclass(frozen=True, slots=True)
class Metavar:
    """Annotation of a field: how help texts and tables write it.

    Attributes:
        text: stands for the value. Where it ends with ``|auto``, the command line takes the word
            ``auto`` for the field's default.
        default: how the default is described, where its value does not say it.
    """

    text: str | None = None
    default: str | None = None


class OptionModel(BaseModel):
    """Options that users choose, with their ranges, defaults and descriptions.

    The command line, HTTP requests and the arguments of child processes follow from the fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_options(cls, **options: object) -> Self:
        """Validate *options*; those that are None keep their defaults.

        Raises:
            InputRejected: BAD_OPTION, with the first option that is not possible.
        """
        given = {name: value for name, value in options.items() if value is not None}
        try:
            return cls.model_validate(given)
        except ValidationError as err:
            first = err.errors(include_url=False)[0]
            option, why = str(first["loc"][0]), first["msg"]
            raise InputRejected(RejectReason.BAD_OPTION, option=option, why=why) from err


class Shape(StrEnum):
    """What the overlay is cut to."""

    CIRCLE = "circle"
    RECT = "rect"
    ROUNDED = "rounded"
    NONE = "none"


class Anchor(StrEnum):
    """The corner, edge or middle of the result that the overlay is placed at."""

    TOP_LEFT = "top-left"
    TOP = "top"
    TOP_RIGHT = "top-right"
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM = "bottom"
    BOTTOM_RIGHT = "bottom-right"


def _validate_colour(text: str) -> str:
    parse_colour(text)  # raises the ValueError that pydantic expects
    return text


UnitInterval = Annotated[float, Field(ge=0, le=1)]
CropFraction = Annotated[float, Field(ge=0.05, le=1)]
OffsetFraction = Annotated[float, Field(ge=-2, le=2)]
ColourName = Annotated[str, Field(max_length=40), AfterValidator(_validate_colour)]
Radius = Annotated[
    float,
    Field(
        ge=0.05,
        le=1,
        description="radius of the circle, as a fraction of the clip's shorter side",
    ),
]
Threshold = Annotated[
    float,
    Field(
        ge=0.05,
        le=0.95,
        description="certainty that makes a pixel half person; more cuts closer",
    ),
]
Feather = Annotated[
    float,
    Field(
        ge=0,
        le=99,
        description="width of the Gaussian that softens the edge, in the clip's pixels; "
        "0 leaves the edge as the matte has it",
    ),
    Metavar("PIXELS"),
]

RingWidth = Annotated[
    float,
    Field(
        ge=0,
        le=0.25,
        description="width of a line along the inside of the shape's edge, as a fraction of the "
        "overlay's shorter side; 0 for none",
    ),
]
Fade = Annotated[
    float,
    Field(ge=0, le=10, description="seconds that the overlay takes to appear and to disappear"),
    Metavar("SECONDS"),
]


class Style(OptionModel):
    """Everything about the overlay that does not depend on the clip."""

    shape: Shape = Field(
        default=Shape.CIRCLE, description="what the person is cut to; none leaves the person free"
    )
    radius: Radius = 0.35
    crop: Annotated[tuple[CropFraction, CropFraction], Metavar("W,H")] = Field(
        default=(1, 1),
        description="what a rect or rounded card shows, as fractions of the clip's width and "
        "height",
    )
    centre: Annotated[tuple[UnitInterval, UnitInterval] | None, Metavar("X,Y|auto")] = Field(
        default=None,
        validation_alias=AliasChoices("center", "centre"),
        description="middle of the shape, as fractions of the clip's width and height; auto finds "
        "the face over the whole clip",
    )
    keep_background: bool = Field(
        default=False,
        description="keep the clip's own background inside the shape; needs no engine",
    )
    threshold: Threshold = 0.5
    feather: Feather = 0
    ring: RingWidth = 0
    ring_colour: Annotated[ColourName, Metavar("COLOUR")] = Field(
        default="white",
        validation_alias=AliasChoices("ring_color", "ring_colour"),
        description="colour of the ring, a CSS name or #rrggbb",
    )
    shadow: float = Field(
        default=0,
        ge=0,
        le=1,
        description="how dark a soft shadow around the overlay is; 0 for none",
    )
    position: Anchor = Field(
        default=Anchor.BOTTOM_RIGHT, description="where on the result the overlay is"
    )
    offset: Annotated[tuple[OffsetFraction, OffsetFraction], Metavar("X,Y")] = Field(
        default=(0, 0),
        description="added to the position, as fractions of the result's width and height; Y runs "
        "downwards",
    )
    size: Annotated[float | None, Metavar("SIZE", default="0.5, or 1 for shape none")] = Field(
        default=None,
        ge=0.05,
        le=4,
        description="the overlay's height as a fraction of the result's, or its width where that "
        "is less",
    )
    fade: Fade = 0


EDGE_FIELDS = ("threshold", "feather")  #: fields of a style that say how the person is cut out
#: fields of a style that say where an overlay is on a result; they do not apply to an overlay alone
PLACEMENT_FIELDS = ("position", "offset", "size")
