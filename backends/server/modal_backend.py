"""The service's backend at Modal: as many containers with a GPU as a clip needs."""

import asyncio
import logging
import math
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from backends.base import ColdStart, CostIncurred, Event, OverlayBackend, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.remote.job import create_failure
from backends.resilience.parallel import ProgressSum, split_plan
from backends.server.modal_calls import (
    CallLog,
    Containers,
    StoredCall,
    WorkCall,
    WorkItem,
    WorkResult,
)
from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.contract.errors import InputRejected
from video_editing.contract.plan import Plan, Segment, find_missing_segments, write_plan
from video_editing.contract.progress import Progress

log = logging.getLogger(__name__)

POLL_SECONDS = 1
CANCEL_SECONDS = 5  #: in which Modal answers that a call is cancelled
ATTEMPTS = 2  #: of segments that a container did not bring
SEGMENTS_PER_CONTAINER = 4  #: at least; for fewer, a further cold start costs more than it gains


class ModalBackend(OverlayBackend):
    """Distributes the segments of a clip over containers."""

    name = "modal"

    def __init__(self, containers: Containers, *, max_containers: int) -> None:
        """Use at most *max_containers* of *containers* for a clip."""
        self.containers, self._max_containers = containers, max_containers
        self.is_keeping_calls = False

    def keep_calls(self) -> None:
        """Let containers work on when jobs are cancelled from now on: this process ends.

        A later one finds their calls in the folders of the mattes.
        """
        self.is_keeping_calls = True

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        write_plan(plan, folder)
        run = _PlanRun(self, plan, folder, report)
        stored = CallLog(folder).read()  # of an earlier process, which was killed
        for attempt in range(ATTEMPTS):
            covered = [segment for call in stored for segment in call.item.plan.segments]
            items = self._split(clip, plan, folder, covered)
            failures = await run.run_all(stored, items)
            stored = []
            if not find_missing_segments(plan, folder):
                break
            if attempt == ATTEMPTS - 1 or any(isinstance(f, InputRejected) for f in failures):
                raise _choose_failure(self.name, failures)
        run.progress_sum.report_complete()

    def _split(
        self, clip: Path, plan: Plan, folder: Path, covered: Collection[Segment]
    ) -> list[WorkItem]:
        """Return items for the segments that are neither in *folder* nor *covered*."""
        missing = [s for s in find_missing_segments(plan, folder) if s not in covered]
        useful = math.ceil(len(missing) / SEGMENTS_PER_CONTAINER)
        parts = split_plan(plan, missing, max(1, min(useful, self._max_containers)))
        path = str(clip.absolute())
        return [WorkItem(clip=path, plan=part, key=secrets.token_hex(8)) for part in parts]


class _PlanRun:
    """Work items of one plan, and what their containers brought so far."""

    def __init__(self, backend: ModalBackend, plan: Plan, folder: Path, report: Report) -> None:
        self._backend, self._containers = backend, backend.containers
        self._folder, self._call_log = folder, CallLog(folder)
        self._warm_up = _WarmUp(ModalBackend.name, report)
        missing_segments = find_missing_segments(plan, folder)
        self.progress_sum = ProgressSum(plan, missing_segments, self._warm_up.forward)

    async def run_all(
        self, stored: Sequence[StoredCall], items: Sequence[WorkItem]
    ) -> list[Exception]:
        """Wait for *stored* calls, and for new ones of *items*; return the failures."""
        self._warm_up.expect([*(call.item for call in stored), *items])
        await self._containers.commit_files()
        results = await asyncio.gather(
            *(self._run_item(call.item, call.call_id) for call in stored),
            *(self._run_item(item) for item in items),
            return_exceptions=True,
        )
        return [result for result in results if isinstance(result, Exception)]

    async def _run_item(self, item: WorkItem, call_id: str | None = None) -> None:
        """Let a container make *item*, and store what it brings.

        A *call_id* is that of a call that makes it already.
        """
        poller = asyncio.create_task(self._poll_progress(item))
        try:
            result = await self._call(item, call_id)
        except Exception:
            with log_failure("segments of a lost container are lost, too"):
                await self._fetch_progress(item)
            raise
        finally:
            await end_loop(poller)
            if not self._backend.is_keeping_calls:
                await self._forget(item)
            self._warm_up.end(item)
        self.progress_sum.add(item.plan, CostIncurred(ModalBackend.name, result.seconds, 0))
        for name, content in result.segments.items():
            self._store(name, content)
        if result.failure is not None:
            raise create_failure(ModalBackend.name, result.failure)

    async def _call(self, item: WorkItem, call_id: str | None) -> WorkResult:
        """Return what a container brings; cancelled, also while the item is sent, it stops."""
        opening = asyncio.ensure_future(self._open_call(item, call_id))
        try:
            return await (await asyncio.shield(opening)).get()
        except asyncio.CancelledError:
            with log_failure("a container was not stopped"):
                async with asyncio.timeout(CANCEL_SECONDS):
                    call = await opening
                    if not self._backend.is_keeping_calls:
                        await call.cancel()
            raise

    async def _open_call(self, item: WorkItem, call_id: str | None) -> WorkCall:
        if call_id is not None:
            return await self._containers.attach(call_id)
        call = await self._containers.spawn(item)
        self._call_log.add(StoredCall(call_id=call.id, item=item))
        return call

    async def _forget(self, item: WorkItem) -> None:
        with log_failure("a call is not forgotten"):
            self._call_log.remove(item)
        with log_failure("progress is not deleted"):
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._containers.delete_progress(item)

    async def _poll_progress(self, item: WorkItem) -> None:
        while True:
            with log_failure("progress is not known"):
                await self._fetch_progress(item)
            await asyncio.sleep(POLL_SECONDS)

    async def _fetch_progress(self, item: WorkItem) -> None:
        """Report how far *item* is, and store the segments of it that are ready."""
        progress = await self._containers.get_progress(item)
        if progress is None:
            return
        self._warm_up.begin(item)
        for name in progress.ready:
            if not (self._folder / name).exists():
                self._store(name, await self._containers.get_segment(item, name))
        frames = item.plan.frames
        self.progress_sum.add(item.plan, Progress("mattes", min(progress.done, frames), frames, 0))

    def _store(self, name: str, content: bytes) -> None:
        with atomic_write(self._folder / name) as part, translate_output_errors():
            part.write_bytes(content)


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
        self._waiting = {item.key for item in items}
        self._report(self._cold_start)

    def begin(self, item: WorkItem) -> None:
        """Note that a container makes *item*; the first one of all ends the cold start."""
        if item.key not in self._waiting:
            return
        self._waiting.remove(item.key)
        if not self._working:
            self._report(self._last_progress)
        self._working.add(item.key)

    def end(self, item: WorkItem) -> None:
        """Note that *item* is made, or will not be."""
        self._waiting.discard(item.key)
        self._working.discard(item.key)
        if self._waiting and not self._working:
            self._report(self._cold_start)


async def end_loop(task: asyncio.Task[None]) -> None:
    """Cancel a task that never ends by itself, until it has ended.

    Once is not always enough: where a request fails at the moment in which it is cancelled, Modal's
    client raises the failure, and the cancellation is lost.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=POLL_SECONDS / 10)  # it pauses between requests


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
