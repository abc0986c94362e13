"""Several workers that share one clip, each on its own stretch of it."""

import asyncio
import math
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from backends.base import Event, OverlayBackend, Report, make_monotonic
from video_editing.contract.plan import Plan, Segment, find_missing_segments, write_plan
from video_editing.contract.progress import Progress

PARTS_PER_WORKER = 2  #: stretches for each worker, so that nobody waits long for the slowest


class ParallelBackend(OverlayBackend):
    """Workers that take stretches of a clip until none is left."""

    def __init__(self, workers: Sequence[OverlayBackend]) -> None:
        """Put *workers*, one or more, side by side; they go by the name of the first."""
        self.name = workers[0].name
        self._workers = workers

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        write_plan(plan, folder)
        missing_segments = find_missing_segments(plan, folder)
        progress_sum = ProgressSum(plan, missing_segments, report)
        parts = deque(split_plan(plan, missing_segments, PARTS_PER_WORKER * len(self._workers)))
        try:
            async with asyncio.TaskGroup() as group:
                for worker in self._workers:
                    group.create_task(_run_worker(worker, clip, parts, folder, progress_sum))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures  # the first ended the others
        progress_sum.report_complete()


class ProgressSum:
    """Adds up how far the workers are."""

    def __init__(self, plan: Plan, missing_segments: Sequence[Segment], report: Report) -> None:
        """Begin with what is there: all segments of *plan* but those *missing_segments*."""
        self._done_before = plan.frames - sum(segment.frames for segment in missing_segments)
        self._total = plan.frames
        self._done: dict[int, Progress] = {}
        self._report = make_monotonic(report, self._total)

    def add(self, part: Plan, event: Event) -> None:
        """Pass on what is told of *part*, as part of the whole."""
        if isinstance(event, Progress):
            self._done[part.segments[0].index] = event
            done = self._done_before + sum(progress.done for progress in self._done.values())
            fps = sum(p.fps for p in self._done.values() if p.done < p.total)
            event = Progress(event.stage, done, self._total, fps)
        self._report(event)

    def report_complete(self) -> None:
        """Say that all is done."""
        self._report(Progress("mattes", self._total, self._total, 0))


def split_plan(plan: Plan, missing_segments: Sequence[Segment], max_parts: int) -> list[Plan]:
    """Split *plan* into at most *max_parts* runs of neighbours among *missing_segments*."""
    size = max(1, math.ceil(len(missing_segments) / max_parts))
    parts = (tuple(missing_segments[i : i + size]) for i in range(0, len(missing_segments), size))
    return [plan.model_copy(update={"segments": stretch}) for stretch in parts]


async def _run_worker(
    worker: OverlayBackend, clip: Path, parts: deque[Plan], folder: Path, progress_sum: ProgressSum
) -> None:
    while parts:
        stretch = parts.popleft()
        with tempfile.TemporaryDirectory(prefix=".stretch-", dir=folder) as name:
            apart = Path(name)

            def heard(event: Event, stretch: Plan = stretch, apart: Path = apart) -> None:
                _publish_segments(stretch, apart, folder)
                progress_sum.add(stretch, event)

            await worker.make_mattes(clip, stretch, apart, heard)
            _publish_segments(stretch, apart, folder)


def _publish_segments(part: Plan, worker_folder: Path, folder: Path) -> None:
    """Let *folder* have the segments that are whole; the worker still sees them in its own."""
    for segment in part.segments:
        if (worker_folder / segment.file_name).exists() and not (
            folder / segment.file_name
        ).exists():
            with suppress(FileExistsError):
                (folder / segment.file_name).hardlink_to(worker_folder / segment.file_name)
