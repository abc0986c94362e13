"""Jobs of the service: a backend makes the mattes of a clip for a client, segment by segment."""

import asyncio
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from backends.base import ColdStart, CostIncurred, Event, OverlayBackend
from backends.errors import BackendUnavailable, FailureKind
from backends.remote.schemas import (
    MatteJobFailure,
    MatteJobRequest,
    MatteJobResponse,
    MatteJobState,
)
from backends.server.errors import create_job_failure
from settings import ServiceSettings
from video_editing.contract.atomic_file import atomic_write
from video_editing.contract.errors import OutputFailed
from video_editing.contract.plan import Plan, find_missing_segments
from video_editing.contract.progress import Progress

REQUEST_FILE = "job.json"  #: in the folder of a job
SECONDS_FILE = "seconds"  #: in it, too: how long the device worked on the job
ACTIVE_FILE = "active"  #: is there, too, while the job runs or waits


class UnknownClip(Exception):
    """The clip was not uploaded, or has been removed."""


class JobConflict(Exception):
    """The job of this id has another clip or plan."""


class JobQueueFull(Exception):
    """Too many jobs run or wait."""


@dataclass
class ServerJob:
    """One job and its state."""

    id: str
    request: MatteJobRequest
    folder: Path  #: of its segments
    state: MatteJobState = MatteJobState.QUEUED
    is_warming_up: bool = False  #: whether it is queued because the backend's device starts
    done: int = 0  #: frames
    fps: float = 0
    device_seconds: float = 0  #: for which the device worked, all runs together
    failure: MatteJobFailure | None = None
    last_access: float = field(default_factory=time.monotonic)  #: on the monotonic clock
    task: asyncio.Task[None] | None = None
    is_stopping: bool = False  #: whether *task* is cancelled and has not ended yet

    async def wait_until_stopped(self) -> None:
        """Wait for the end of the current task; a task that starts after it is left alone."""
        task = self.task
        if task is None:
            return
        await asyncio.wait([task])
        if self.task is task:  # cancelled before its first step, so it could not clear itself
            self.task, self.is_stopping = None, False
            self.state = MatteJobState.CANCELLED

    def record_event(self, event: Event) -> None:
        """Update the state from an event of the backend."""
        match event:
            case ColdStart():
                self.state, self.is_warming_up = MatteJobState.QUEUED, True
            case Progress(stage="mattes"):
                self.state, self.is_warming_up = MatteJobState.RUNNING, False
                self.done, self.fps = event.done, event.fps
            case CostIncurred():
                self.device_seconds += event.seconds
                with suppress(OSError, OutputFailed):  # only a restart would miss them
                    self.store_device_seconds()

    def store_device_seconds(self) -> None:
        """Store them for a later process.

        Raises:
            OutputFailed, OSError: this is not possible.
        """
        with atomic_write(self.folder / SECONDS_FILE) as part:
            part.write_text(str(self.device_seconds))

    def list_ready(self) -> list[int]:
        """Return the indices of the segments that are complete."""
        missing_segments = set(find_missing_segments(self.request.plan, self.folder))
        return [
            segment.index
            for segment in self.request.plan.segments
            if segment not in missing_segments
        ]

    def to_response(self) -> MatteJobResponse:
        """Return the job as the client receives it."""
        return MatteJobResponse(
            job_id=self.id,
            input=self.request.input,
            state=self.state,
            done=self.done,
            total=sum(segment.frames for segment in self.request.plan.segments),
            fps=self.fps,
            ready=self.list_ready(),
            is_warming_up=self.is_warming_up,
            device_seconds=self.device_seconds,
            failure=self.failure,
        )


