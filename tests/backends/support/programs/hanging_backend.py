"""A process with a local backend whose child hangs; run as a script with a clip and its folder."""

import asyncio
import sys
from pathlib import Path

from backends.local.backend import LocalBackend
from backends.local.process import ProcessLimits
from video_editing.contract.plan import read_plan

if __name__ == "__main__":
    clip, folder = map(Path, sys.argv[1:])
    program = (sys.executable, str(Path(__file__).parent / "misbehaving_video_cli.py"), "hangs")
    backend = LocalBackend("local-cpu", "cpu", ProcessLimits(60, 60, 10**9), program=program)
    asyncio.run(backend.make_mattes(clip, read_plan(folder), folder, lambda _: None))
