"""Run the command line of `video_editing` as a process."""

import subprocess
import sys
from typing import Any


def overlay(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run the command line and capture its output."""
    return subprocess.run(
        command(*arguments), check=False, capture_output=True, text=True, **options
    )


def command(*arguments: object) -> list[str]:
    """Return the arguments of the process."""
    return [sys.executable, "-m", "video_editing", *map(str, arguments)]
