"""The service's backend at Modal: as many containers with a GPU as a clip needs."""

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
    """The work for one container.

    Attributes:
        clip: the file name in the shared folder of clips.
        plan: with the segments to make.
        progress_key: under which the container stores how many frames are done.
    """

    clip: str
    plan: Plan
    progress_key: str


@dataclass(frozen=True)
class WorkResult:
    """The result of one container.

    Attributes:
        segments: file contents by file name, a few hundred kilobytes each.
        seconds: for which the GPU was in use.
        failure: why segments are missing.
    """

    segments: dict[str, bytes]
    seconds: float
    failure: MatteJobFailure | None = None


class ModalBackend(OverlayBackend):
    """Distributes the segments of a clip over containers."""

    name = "modal"

    def __init__(
        self,
        map_workers: Callable[[Sequence[WorkItem]], AsyncIterator[WorkResult]],
        get_progress: Callable[[str], Awaitable[int]],
        commit_clips: Callable[[], Awaitable[None]],
        *,
        max_containers: int,
    ) -> None:
        """Connect the backend to the containers.

        Args:
            map_workers: sends work items to containers, and yields the results in any order.
            get_progress: returns how many frames are done under a progress key.
            commit_clips: makes clips that this process wrote visible to the containers.
            max_containers: largest number of containers for a clip.
        """
        self._map_workers, self._get_progress = map_workers, get_progress
        self._commit_clips, self._max_containers = commit_clips, max_containers

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
            async for result in self._map_workers(items):
                self._store_result(result, folder, report)
        finally:
            poller.cancel()
            await asyncio.wait([poller])
        progress_sum.report_complete()

    async def _poll_progress(self, items: Sequence[WorkItem], progress_sum: ProgressSum) -> None:
        while True:
            for item in items:
                done = min(await self._get_progress(item.progress_key), item.plan.frames)
                progress_sum.add(item.plan, Progress("mattes", done, item.plan.frames, 0))
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
