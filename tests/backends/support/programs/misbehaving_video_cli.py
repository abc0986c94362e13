"""A replacement of the command line of video_editing that can fail in many ways; run as a script.

``misbehaving_video_cli.py BEHAVIOUR matte CLIP --segments FOLDER …`` writes real segments of grey
mattes. BEHAVIOUR is "works", "slow" (20 ms per frame), or one of `FAULTS`; some of these write the
segments afterwards.
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


def write_segments(pause: float) -> None:
    """Write the missing segments and report each frame."""
    plan = read_plan(FOLDER)
    missing = find_missing_segments(plan, FOLDER)
    done = plan.frames - sum(segment.frames for segment in missing)

    def make_mattes(segment: Segment) -> Iterator[Timed[Matte]]:
        nonlocal done
        for i in range(segment.frames):
            time.sleep(pause)
            done += 1
            write_line(1, {"stage": "mattes", "done": done, "total": plan.frames, "fps": 50.0})
            yield Timed(segment.start + i, np.full((48, 80), 200, np.uint8))

    for segment in missing:
        write_segment(plan, segment, make_mattes(segment), FOLDER)


def write_line(pipe: int, message: object) -> None:
    os.write(pipe, json.dumps(message).encode() + b"\n")


def fail(code: int, error: str, reason: str | None = None, **details: object) -> None:
    """Exit with an error report like the command line."""
    os.write(2, b"Some sentence for users.\n")
    write_line(
        2, {"error": error, "reason": reason, "details": details, "message": "Some sentence."}
    )
    sys.exit(code)


def hang() -> None:
    """Do nothing and ignore SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def fork_and_hang() -> None:
    """Hang together with a child process."""
    os.fork()
    hang()


def spin() -> None:
    """Use the processor without end."""
    while True:
        pass


def allocate_memory() -> None:
    """Allocate 1 GB and hang, or tell that there is not that much."""
    try:
        blocks = [b"x" * 50_000_000 for _ in range(20)]
    except MemoryError:
        fail(4, "OutOfMemory")
    hang()
    del blocks


def flood_pipes() -> None:
    """Write 10 MB without line breaks to both pipes."""
    for _ in range(20):
        os.write(1, b"x" * 500_000)
        os.write(2, b"y" * 500_000)
    os.write(1, b"\n")
    os.write(2, b"\n")


def write_malformed_progress() -> None:
    """Write lines that resemble progress and are invalid."""
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


def open_network() -> None:
    """Open a network with threads; ONNX Runtime hangs if only some of them can start."""
    import onnxruntime  # noqa: PLC0415 - the other behaviours do not need it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 4
    onnxruntime.InferenceSession(os.environ["U2NET_HOME"] + "/net.onnx", options)


def dump_environment() -> None:
    """Write the environment variables to a file beside the folder."""
    (FOLDER.parent / "environment.json").write_text(json.dumps(dict(os.environ)))


FAULTS: dict[str, Callable[[], None]] = {
    "rejects": lambda: fail(3, "InputRejected", "no_person", seconds=3.5, self="x"),
    "rejects-oddly": lambda: fail(3, "InputRejected", "a reason of next year"),
    "rejects-silently": lambda: sys.exit(3),
    "no-model": lambda: fail(4, "ModelUnavailable"),
    "disk-full": lambda: fail(5, "OutputFailed"),
    "stopped": lambda: fail(143, "Cancelled"),
    "bug": lambda: sys.exit("Traceback of a bug"),
    "half": lambda: sys.exit(0),
    "dies": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hangs": hang,
    "hangs-with-child": fork_and_hang,
    "spins": spin,
    "allocates": allocate_memory,
    "floods": flood_pipes,
    "opens-network": open_network,
    "malformed-progress": write_malformed_progress,
    "dumps-environment": dump_environment,
}

if __name__ == "__main__":
    FAULTS.get(sys.argv[1], lambda: None)()
    write_segments(0.02 if sys.argv[1] == "slow" else 0)
