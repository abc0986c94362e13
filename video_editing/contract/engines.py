"""The table of engines: everything that lists engines, or describes one, reads it from here.

A new engine is one class in ``video_editing/matting`` and one row in :data:`ENGINES`. The module
imports no native library, so the bot's process can read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from video_editing.contract.style import Metavar, OneOf, OptionModel


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """One engine, as the rest of the program knows it.

    Attributes:
        name: the value of ``--engine``, also in plans, requests and buttons; never changes.
        summary: a few words for help texts.
        icon: an emoji for buttons. The label is the text ``button-NAME``, or the name without one.
        is_fast: it keeps up with the clip on any machine.
        module, class_name: where the class is. It is called with the clip, and with the
            *options* as keywords.
        options: the fields of :class:`EngineOptions` that the engine reads.
        initial_speeds: frames per second by backend, used until a job has been measured; only
            for backends on which the engine may be too slow for the deadline.
    """

    name: str
    summary: str
    icon: str
    is_fast: bool
    module: str
    class_name: str
    options: tuple[str, ...] = ()
    initial_speeds: Mapping[str, float] = field(default_factory=dict)


#: Every engine by its name, in the order of help texts and buttons.
ENGINES: dict[str, EngineInfo] = {
    info.name: info
    for info in (
        EngineInfo(
            name="mediapipe",
            summary="fast",
            icon="⚡",
            is_fast=True,
            module="video_editing.matting.mediapipe_engine",
            class_name="MediapipeEngine",
        ),
        EngineInfo(
            name="rembg",
            summary="fine and slow",
            icon="💎",
            is_fast=False,
            module="video_editing.matting.rembg_engine",
            class_name="RembgEngine",
            options=("model", "every", "device"),
            # Two cores run U²-Net 3.3 times per second, on every fourth frame.
            initial_speeds={"local-cpu": 13.0},
        ),
    )
}
#: The engine for previews and late jobs, and the default: the first fast one.
FAST_ENGINE = next(info.name for info in ENGINES.values() if info.is_fast)


def describe_engines() -> str:
    """Return what help texts say about the engines."""
    return ", ".join(f"{info.name} is {info.summary}" for info in ENGINES.values())


EngineName = Annotated[str, OneOf(ENGINES, describe_engines)]


class EngineOptions(OptionModel):
    """The engine of a clip, with its options; an engine ignores those that its row lacks."""

    engine: EngineName = Field(default=FAST_ENGINE, description="what finds the person")
    model: str = Field(default="u2net_human_seg", description="network of the rembg engine")
    every: Annotated[int, Metavar("N|auto")] = Field(
        default=0,
        ge=0,
        description="frames from one keyframe of the rembg engine's network to the next; auto "
        "chooses by model and device",
    )
    device: Literal["cpu", "cuda"] = Field(
        default="cpu", description="where the rembg engine's network runs"
    )


DEFAULT_ENGINE = EngineOptions()
DEFAULT_MODEL = DEFAULT_ENGINE.model