class JobStore:
    """All jobs; those of an earlier process are found on disk by their id."""

    def __init__(
        self,
        folder: Path,
        backend: OverlayBackend,
        settings: ServiceSettings,
        slots: asyncio.Semaphore,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._backend, self._settings, self._slots = folder, backend, settings, slots
        self._jobs: dict[str, ServerJob] = {}
        self._is_closing = False

    def resume(self, get_clip: Callable[[str], Path]) -> None:
        """Continue the jobs of an earlier process that had not ended and have time left.

        Args:
            get_clip: returns the path of the clip with a digest, which need not exist.
        """
        for path in self._folder.glob(f"*/{ACTIVE_FILE}"):
            job = self._load(path.parent.name)
            has_time = time.time() - path.stat().st_mtime < self._settings.max_job_seconds
            is_open = job is not None and job.state is not MatteJobState.DONE
            if job and has_time and is_open and (clip := get_clip(job.request.input)).exists():
                self._run_in_background(job, clip)
            else:
                path.unlink()

    async def submit(self, job_id: str, request: MatteJobRequest, clip: Path) -> ServerJob:
        """Start the job or continue it; a second call while it runs changes nothing.

        A job that is being cancelled is started again after its end.

        Raises:
            UnknownClip: *clip* does not exist.
            JobConflict: the job of this id has another clip or plan.
            JobQueueFull: too many jobs run or wait.
            OutputFailed: the disk is full.
        """
        while (job := self.get(job_id) or self._create(job_id, request)).is_stopping:
            await job.wait_until_stopped()
        if not _covers(job.request, request):
            raise JobConflict
        if job.task is None and job.state is not MatteJobState.DONE:
            self._start(job, clip)
        return job

    def _start(self, job: ServerJob, clip: Path) -> None:
        if not clip.exists():
            raise UnknownClip
        if sum(other.task is not None for other in self._jobs.values()) >= self._settings.max_jobs:
            raise JobQueueFull
        self._persist(job)
        (job.folder / ACTIVE_FILE).touch()
        self._run_in_background(job, clip)

    def _run_in_background(self, job: ServerJob, clip: Path) -> None:
        job.state, job.failure = MatteJobState.QUEUED, None
        job.task = asyncio.create_task(self._run(job, clip), name=f"job {job.id}")

    def _create(self, job_id: str, request: MatteJobRequest) -> ServerJob:
        folder = self._folder / job_id
        shutil.rmtree(folder, ignore_errors=True)  # of a job whose request cannot be read
        return ServerJob(job_id, request, folder)

    def _load(self, job_id: str) -> ServerJob | None:
        """Return the job as an earlier process left it: done, or interrupted."""
        folder = self._folder / job_id
        try:
            request = MatteJobRequest.model_validate_json((folder / REQUEST_FILE).read_bytes())
        except (OSError, ValueError):
            return None
        missing_segments = find_missing_segments(request.plan, folder)
        job = self._jobs[job_id] = ServerJob(
            job_id,
            request,
            folder,
            MatteJobState.CANCELLED if missing_segments else MatteJobState.DONE,
            done=request.plan.frames - sum(segment.frames for segment in missing_segments),
            device_seconds=_read_seconds(folder / SECONDS_FILE),
        )
        return job

    def _persist(self, job: ServerJob) -> None:
        job.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(job.folder / REQUEST_FILE) as part:
            part.write_text(job.request.model_dump_json())
        self._jobs[job.id] = job

    def get(self, job_id: str) -> ServerJob | None:
        """Return the job, or None if there is none; this delays its expiry."""
        job = self._jobs.get(job_id) or self._load(job_id)
        if job is not None:
            job.last_access = time.monotonic()
        return job

    async def cancel(self, job: ServerJob) -> None:
        """Cancel the work on *job*, and wait for its end; complete segments stay."""
        if job.task is not None and not job.is_stopping:
            job.is_stopping = True
            job.task.cancel()
        await job.wait_until_stopped()
        self._mark_ended(job)

    async def delete(self, job: ServerJob) -> None:
        """Cancel *job* and remove it with its segments."""
        while job.task is not None:  # a client may start it again while it stops
            await self.cancel(job)
        if self._jobs.get(job.id) is job:  # not a new job of that id
            del self._jobs[job.id]
            shutil.rmtree(job.folder, ignore_errors=True)

    def list_active_clips(self) -> set[str]:
        """Return the digests of the clips that jobs in progress use."""
        return {job.request.input for job in self._jobs.values() if job.task is not None}

    async def expire(self, seconds: float) -> None:
        """Delete the jobs that no client used for *seconds*, also those of earlier processes."""
        for job in list(self._jobs.values()):
            if time.monotonic() - job.last_access > seconds:
                await self.delete(job)
        for folder in self._folder.iterdir():
            if folder.name not in self._jobs and time.time() - folder.stat().st_mtime > seconds:
                shutil.rmtree(folder, ignore_errors=True)

    async def close(self) -> None:
        """Stop all jobs, which :meth:`resume` of a later process continues."""
        self._is_closing = True
        await asyncio.gather(*(self.cancel(job) for job in list(self._jobs.values())))

    async def _run(self, job: ServerJob, clip: Path) -> None:
        try:
            async with self._slots:
                job.state = MatteJobState.RUNNING
                await self._make(job, clip)
        except asyncio.CancelledError:
            job.state = MatteJobState.CANCELLED
        except Exception as err:  # noqa: BLE001 - a bug must end the job, not leave it "running" for ever
            job.state, job.failure = MatteJobState.FAILED, create_job_failure(err)
        else:
            job.state = MatteJobState.DONE
        finally:
            job.task, job.is_stopping, job.is_warming_up = None, False, False
            self._mark_ended(job)

    def _mark_ended(self, job: ServerJob) -> None:
        if job.task is None and not self._is_closing:
            (job.folder / ACTIVE_FILE).unlink(missing_ok=True)

    async def _make(self, job: ServerJob, clip: Path) -> None:
        async with asyncio.timeout(self._settings.max_job_seconds):
            await self._backend.make_mattes(clip, job.request.plan, job.folder, job.record_event)
        if find_missing_segments(job.request.plan, job.folder):
            raise BackendUnavailable(self._backend.name, FailureKind.BROKEN, "segments are missing")


def _covers(stored: MatteJobRequest, requested: MatteJobRequest) -> bool:
    """Return whether *requested* is the work of *stored*, with the same segments or fewer."""
    is_same_plan = _drop_segments(stored.plan) == _drop_segments(requested.plan)
    is_subset = set(requested.plan.segments) <= set(stored.plan.segments)
    return stored.input == requested.input and is_same_plan and is_subset


def _read_seconds(path: Path) -> float:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return 0


def _drop_segments(plan: Plan) -> Plan:
    return plan.model_copy(update={"segments": ()})
