"""The service's place of work at Modal: GPUs in containers of their own, as many as it takes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.base import CostIncurred, OverlayBackend, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.local.video_cli import create_rejection
from backends.remote.schemas import MatteJobFailure
from backends.resilience.parallel import ProgressSum, split_plan
from video_editing.contract.atomic_file import atomic_write
from video_editing.contract.plan import Plan, find_missing_segments, write_plan
from video_editing.contract.progress import Progress

POLL_SECONDS = 1


@dataclass(frozen=True)
class WorkItem:
    """What one container is asked for.

    Attributes:
        clip: its name in the shared folder of clips.
        plan: with the segments that are wanted.
        progress_key: under which the container tells how many frames are done.
    """

    clip: str
    plan: Plan
    progress_key: str


@dataclass(frozen=True)
class WorkResult:
    """What one container answers.

    Attributes:
        segments: by file name; a few hundred kilobytes each.
        seconds: for which the GPU was ours.
        failure: why segments are lacking.
    """

    segments: dict[str, bytes]
    seconds: float
    failure: MatteJobFailure | None = None


class ModalBackend(OverlayBackend):
    """Spreads the segments of a clip over containers."""

    name = "modal"

    def __init__(
        self,
        map_workers: Callable[[Sequence[WorkItem]], AsyncIterator[WorkResult]],
        get_progress: Callable[[str], Awaitable[int]],
        commit_clips: Callable[[], Awaitable[None]],
        *,
        max_containers: int,
    ) -> None:
        """Remember how to reach the containers.

        Args:
            map_workers: sends stretches out, and yields what was made in any order.
            get_progress: how many frames are done under a key.
            commit_clips: makes the clips that were written here visible there.
            max_containers: how many there may be.
        """
        self._map_workers, self._get_progress, self._commit_clips = (
            map_workers,
            get_progress,
            commit_clips,
        )
        self._max_containers = max_containers

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        write_plan(plan, folder)
        missing_segments = find_missing_segments(plan, folder)
        progress_sum = ProgressSum(plan, missing_segments, report)
        parts = split_plan(plan, missing_segments, self._max_containers)
        items = [WorkItem(clip.name, part, f"{folder.name}/{i}") for i, part in enumerate(parts)]
        await self._commit_clips()
        poller = asyncio.create_task(self._poll_progress(items, progress_sum))
        try:
            async for made in self._map_workers(items):
                self._store_result(made, folder, report)
        finally:
            poller.cancel()
            await asyncio.wait([poller])
        progress_sum.report_complete()

    async def _poll_progress(self, items: Sequence[WorkItem], progress_sum: ProgressSum) -> None:
        while True:
            for stretch in items:
                done = min(await self._get_progress(stretch.progress_key), stretch.plan.frames)
                progress_sum.add(stretch.plan, Progress("mattes", done, stretch.plan.frames, 0))
            await asyncio.sleep(POLL_SECONDS)

    def _store_result(self, result: WorkResult, folder: Path, report: Report) -> None:
        report(CostIncurred(self.name, result.seconds, 0))
        for name, content in result.segments.items():
            with atomic_write(folder / name) as part:
                part.write_bytes(content)
        if result.failure is None:
            return
        if result.failure.rejected:
            raise create_rejection(result.failure.reason, result.failure.details)
        raise BackendUnavailable(self.name, FailureKind(result.failure.reason))
