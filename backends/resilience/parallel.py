"""Several workers that share one clip, each on its own stretch of it."""

import asyncio
import math
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from backends.base import Event, OverlayBackend, Report, forwards
from video_editing.contract.plan import Plan, Segment, keep_plan, missing
from video_editing.contract.progress import Progress

ROUNDS = 2  #: stretches for each worker, so that nobody waits long for the slowest


class SideBySide(OverlayBackend):
    """Workers that take stretches of a clip until none is left."""

    def __init__(self, workers: Sequence[OverlayBackend]) -> None:
        """Put *workers*, one or more, side by side; they go by the name of the first."""
        self.name = workers[0].name
        self._workers = workers

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        keep_plan(plan, folder)
        lacking = missing(plan, folder)
        tally = Tally(plan, lacking, report)
        stretches = deque(dealt(plan, lacking, ROUNDS * len(self._workers)))
        try:
            async with asyncio.TaskGroup() as group:
                for worker in self._workers:
                    group.create_task(_work(worker, clip, stretches, folder, tally))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures  # the first ended the others
        tally.complete()


class Tally:
    """Adds up how far the workers are."""

    def __init__(self, plan: Plan, lacking: Sequence[Segment], report: Report) -> None:
        """Begin with what is there: all segments of *plan* but those *lacking*."""
        self._before = plan.frames - sum(segment.frames for segment in lacking)
        self._total = plan.frames
        self._done: dict[int, Progress] = {}
        self._report = forwards(report, self._total)

    def heard(self, stretch: Plan, event: Event) -> None:
        """Pass on what is told of *stretch*, as part of the whole."""
        if isinstance(event, Progress):
            self._done[stretch.segments[0].index] = event
            done = self._before + sum(progress.done for progress in self._done.values())
            fps = sum(p.fps for p in self._done.values() if p.done < p.total)
            event = Progress(event.stage, done, self._total, fps)
        self._report(event)

    def complete(self) -> None:
        """Say that all is done."""
        self._report(Progress("mattes", self._total, self._total, 0))


def dealt(plan: Plan, lacking: Sequence[Segment], hands: int) -> list[Plan]:
    """*plan* in parts: neighbours among *lacking*, in at most *hands* stretches of like length."""
    size = max(1, math.ceil(len(lacking) / hands))
    stretches = (tuple(lacking[i : i + size]) for i in range(0, len(lacking), size))
    return [plan.model_copy(update={"segments": stretch}) for stretch in stretches]


async def _work(
    worker: OverlayBackend, clip: Path, stretches: deque[Plan], folder: Path, tally: Tally
) -> None:
    while stretches:
        stretch = stretches.popleft()
        with tempfile.TemporaryDirectory(prefix=".stretch-", dir=folder) as name:
            apart = Path(name)

            def heard(event: Event, stretch: Plan = stretch, apart: Path = apart) -> None:
                _hand_over(stretch, apart, folder)
                tally.heard(stretch, event)

            await worker.make_mattes(clip, stretch, apart, heard)
            _hand_over(stretch, apart, folder)


def _hand_over(stretch: Plan, apart: Path, folder: Path) -> None:
    """Let *folder* have the segments that are whole; the worker still sees them in its own."""
    for segment in stretch.segments:
        if (apart / segment.name).exists() and not (folder / segment.name).exists():
            with suppress(FileExistsError):
                (folder / segment.name).hardlink_to(apart / segment.name)
