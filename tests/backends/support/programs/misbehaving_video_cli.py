"""A command line that behaves, or misbehaves, as video_editing's may; run as a script.

``misbehaving_video_cli.py BEHAVIOUR matte CLIP --segments FOLDER …`` writes real segments of grey
mattes. BEHAVIOUR is "works", "slow" (20 ms a frame), or one of `FAULTS`, some of which work
afterwards.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from video_editing.contract.plan import Segment, find_missing_segments, read_plan
from video_editing.frames import Matte, Timed
from video_editing.matting.segments import write_segment

FOLDER = Path(sys.argv[sys.argv.index("--segments") + 1])


def work(pause: float) -> None:
    """Write every segment that the folder lacks, reporting each frame."""
    plan = read_plan(FOLDER)
    lacking = find_missing_segments(plan, FOLDER)
    done = plan.frames - sum(segment.frames for segment in lacking)

    def mattes(segment: Segment) -> Iterator[Timed[Matte]]:
        nonlocal done
        for i in range(segment.frames):
            time.sleep(pause)
            done += 1
            write_json(1, {"stage": "mattes", "done": done, "total": plan.frames, "fps": 50.0})
            yield Timed(segment.start + i, np.full((48, 80), 200, np.uint8))

    for segment in lacking:
        write_segment(plan, segment, mattes(segment), FOLDER)


def write_json(pipe: int, what: object) -> None:
    os.write(pipe, json.dumps(what).encode() + b"\n")


def failing(code: int, error: str, reason: str | None = None, **details: object) -> None:
    """End as the command line does."""
    os.write(2, b"Some sentence for people.\n")
    write_json(
        2, {"error": error, "reason": reason, "details": details, "message": "Some sentence."}
    )
    sys.exit(code)


def hanging() -> None:
    """Neither work nor end, even after SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def forking() -> None:
    """As above, with a child."""
    os.fork()
    hanging()


def spinning() -> None:
    """Work without an end."""
    while True:
        pass


def eating() -> None:
    """Hold a gigabyte."""
    held = [b"x" * 50_000_000 for _ in range(20)]
    hanging()
    del held


def flooding() -> None:
    """10 MB of nonsense on both pipes, without a line's end."""
    for _ in range(20):
        os.write(1, b"x" * 500_000)
        os.write(2, b"y" * 500_000)
    os.write(1, b"\n")
    os.write(2, b"\n")


def write_nonsense() -> None:
    """Lines that look like progress and are none."""
    for line in (
        b"not JSON",
        b"null",
        b'{"stage": "mattes"}',
        b'{"stage": "mattes", "done": -1, "total": 5, "fps": 1}',
        b'{"stage": "mattes", "done": 9, "total": 5, "fps": 1}',
        b'{"stage": "mattes", "done": 1, "total": 5, "fps": NaN}',
        b'{"stage": "mattes", "done": "many", "total": 5, "fps": 1}',
        b"\x00\xff",
    ):
        os.write(1, line + b"\n")


def looking() -> None:
    """Load a network with threads; ONNX Runtime hangs if it gets some and not all of them."""
    import onnxruntime  # noqa: PLC0415 - others need none

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 4
    onnxruntime.InferenceSession(os.environ["U2NET_HOME"] + "/net.onnx", options)


def write_environment() -> None:
    """Write down the variables that it received."""
    (FOLDER.parent / "environment.json").write_text(json.dumps(dict(os.environ)))


FAULTS: dict[str, Callable[[], None]] = {
    "rejects": lambda: failing(3, "InputRejected", "no_person", seconds=3.5, self="x"),
    "rejects-oddly": lambda: failing(3, "InputRejected", "a reason of next year"),
    "rejects-silently": lambda: sys.exit(3),
    "no-model": lambda: failing(4, "ModelUnavailable"),
    "disk-full": lambda: failing(5, "OutputFailed"),
    "stopped": lambda: failing(143, "Cancelled"),
    "bug": lambda: sys.exit("Traceback of a bug"),
    "half": lambda: sys.exit(0),
    "dies": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hangs": hanging,
    "hangs-with-child": forking,
    "spins": spinning,
    "eats": eating,
    "floods": flooding,
    "looks": looking,
    "talks": write_nonsense,
    "tells": write_environment,
}

if __name__ == "__main__":
    FAULTS.get(sys.argv[1], lambda: None)()
    work(0.02 if sys.argv[1] == "slow" else 0)
