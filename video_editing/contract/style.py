"""How the overlay looks: what people choose, with its ranges and defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self

import webcolors
from pydantic import (
    AfterValidator,
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
    """The colour that people call *text*: a CSS name, #rgb or #rrggbb.

    Raises:
        ValueError: it is no colour.
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
class KeyOf:
    """Annotation of a string that must be a key of *table* at the time of validation.

    The JSON schema lists the keys as ``enum``, and the command line as choices.
    """

    table: Mapping[str, Any]

    def __get_pydantic_core_schema__(
        self, source: type, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"enum": list(self.table)}

    def _validate(self, key: str) -> str:
        if key not in self.table:
            raise ValueError(f"Input should be one of {', '.join(self.table)}")
        return key


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
    """Which corner, edge or middle of the result the overlay keeps to."""

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
    parse_colour(text)  # its ValueError is what pydantic asks for
    return text


UnitInterval = Annotated[float, Field(ge=0, le=1)]
ColourName = Annotated[str, Field(max_length=40), AfterValidator(_validate_colour)]


class Style(OptionModel):
    """Everything about the overlay that does not depend on the clip.

    Attributes:
        shape: what the overlay is cut to; "none" leaves the person free.
        radius: of the circle, as a fraction of the clip's shorter side.
        crop: width and height of a card (rect, rounded), as fractions of the clip's frame.
        centre: of the shape, as fractions of the clip's frame; None puts it on the face.
        keep_background: fill the shape with the clip's own background; no engine is needed.
        threshold: the certainty at which a pixel is half person; 0.5 takes the matte as it is.
        feather: width in pixels of the clip of the Gaussian that softens the edge; 0 for none.
        ring: width of the line along the shape's inside, as a fraction of its shorter side.
        ring_colour: a CSS name or #rrggbb.
        shadow: how dark the soft shadow around the overlay is, 0 for none.
        position: where on the result the overlay is.
        offset: added to that, as fractions of the result's width and height; y runs downwards.
        size: the overlay's height as a fraction of the result's height, or its width as one of
            the width where that is less; None is half, and all for a free person.
        fade: seconds that the overlay takes to appear and to go.
    """

    shape: Shape = Shape.CIRCLE
    radius: float = Field(default=0.35, ge=0.05, le=1)
    crop: tuple[Annotated[float, Field(ge=0.05, le=1)], Annotated[float, Field(ge=0.05, le=1)]] = (
        1,
        1,
    )
    centre: tuple[UnitInterval, UnitInterval] | None = None
    keep_background: bool = False
    threshold: float = Field(default=0.5, ge=0.05, le=0.95)
    feather: float = Field(default=0, ge=0, le=99)
    ring: float = Field(default=0, ge=0, le=0.25)
    ring_colour: ColourName = "white"
    shadow: float = Field(default=0, ge=0, le=1)
    position: Anchor = Anchor.BOTTOM_RIGHT
    offset: tuple[Annotated[float, Field(ge=-2, le=2)], Annotated[float, Field(ge=-2, le=2)]] = (
        0,
        0,
    )
    size: Annotated[float, Field(ge=0.05, le=4)] | None = None
    fade: float = Field(default=0, ge=0, le=10)
