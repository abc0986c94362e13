"""Who says where the person is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.frames import FrameMatte, Picture, Timed
from video_editing.matting.mediapipe_engine import MediapipeEngine
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
    """

    context_frames: int
    warm_up_frames: int

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Yield each frame with its small matte, which shows all of the frame.

        Each call starts without state. It reads no frames after its iterator is dropped.
        """


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """An engine as people choose it.

    Attributes:
        name: "mediapipe", fast, or "rembg", fine.
        model: rembg's network.
        every: frames between two looks of rembg's network; 0 lets the engine decide.
        device: "cpu" or "cuda", for rembg's network.
    """

    name: str = "mediapipe"
    model: str = "u2net_human_seg"
    every: int = 0
    device: str = "cpu"


DEFAULT_ENGINE = EngineOptions()


def create_engine(options: EngineOptions, clip: Clip) -> Engine:
    """Load the engine that was chosen.

    Raises:
        InputRejected: BAD_OPTION, there is no such engine or model.
        ModelUnavailable: it cannot work in this place.
    """
    match options.name:
        case "mediapipe":
            return MediapipeEngine(clip)
        case "rembg":
            # Only now: onnxruntime is no business of those who did not ask for it.
            from video_editing.matting.rembg_engine import RembgEngine  # noqa: PLC0415

            return RembgEngine(clip, options.model, every=options.every, device=options.device)
        case _:
            raise InputRejected(RejectReason.BAD_OPTION, option="engine", value=options.name[:40])
