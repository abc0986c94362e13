"""Progress as people see it on a terminal, and as parents read it from a pipe."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from video_editing.progress import Progress, Report, unreported


@contextmanager
def shown(kind: str) -> Iterator[Report]:
    """Yield a report that shows progress as *kind*: "bar", "json" or "none"."""
    if kind == "json":
        yield lambda progress: print(progress.as_json(), flush=True)  # noqa: T201 - a parent reads it
        return
    console = Console(stderr=True)
    if kind == "none" or not console.is_terminal:
        yield unreported
        return
    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]:.0f} frames/s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("starting", total=None, fps=0.0)

        def report(progress: Progress) -> None:
            bar.update(
                task,
                description=progress.stage,
                completed=progress.done,
                total=progress.total,
                fps=progress.fps,
            )

        yield report
