"""A process with a local backend; run as a script, short of threads.

``run_local_backend.py CLIP FOLDER STALL_SECONDS [PROGRAM…]`` prints the outcome of the
job: "done" or why not.
"""

import asyncio
import sys
from pathlib import Path

from backends.errors import BackendUnavailable
from backends.local.backend import LocalBackend
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM
from video_editing.contract.plan import read_plan


async def main(clip: Path, folder: Path, stall_seconds: float, *program: str) -> str:
    """Work on *clip*; gives the outcome."""
    limits = ProcessLimits(600, stall_seconds, 2_000_000_000)
    backend = LocalBackend("local-cpu", "cpu", limits, program=program or DEFAULT_PROGRAM)
    try:
        await backend.make_mattes(clip, read_plan(folder), folder, lambda _: None)
    except BackendUnavailable as failure:
        return failure.kind
    return "done"


if __name__ == "__main__":
    _, given_clip, given_folder, seconds, *rest = sys.argv
    given = Path(given_clip), Path(given_folder), float(seconds), *rest
    print(asyncio.run(main(*given)))  # noqa: T201
