"""A stand-in for the command line whose model takes its time, and no processor.

Run as ``slow_video_cli.py SECONDS_A_FRAME matte CLIP --segments FOLDER …``. A matte hangs on
its frame's time alone.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from video_editing.contract.plan import Segment, find_missing_segments, read_plan
from video_editing.frames import Matte, Timed
from video_editing.matting.segments import write_segment

PAUSE = float(sys.argv[1])  #: seconds a frame
FOLDER = Path(sys.argv[sys.argv.index("--segments") + 1])


def main() -> None:
    """Write every segment that the folder lacks."""
    plan = read_plan(FOLDER)
    done = 0
    for segment in find_missing_segments(plan, FOLDER):
        write_segment(plan, segment, make_mattes(segment), FOLDER)
        done += segment.frames
        line = {"stage": "mattes", "done": done, "total": plan.frames, "fps": 25.0}
        print(json.dumps(line), flush=True)  # noqa: T201 - as the command line does


def make_mattes(segment: Segment) -> Iterator[Timed[Matte]]:
    """A bar that moves with the frame's time."""
    step = (segment.end - segment.start) // segment.frames
    ends = time.monotonic()
    for i in range(segment.frames):
        ends += PAUSE
        matte = np.zeros((48, 80), np.uint8)
        matte[:, (segment.start + i * step) // step % 40 :][:, :20] = 255
        time.sleep(max(0.0, ends - time.monotonic()))
        yield Timed(segment.start + i * step, matte)


if __name__ == "__main__":
    main()
