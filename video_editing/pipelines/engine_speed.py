"""How fast the engines are on this machine, measured on a short clip of a person."""

import time
from collections import deque

from video_editing.contract.atomic_file import temporary_folder
from video_editing.contract.engines import BEST_ENGINE, FAST_ENGINE, EngineOptions
from video_editing.contract.errors import ModelUnavailable
from video_editing.matting.engines import create_engine
from video_editing.pipelines.demo import make_clip
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, probe

MEASURED_SECONDS = 1.6  #: of the clip; a recurrent engine has warmed up by then


def measure_engine_speeds(options: EngineOptions) -> dict[str, float]:
    """Return the frames per second of the best and of the fast engine; 0 if one cannot run.

    Args:
        options: the device and the weights.
    """
    with temporary_folder() as folder:
        path = folder / "clip.mp4"
        make_clip(path)
        clip = probe(path)
        return {
            engine: _measure(options.model_copy(update={"engine": engine}), clip)
            for engine in (BEST_ENGINE, FAST_ENGINE)
        }


def _measure(options: EngineOptions, clip: Clip) -> float:
    try:
        engine = create_engine(options, clip)
    except ModelUnavailable:
        return 0
    start = time.perf_counter()
    end = int(MEASURED_SECONDS / clip.timebase)
    deque(engine.compute_mattes(read_frames(clip, end=end)), maxlen=0)
    return MEASURED_SECONDS * float(clip.rate) / (time.perf_counter() - start)
