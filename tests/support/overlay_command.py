"""Run the command line of `video_editing` as a process."""

import os
import resource
import subprocess
import sys
from typing import Any


def overlay(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run the command line and capture its output."""
    return subprocess.run(
        command(*arguments), check=False, capture_output=True, text=True, **options
    )


def overlay_on_full_disk(
    room: int, *arguments: object, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run it so that no file may be larger than *room* bytes: more fails as on a full disk.

    No bytecode is written: Python would leave it in the source tree, cut short, for all others.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return overlay(*arguments, preexec_fn=limit, env=environment, **options)


def command(*arguments: object) -> list[str]:
    """Return the arguments of the process."""
    return [sys.executable, "-m", "video_editing", *map(str, arguments)]
