"""Who says where the person is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.frames import Matte, Picture, Timed
from video_editing.matting.mediapipe_engine import MediapipeEngine
from video_editing.reading.probe import Clip


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
