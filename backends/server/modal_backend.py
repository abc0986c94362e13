"""The service's backend at Modal: as many containers with a GPU as a clip needs."""

import asyncio
import logging
import math
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backends.base import ColdStart, CostIncurred, Event, OverlayBackend, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.remote.job import create_failure
from backends.remote.schemas import MatteJobFailure
from backends.resilience.parallel import ProgressSum, split_plan
from video_editing.contract.atomic_file import atomic_write
from video_editing.contract.errors import InputRejected
from video_editing.contract.plan import Plan, find_missing_segments, write_plan
from video_editing.contract.progress import Progress

log = logging.getLogger(__name__)

POLL_SECONDS = 1
CANCEL_SECONDS = 5  #: in which Modal answers that a call is cancelled
ATTEMPTS = 2  #: of segments that a container did not bring
SEGMENTS_PER_CONTAINER = 4  #: at least; for fewer, a further cold start costs more than it gains


@dataclass(frozen=True)
class WorkItem:
    """The work for one container.

    Attributes:
        clip: its path in the shared Volume, which all containers have at the same place.
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


class WorkCall(Protocol):
    """A work item that a container makes or will make."""

    async def get(self) -> WorkResult:
        """Wait for the result."""

    async def cancel(self) -> None:
        """Stop the work, or do not begin with it."""


class Containers(Protocol):
    """The containers at Modal, and what is shared with them."""

    async def commit_files(self) -> None:
        """Make files that this process wrote durable, and visible to the containers.

        Raises:
            OutputFailed: this is not possible.
        """

    async def spawn(self, item: WorkItem) -> WorkCall:
        """Send a work item to a container."""

    async def get_progress(self, key: str) -> int | None:
        """Return how many frames of a work item are done; None before a container has it."""

    async def delete_progress(self, key: str) -> None:
        """Forget the progress of a work item."""


class ModalBackend(OverlayBackend):
    """Distributes the segments of a clip over containers."""

    name = "modal"

    def __init__(self, containers: Containers, *, max_containers: int) -> None:
        """Use at most *max_containers* of *containers* for a clip."""
        self._containers, self._max_containers = containers, max_containers

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        write_plan(plan, folder)
        warm_up = _WarmUp(self.name, report)
        progress_sum = ProgressSum(plan, find_missing_segments(plan, folder), warm_up.forward)
        for attempt in range(ATTEMPTS):
            items = self._split(clip, plan, folder)
            warm_up.expect(items)
            await self._containers.commit_files()
            results = await asyncio.gather(
                *(self._run_item(item, folder, progress_sum, warm_up) for item in items),
                return_exceptions=True,
            )
            failures = [result for result in results if isinstance(result, Exception)]
            if not find_missing_segments(plan, folder):
                break
            if attempt == ATTEMPTS - 1 or any(isinstance(f, InputRejected) for f in failures):
                raise _choose_failure(self.name, failures)
        progress_sum.report_complete()

    def _split(self, clip: Path, plan: Plan, folder: Path) -> list[WorkItem]:
        missing_segments = find_missing_segments(plan, folder)
        useful = math.ceil(len(missing_segments) / SEGMENTS_PER_CONTAINER)
        parts = split_plan(plan, missing_segments, max(1, min(useful, self._max_containers)))
        return [WorkItem(str(clip.absolute()), part, secrets.token_hex(8)) for part in parts]

    async def _run_item(
        self, item: WorkItem, folder: Path, progress_sum: ProgressSum, warm_up: "_WarmUp"
    ) -> None:
        """Let a container make *item*, and store what it brings."""
        poller = asyncio.create_task(self._poll_progress(item, progress_sum, warm_up))
        try:
            result = await self._call(item)
        finally:
            poller.cancel()
            await asyncio.wait([poller])
            await self._delete_progress(item)
            warm_up.end(item)
        progress_sum.add(item.plan, CostIncurred(self.name, result.seconds, 0))
        for name, content in result.segments.items():
            with atomic_write(folder / name) as part:
                part.write_bytes(content)
        if result.failure is not None:
            raise create_failure(self.name, result.failure)

    async def _call(self, item: WorkItem) -> WorkResult:
        """Let a container make *item*; cancelled, also while the item is sent, it stops there."""
        spawning = asyncio.ensure_future(self._containers.spawn(item))
        try:
            return await (await asyncio.shield(spawning)).get()
        except asyncio.CancelledError:
            with log_failure("a container was not stopped"):
                async with asyncio.timeout(CANCEL_SECONDS):
                    await (await spawning).cancel()
            raise

    async def _delete_progress(self, item: WorkItem) -> None:
        with log_failure("progress is not deleted"):
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._containers.delete_progress(item.progress_key)

    async def _poll_progress(
        self, item: WorkItem, progress_sum: ProgressSum, warm_up: "_WarmUp"
    ) -> None:
        while True:
            with log_failure("progress is not known"):
                done = await self._containers.get_progress(item.progress_key)
                if done is not None:
                    warm_up.begin(item)
                    frames = item.plan.frames
                    progress_sum.add(item.plan, Progress("mattes", min(done, frames), frames, 0))
            await asyncio.sleep(POLL_SECONDS)


class _WarmUp:
    """Reports a cold start whenever work items wait for containers and none is being made."""

    def __init__(self, backend: str, report: Report) -> None:
        self._cold_start, self._report = ColdStart(backend), report
        self._waiting: set[str] = set()
        self._working: set[str] = set()
        self._last_progress = Progress("mattes", 0, 0, 0)

    def forward(self, event: Event) -> None:
        """Report *event*."""
        if isinstance(event, Progress):
            self._last_progress = event
        self._report(event)

    def expect(self, items: Sequence[WorkItem]) -> None:
        """Note that *items* wait for containers."""
        self._waiting = {item.progress_key for item in items}
        self._report(self._cold_start)

    def begin(self, item: WorkItem) -> None:
        """Note that a container makes *item*; the first one of all ends the cold start."""
        if item.progress_key not in self._waiting:
            return
        self._waiting.remove(item.progress_key)
        if not self._working:
            self._report(self._last_progress)
        self._working.add(item.progress_key)

    def end(self, item: WorkItem) -> None:
        """Note that *item* is made, or will not be."""
        self._waiting.discard(item.progress_key)
        self._working.discard(item.progress_key)
        if self._waiting and not self._working:
            self._report(self._cold_start)


@contextmanager
def log_failure(message: str) -> Iterator[None]:
    """Log any exception of the block, whose success does not matter."""
    try:
        yield
    except Exception as err:  # noqa: BLE001 - Modal raises what its connection raises
        log.warning("%s: %s", message, type(err).__name__)


def _choose_failure(backend: str, failures: Sequence[Exception]) -> Exception:
    """Return the failure that says most about the clip, or about the containers."""
    known = (InputRejected, BackendUnavailable)
    for kind in known:
        for failure in failures:
            if isinstance(failure, kind):
                return failure
    causes = ", ".join(type(failure).__name__ for failure in failures)
    return BackendUnavailable(backend, FailureKind.BROKEN, causes or "segments are missing")
