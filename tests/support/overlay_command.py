"""The command line of `video_editing`, run in a process of its own."""

import subprocess
import sys
from typing import Any


def overlay(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run the command line in a process of its own."""
    return subprocess.run(
        command(*arguments), check=False, capture_output=True, text=True, **options
    )


def command(*arguments: object) -> list[str]:
    """What starts the command line."""
    return [sys.executable, "-m", "video_editing", *map(str, arguments)]
