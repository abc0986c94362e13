"""The interface of an engine, and the way to load one."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Protocol

from video_editing.contract.engines import DEFAULT_ENGINE, ENGINES, EngineOptions
from video_editing.frames import Matte, Picture, Timed
from video_editing.reading.probe import Clip

__all__ = ["DEFAULT_ENGINE", "Engine", "EngineOptions", "create_engine"]


class Engine(Protocol):
    """A stage that finds the person.

    Attributes:
        context_frames: how many frames before and after one its matte depends on.
    """

    context_frames: int

    def compute_mattes(
        self, frames: Iterable[Timed[Picture]]
    ) -> Iterator[tuple[Timed[Picture], Matte]]:
        """Each frame with its matte, which is of the whole frame and small."""


def create_engine(options: EngineOptions, clip: Clip) -> Engine:
    """Load the engine that *options* name.

    Raises:
        InputRejected: BAD_OPTION, the engine does not know the model.
        ModelUnavailable: the engine cannot run on this machine.
    """
    info = ENGINES[options.engine]
    # Imported on demand: an engine loads its inference library, and only one engine is used.
    engine_class = getattr(import_module(info.module), info.class_name)
    engine: Engine = engine_class(clip, **{name: getattr(options, name) for name in info.options})
    return engine
