"""What the original plan's calls ask for, under its names."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from backends.links.ssrf_guard import MAX_LINK_LENGTH, UrlRejected, parse_link
from video_editing.contract.engines import DEFAULT_MODEL, FAST_ENGINE, EngineName

UnitInterval = Annotated[float, Field(ge=0, le=1)]


def _validate_link(link: str) -> str:
    try:
        parse_link(link)
    except UrlRejected as err:
        raise ValueError("not a plain http or https link to a public place") from err
    return link


class OverlayRequest(BaseModel):
    """A transparent overlay of the person in the clip behind a link.

    Attributes:
        video_url: ``http`` or ``https``, on the usual port, leading to a public address.
        container: ProRes 4444, or VP9 with alpha.
        threshold: the certainty at which a pixel is half person.
        feather: pixels of the clip over which the edge is softened.
        circle_radius: of the circle, as a fraction of the frame's shorter side.
        circle_center_x, circle_center_y: fractions of width and height.
    """

    video_url: Annotated[str, Field(max_length=MAX_LINK_LENGTH), AfterValidator(_validate_link)]
    container: Literal["mov", "webm"] = "mov"
    threshold: Annotated[float, Field(ge=0.05, le=0.95)] = 0.6
    feather: Annotated[float, Field(ge=0, le=99)] = 7
    engine: EngineName = FAST_ENGINE
    rembg_model: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")] = DEFAULT_MODEL
    shape: Literal["circle", "rect", "rounded", "none"] = "circle"
    circle_radius: Annotated[float, Field(ge=0.05, le=1)] = 0.35
    circle_center_x: UnitInterval = 0.5
    circle_center_y: UnitInterval = 0.5

    def build_engine_options(self) -> list[str]:
        """Who is to look for the person, for the command line of video_editing."""
        return [f"--engine={self.engine}", f"--model={self.rembg_model}"]

    def build_cut_options(self) -> list[str]:
        """How the overlay is to look, for the command line of video_editing."""
        options = {
            "container": self.container,
            "threshold": self.threshold,
            "feather": self.feather,
            "shape": self.shape,
            "radius": self.circle_radius,
            "center": f"{self.circle_center_x},{self.circle_center_y}",
        }
        return [f"--{name}={value}" for name, value in options.items()]
