"""The interface of an engine, and how one is chosen and loaded."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Protocol

from video_editing.contract.engines import (
    AUTO_ENGINE,
    BEST_ENGINE,
    ENGINES,
    FAST_ENGINE,
    SCREEN_ENGINE,
    EngineOptions,
)
from video_editing.contract.errors import InputRejected, ModelUnavailable
from video_editing.frames import FrameMatte, Picture, Timed
from video_editing.reading.probe import Clip


class Engine(Protocol):
    """A stage that computes mattes.

    Mattes are the same whatever part of the clip they are computed in: the matte of a frame
    depends on a fixed number of frames before the segment that it lies in and after the frame,
    and on no state of earlier calls.

    Attributes:
        context_frames: number of frames before and after a frame that its matte depends on, apart
            from the state of a recurrent network.
        warm_up_frames: number of frames before a segment that a recurrent network must see, and
            with which every segment starts anew; 0 for a memoryless engine, whose mattes depend
            on the context only, so that any number of segments can be computed in one pass. The
            pictures of warm-up and context are held in memory.
        parallel_runs: number of parts of a clip that may be computed at the same time, each by a
            call of its own. One engine and its network serve them all.
    """

    context_frames: int
    warm_up_frames: int
    parallel_runs: int

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Yield each frame with its small matte, which shows all of the frame.

        Each call starts without state. It reads no frames after its iterator is dropped.
        """


def create_engine(options: EngineOptions, clip: Clip) -> Engine:
    """Load the engine that *options* name, which is not ``auto``: see :func:`resolve_auto`.

    Raises:
        InputRejected: BAD_OPTION, the engine does not know the model, or does not suit the clip.
        ModelUnavailable: the engine cannot run on this machine.
    """
    info = ENGINES[options.engine]
    # Imported on demand: an engine loads its inference library, and only one engine is used.
    engine_class = getattr(import_module(info.module), info.class_name)
    engine: Engine = engine_class(clip, **{name: getattr(options, name) for name in info.options})
    return engine


def resolve_auto(options: EngineOptions, clip: Clip) -> EngineOptions:
    """Return *options* with an engine in place of ``auto``.

    It is that for screens in front of one; else the best engine that is here and that needs at
    most `time_factor` times the clip's length, by a measurement of some tenths of a second; else
    the fast one.
    """
    options = prefer_screen_engine(options, clip)
    if options.engine != AUTO_ENGINE:
        return options
    speed = measure_best_engine(options)
    is_affordable = speed is not None and speed * options.time_factor >= clip.rate
    return options.model_copy(update={"engine": BEST_ENGINE if is_affordable else FAST_ENGINE})


def prefer_screen_engine(options: EngineOptions, clip: Clip) -> EngineOptions:
    """Return *options* with the engine for screens in place of ``auto`` in front of one."""
    if options.engine != AUTO_ENGINE:
        return options
    # On demand, as in `create_engine`.
    from video_editing.matting.chroma_engine import (  # noqa: PLC0415 - not for the other engines
        find_screen_colour,
    )

    try:
        has_screen = find_screen_colour(clip) is not None
    except InputRejected:  # a key frame does not decode; the engine finds out how much does
        has_screen = False
    return options.model_copy(update={"engine": SCREEN_ENGINE}) if has_screen else options


def measure_best_engine(options: EngineOptions) -> float | None:
    """Return how many frames per second the best engine makes here; None if it cannot run."""
    # It loads ONNX Runtime, which the fast engine does not need.
    from video_editing.matting.rvm_engine import (  # noqa: PLC0415 - see above: on demand only
        measure_speed,
    )

    try:
        return measure_speed(options.weights, options.device)
    except ModelUnavailable:
        return None
