"""``overlay``, as installed: what video_editing offers, and what needs places of work."""

import signal
from collections.abc import Sequence

from video_editing.concurrency import limit_library_threads


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    limit_library_threads()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # imports leave nothing to clean up, or to trace
    from backends.cli.commands import run  # noqa: PLC0415 - numpy must not come before the line above

    return run(arguments)
