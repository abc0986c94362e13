"""A replacement of the command line with a slow model that uses no CPU time.

Run as ``slow_video_cli.py SECONDS_A_FRAME matte CLIP --segments FOLDER …``. A matte depends
only on the time of its frame.
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

PAUSE = float(sys.argv[1])  #: seconds per frame
FOLDER = Path(sys.argv[sys.argv.index("--segments") + 1])


def main() -> None:
    """Write the missing segments."""
    plan = read_plan(FOLDER)
    done = 0
    for segment in find_missing_segments(plan, FOLDER):
        write_segment(plan, segment, make_mattes(segment), FOLDER)
        done += segment.frames
        line = {"stage": "mattes", "done": done, "total": plan.frames, "fps": 25.0}
        print(json.dumps(line), flush=True)  # noqa: T201 - the parent reads it


def make_mattes(segment: Segment) -> Iterator[Timed[Matte]]:
    """Yield mattes of a bar that moves with the time of the frame."""
    step = (segment.end - segment.start) // segment.frames
    deadline = time.monotonic()
    for i in range(segment.frames):
        deadline += PAUSE
        matte = np.zeros((48, 80), np.uint8)
        matte[:, (segment.start + i * step) // step % 40 :][:, :20] = 255
        time.sleep(max(0.0, deadline - time.monotonic()))
        yield Timed(segment.start + i * step, matte)


if __name__ == "__main__":
    main()
