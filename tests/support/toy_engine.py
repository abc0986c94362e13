"""An engine for tests: one class and one row. Run as a program, it is the command line with it."""

import sys
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from video_editing.cli.main import main
from video_editing.contract.engines import ENGINES, EngineInfo
from video_editing.frames import Matte, Picture, Timed
from video_editing.reading.probe import Clip

TOY = EngineInfo(
    name="toy",
    summary="a disc",
    icon="🧸",
    is_fast=False,
    module="tests.support.toy_engine",
    class_name="ToyEngine",
    initial_speeds={"local-cpu": 1000.0},
)


class ToyEngine:
    """Takes the middle of every frame for a person."""

    context_frames = 0
    warm_up_frames = 0
    parallel_runs = 1

    def __init__(self, clip: Clip) -> None:
        """Choose the size of the mattes."""
        width, height = clip.size
        self._matte = np.zeros((height // 4, width // 4), np.uint8)
        cv2.circle(self._matte, (width // 8, height // 8), height // 16, 255, thickness=-1)

    def compute_mattes(
        self, frames: Iterable[Timed[Picture]]
    ) -> Iterator[tuple[Timed[Picture], Matte]]:
        """Each frame with a disc."""
        for frame in frames:
            yield frame, self._matte


if __name__ == "__main__":
    ENGINES[TOY.name] = TOY
    sys.exit(main())
