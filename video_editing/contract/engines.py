"""The table of engines: everything that lists engines, or describes one, reads it from here.

A new engine is one class in ``video_editing/matting`` and one row in :data:`ENGINES`. The module
imports no native library, so the bot's process can read it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
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
        has_fine_edges: its mattes are only enlarged for the result; those of the others follow the
            edges of the picture.
        has_button: the bot has a button for it; ``auto``, which has one too, may choose others.
        initial_speeds: guesses of frames per second by backend, used until a job has been
            measured; only for backends on which the engine may be too slow for the deadline.
    """

    name: str
    summary: str
    icon: str
    is_fast: bool
    module: str
    class_name: str
    options: tuple[str, ...] = ()
    has_fine_edges: bool = False
    has_button: bool = True
    initial_speeds: Mapping[str, float] = field(default_factory=dict)


#: Every engine by its name, in the order of help texts and buttons.
ENGINES: dict[str, EngineInfo] = {
    info.name: info
    for info in (
        EngineInfo(
            name="rvm",
            summary="fine and steady, for people",
            icon="✨",
            is_fast=False,
            module="video_editing.matting.rvm_engine",
            class_name="RvmEngine",
            options=("weights", "every", "device"),
            has_fine_edges=True,
            has_button=False,
        ),
        EngineInfo(
            name="mediapipe",
            summary="fast",
            icon="⚡",
            is_fast=True,
            module="video_editing.matting.mediapipe_engine",
            class_name="MediapipeEngine",
        ),
        EngineInfo(
            name="chroma",
            summary="for green and blue screens",
            icon="🟩",
            is_fast=True,
            module="video_editing.matting.chroma_engine",
            class_name="ChromaEngine",
            has_button=False,
        ),
        EngineInfo(
            name="rembg",
            summary="slow, for people and objects",
            icon="💎",
            is_fast=False,
            module="video_editing.matting.rembg_engine",
            class_name="RembgEngine",
            options=("model", "every", "device"),
            has_button=False,
            # Two cores run U²-Net 3.3 times per second, on every fourth frame.
            initial_speeds={"local-cpu": 13.0},
        ),
    )
}
#: The best engine for people, which ``auto`` takes where it is fast enough.
BEST_ENGINE = "rvm"
#: The engine for green and blue screens, which ``auto`` takes in front of an obvious one.
SCREEN_ENGINE = "chroma"
#: The engine for previews and late jobs: the first fast one.
FAST_ENGINE = next(info.name for info in ENGINES.values() if info.is_fast)
#: In place of an engine: the best one that is fast enough for the clip.
AUTO_ENGINE = "auto"
MAX_TIME_FACTOR = 3.0  #: the length of the clip times this is how long ``auto`` lets mattes take


class _EngineNames(Collection[str]):
    """What ``--engine`` may be: ``auto``, and the engines that the table has by then."""

    def __contains__(self, name: object) -> bool:
        return name == AUTO_ENGINE or name in ENGINES

    def __iter__(self) -> Iterator[str]:
        return chain([AUTO_ENGINE], ENGINES)

    def __len__(self) -> int:
        return 1 + len(ENGINES)


def describe_engines() -> str:
    """Return what help texts say about the engines."""
    engines = ", ".join(f"{info.name} is {info.summary}" for info in ENGINES.values())
    return f"{engines}; {AUTO_ENGINE} is the best of them that is fast enough"


EngineName = Annotated[str, OneOf(_EngineNames(), describe_engines)]


class EngineOptions(OptionModel):
    """The engine of a clip, with its options; an engine ignores those that its row lacks."""

    engine: EngineName = Field(default=AUTO_ENGINE, description="what finds the person")
    time_factor: Annotated[float, Metavar("TIMES"), Field(gt=0)] = Field(
        default=MAX_TIME_FACTOR,
        description="with auto: how many times the clip's length the mattes may take",
    )
    model: str = Field(default="u2net_human_seg", description="network of the rembg engine")
    every: Annotated[int, Metavar("N|auto")] = Field(
        default=0,
        ge=0,
        description="frames from one keyframe of the engine's network to the next; auto chooses "
        "by engine, model and device",
    )
    weights: Annotated[Path | None, Metavar("FILE.onnx", default="the installed ones")] = Field(
        default=None, description="weights of the rvm engine: any ONNX file of RobustVideoMatting"
    )
    device: Literal["cpu", "cuda"] = Field(
        default="cpu", description="where the network of the rvm or rembg engine runs"
    )


#: of a composition whose caller chooses none; the command line's default is ``auto``
DEFAULT_ENGINE = EngineOptions(engine=FAST_ENGINE)
DEFAULT_MODEL = DEFAULT_ENGINE.model
