"""A process with a local place; run as a script, short of threads.

``run_local_backend.py CLIP FOLDER PATIENCE [PROGRAM…]`` prints what became of the
work: "done" or why not.
"""

import asyncio
import sys
from pathlib import Path

from backends.errors import BackendUnavailable
from backends.local.backend import LocalBackend
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM
from video_editing.contract.plan import read_plan


async def main(clip: Path, folder: Path, patience: float, *program: str) -> str:
    """Work on *clip*; gives the outcome."""
    limits = ProcessLimits(600, patience, 2_000_000_000)
    place = LocalBackend("local-cpu", "cpu", limits, program=program or DEFAULT_PROGRAM)
    try:
        await place.make_mattes(clip, read_plan(folder), folder, lambda _: None)
    except BackendUnavailable as failure:
        return failure.kind
    return "done"


if __name__ == "__main__":
    _, given_clip, given_folder, seconds, *rest = sys.argv
    given = Path(given_clip), Path(given_folder), float(seconds), *rest
    print(asyncio.run(main(*given)))  # noqa: T201
