"""The installed program ``overlay``: the commands of video_editing, and those with backends."""

import signal
from collections.abc import Sequence

from video_editing.cli.inheritance import prepare_process
from video_editing.concurrency import configure_libraries
from video_editing.memory import keep_freed_memory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    prepare_process()
    keep_freed_memory()
    configure_libraries()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules load there is nothing to clean up
    from backends.cli.commands import run  # noqa: PLC0415 - numpy must not come before the line above

    return run(arguments)
