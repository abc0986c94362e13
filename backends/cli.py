"""``overlay``, as installed: the commands of video_editing."""

from collections.abc import Sequence

from video_editing.cpus import one_thread_each


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    one_thread_each()
    from video_editing import cli  # noqa: PLC0415 - numpy must not come before the line above

    return cli.main(arguments)
