"""A command line that behaves, or misbehaves, as video_editing's may; run as a script.

``stand_in.py BEHAVIOUR matte CLIP --segments FOLDER --device D --progress json`` writes real
segments of grey mattes. BEHAVIOUR is "works", "slow" (0.02 s a frame), or a fault.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from video_editing.frames import Matte, Timed
from video_editing.plan import Segment, missing, read_plan
from video_editing.segments import write_segment

FRAME = 0.02  #: seconds that a slow one takes for each


def work(folder: Path, pause: float) -> None:
    """Write every segment that *folder* lacks, telling each frame."""
    plan = read_plan(folder)
    lacking = missing(plan, folder)
    done = plan.frames - sum(segment.frames for segment in lacking)

    def mattes(segment: Segment) -> Iterator[Timed[Matte]]:
        nonlocal done
        for i in range(segment.frames):
            time.sleep(pause)
            done += 1
            say(done, plan.frames)
            yield Timed(segment.start + i, np.full((48, 64), 200, np.uint8))

    for segment in lacking:
        write_segment(plan, segment, mattes(segment), folder)


def say(done: int, total: int) -> None:
    print(json.dumps({"stage": "mattes", "done": done, "total": total, "fps": 50.0}), flush=True)


def fail(code: int, error: str, **more: object) -> None:
    """End as the command line does."""
    print("Some sentence for people.", file=sys.stderr)
    print(json.dumps({"error": error, "message": "Some sentence.", **more}), file=sys.stderr)
    sys.exit(code)


def flood() -> None:
    """100 MB of nonsense on both pipes, without a line's end."""
    for _ in range(100):
        os.write(1, b"x" * 500_000)
        os.write(2, b"y" * 500_000)
    os.write(1, b"\n")
    os.write(2, b"\n")


def misbehave(behaviour: str) -> None:
    """Do what *behaviour* says."""
    match behaviour:
        case "rejects":
            fail(3, "InputRejected", reason="no_person", details={"seconds": 3.5, "self": "x"})
        case "rejects-oddly":
            fail(3, "InputRejected", reason="a reason of next year", details={})
        case "rejects-silently":
            sys.exit(3)
        case "no-model":
            fail(4, "ModelUnavailable", reason=None, details={})
        case "disk-full":
            fail(5, "OutputFailed", reason=None, details={})
        case "stopped":
            fail(143, "Cancelled", reason=None, details={})
        case "bug":
            raise RuntimeError("a bug")
        case "dies":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        case "spins":
            threading.Event().wait(0)
            while True:
                pass
        case "eats":
            held = [bytearray(os.urandom(1) * 50_000_000) for _ in range(20)]
            time.sleep(600)
            del held
        case "garbage":
            print("\n".join(GARBAGE))
        case "flood":
            flood()
        case "lists":
            Path(sys.argv[-1]).write_text(json.dumps(dict(os.environ)))


GARBAGE = (
    "not JSON",
    "null",
    '{"stage": "mattes"}',
    '{"stage": "mattes", "done": -1, "total": 5, "fps": 1}',
    '{"stage": "mattes", "done": 9, "total": 5, "fps": 1}',
    '{"stage": "mattes", "done": 1, "total": 5, "fps": NaN}',
    '{"stage": "mattes", "done": "many", "total": 5, "fps": 1}',
    "\x00\xff",
)

if __name__ == "__main__":
    behaviour, folder = sys.argv[1], Path(sys.argv[sys.argv.index("--segments") + 1])
    misbehave(behaviour)
    work(folder, FRAME if behaviour == "slow" else 0)
