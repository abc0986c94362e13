"""Share one clip between several workers, each of which makes a part of its segments."""

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

PARTS_PER_WORKER = 2  #: so that the last part, made by the slowest worker, is short


class ParallelBackend(OverlayBackend):
    """Workers that take parts of a plan until none is left."""

    def __init__(self, workers: Sequence[OverlayBackend]) -> None:
        """Run *workers*, one or more, in parallel under the name of the first."""
        self.name = workers[0].name
        self._workers = workers

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        plan = plan.prefer_best_engine()  # one choice for all workers
        write_plan(plan, folder)
        missing_segments = find_missing_segments(plan, folder)
        progress_sum = ProgressSum(plan, missing_segments, report)
        parts = deque(split_plan(plan, missing_segments, PARTS_PER_WORKER * len(self._workers)))
        try:
            async with asyncio.TaskGroup() as group:
                for worker in self._workers:
                    group.create_task(_run_worker(worker, clip, parts, folder, progress_sum))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures  # the first one cancelled the others
        progress_sum.report_complete()


class ProgressSum:
    """Adds up the progress of the workers."""

    def __init__(self, plan: Plan, missing_segments: Sequence[Segment], report: Report) -> None:
        """Count all segments of *plan* except *missing_segments* as done."""
        self._done_before = plan.frames - sum(segment.frames for segment in missing_segments)
        self._total = plan.frames
        self._done: dict[int, Progress] = {}
        self._report = make_monotonic(report, self._total)

    def add(self, part: Plan, event: Event) -> None:
        """Report an event of one part as progress of the plan."""
        if isinstance(event, Progress):
            self._done[part.segments[0].index] = event
            done = self._done_before + sum(progress.done for progress in self._done.values())
            fps = sum(p.fps for p in self._done.values() if p.done < p.total)
            event = Progress(event.stage, done, self._total, fps)
        self._report(event)

    def report_complete(self) -> None:
        """Report that all frames are done."""
        self._report(Progress("mattes", self._total, self._total, 0))


def split_plan(plan: Plan, missing_segments: Sequence[Segment], max_parts: int) -> list[Plan]:
    """Split *missing_segments* into at most *max_parts* plans of consecutive ones."""
    size = max(1, math.ceil(len(missing_segments) / max_parts))
    parts = (tuple(missing_segments[i : i + size]) for i in range(0, len(missing_segments), size))
    return [plan.model_copy(update={"segments": segments}) for segments in parts]


async def _run_worker(
    worker: OverlayBackend, clip: Path, parts: deque[Plan], folder: Path, progress_sum: ProgressSum
) -> None:
    while parts:
        part = parts.popleft()
        with tempfile.TemporaryDirectory(prefix=".stretch-", dir=folder) as name:
            worker_folder = Path(name)

            def forward(event: Event, part: Plan = part, source: Path = worker_folder) -> None:
                _publish_segments(part, source, folder)
                progress_sum.add(part, event)

            await worker.make_mattes(clip, part, worker_folder, forward)
            _publish_segments(part, worker_folder, folder)


def _publish_segments(part: Plan, worker_folder: Path, folder: Path) -> None:
    """Link the complete segments into *folder*; the worker still finds them in its own."""
    for segment in part.segments:
        if (worker_folder / segment.file_name).exists() and not (
            folder / segment.file_name
        ).exists():
            with suppress(FileExistsError):
                (folder / segment.file_name).hardlink_to(worker_folder / segment.file_name)
