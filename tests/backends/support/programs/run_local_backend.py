"""A process with a local backend; run as a script under a limit of threads.

``run_local_backend.py CLIP FOLDER STALL_SECONDS [PROGRAM…]`` prints "done" or the kind of
the failure.
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
    """Make the mattes of *clip* and return the outcome."""
    limits = ProcessLimits(600, stall_seconds, 2_000_000_000)
    backend = LocalBackend("local-cpu", "cpu", limits, program=program or DEFAULT_PROGRAM)
    try:
        await backend.make_mattes(clip, read_plan(folder), folder, lambda _: None)
    except BackendUnavailable as failure:
        return failure.kind
    return "done"


if __name__ == "__main__":
    _, clip_path, folder_path, stall_limit, *program = sys.argv
    arguments = Path(clip_path), Path(folder_path), float(stall_limit), *program
    print(asyncio.run(main(*arguments)))  # noqa: T201 - the test reads it
