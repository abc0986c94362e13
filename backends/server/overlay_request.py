"""The body of the service's overlay calls, with the field names of the published interface."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from backends.links.ssrf_guard import MAX_LINK_LENGTH, UrlRejected, parse_link
from backends.remote.schemas import ModelName
from video_editing.cli.arguments import format_options
from video_editing.contract.engines import DEFAULT_MODEL, FAST_ENGINE, EngineName, EngineOptions
from video_editing.contract.style import Feather, Radius, Shape, Style, Threshold, UnitInterval


def _validate_link(link: str) -> str:
    try:
        parse_link(link)
    except UrlRejected as err:
        raise ValueError("not a plain http or https link to a public address") from err
    return link


class OverlayRequest(BaseModel):
    """A transparent overlay of the person in the clip behind a link.

    Attributes:
        video_url: ``http`` or ``https``, on the usual port, leading to a public address.
        container: ProRes 4444, or VP9 with alpha.
        threshold, feather, engine, shape: as on the command line; defaults are the interface's own.
        rembg_model: a network of the rembg engine.
        circle_radius: of the circle, as a fraction of the frame's shorter side.
        circle_center_x, circle_center_y: fractions of width and height.
    """

    model_config = ConfigDict(extra="forbid")

    video_url: Annotated[str, Field(max_length=MAX_LINK_LENGTH), AfterValidator(_validate_link)]
    container: Literal["mov", "webm"] = "mov"
    threshold: Threshold = 0.6
    feather: Feather = 7
    engine: EngineName = FAST_ENGINE
    rembg_model: ModelName = DEFAULT_MODEL
    shape: Shape = Shape.CIRCLE
    circle_radius: Radius = 0.35
    circle_center_x: UnitInterval = 0.5
    circle_center_y: UnitInterval = 0.5

    def build_engine_options(self) -> list[str]:
        """Return the engine as arguments of the video_editing command line."""
        return format_options(EngineOptions(engine=self.engine, model=self.rembg_model))

    def build_cut_options(self) -> list[str]:
        """Return the look as arguments of ``overlay cut``."""
        style = Style(
            shape=self.shape,
            radius=self.circle_radius,
            centre=(self.circle_center_x, self.circle_center_y),
            threshold=self.threshold,
            feather=self.feather,
        )
        return [f"--container={self.container}", *format_options(style)]
