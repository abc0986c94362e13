"""Jobs of the service: mattes that a backend makes for clients, segment by segment."""

import asyncio
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from backends.base import Event, OverlayBackend, Spent
from backends.errors import BackendUnavailable, Why
from backends.remote.schemas import Failure, JobAnswer, JobRequest, State
from backends.server.errors import failure
from settings import Service
from video_editing.contract.atomic_file import whole
from video_editing.contract.plan import Plan, missing
from video_editing.contract.progress import Progress

REQUEST = "job.json"  #: what a job's folder was asked for


class UnknownClip(Exception):  # noqa: N818
    """The clip was never uploaded, or is gone."""


class OtherWork(Exception):  # noqa: N818
    """There is a job of this name for other work."""


class Full(Exception):  # noqa: N818
    """Too many jobs are waiting."""


@dataclass
class Job:
    """One job, and what is known of it."""

    id: str
    request: JobRequest
    folder: Path  #: of its segments
    state: State = State.QUEUED
    done: int = 0
    fps: float = 0
    device_seconds: float = 0
    failure: Failure | None = None
    touched: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None

    def heard(self, event: Event) -> None:
        """Take note of what the backend tells."""
        match event:
            case Progress(stage="mattes"):
                self.done, self.fps = event.done, event.fps
            case Spent():
                self.device_seconds += event.seconds

    def ready(self) -> list[int]:
        """Indices of the segments that are there."""
        lacking = set(missing(self.request.plan, self.folder))
        return [segment.index for segment in self.request.plan.segments if segment not in lacking]

    def answer(self) -> JobAnswer:
        """What the client is told."""
        return JobAnswer(
            job_id=self.id,
            input=self.request.input,
            state=self.state,
            done=self.done,
            total=sum(segment.frames for segment in self.request.plan.segments),
            fps=self.fps,
            ready=self.ready(),
            device_seconds=self.device_seconds,
            failure=self.failure,
        )


class Jobs:
    """All jobs of this process; their segments stay on disk and are found again by a job's id."""

    def __init__(
        self,
        folder: Path,
        backend: OverlayBackend,
        settings: Service,
        slots: asyncio.Semaphore,
    ) -> None:
        self._folder, self._backend, self._settings, self._slots = folder, backend, settings, slots
        self._jobs: dict[str, Job] = {}

    def submit(self, job_id: str, request: JobRequest, clip: Path) -> Job:
        """Start a job, or go on with it; asked twice it runs once.

        Raises:
            UnknownClip: *clip* is not there.
            OtherWork: the job's name is taken.
            Full: come back later.
        """
        job = self._jobs.get(job_id) or self._found(job_id, request)
        if not _covers(job.request, request):
            raise OtherWork
        if job.task is not None or job.state is State.DONE:
            return job
        if not clip.exists():
            raise UnknownClip
        if sum(other.task is not None for other in self._jobs.values()) >= self._settings.waiting:
            raise Full
        self._keep(job)
        job.state, job.failure = State.QUEUED, None
        job.task = asyncio.create_task(self._run(job, clip), name=f"job {job_id}")
        return job

    def _found(self, job_id: str, request: JobRequest) -> Job:
        """The job as an earlier process left it, or a new one."""
        folder = self._folder / job_id
        try:
            kept = JobRequest.model_validate_json((folder / REQUEST).read_bytes())
        except (OSError, ValueError):
            shutil.rmtree(folder, ignore_errors=True)
            kept = request
        return Job(job_id, kept, folder)

    def _keep(self, job: Job) -> None:
        job.folder.mkdir(parents=True, exist_ok=True)
        with whole(job.folder / REQUEST) as part:
            part.write_text(job.request.model_dump_json())
        self._jobs[job.id] = job

    def get(self, job_id: str) -> Job | None:
        """The job, if there is one; who asks wants it kept a while longer."""
        job = self._jobs.get(job_id)
        if job is not None:
            job.touched = time.monotonic()
        return job

    async def cancel(self, job: Job) -> None:
        """Stop the work on *job*; what is ready stays."""
        if job.task is None:
            return
        job.task.cancel()
        await asyncio.wait([job.task])
        job.task = None
        if job.state in {State.QUEUED, State.RUNNING}:  # it was stopped before its first step
            job.state = State.CANCELLED

    async def delete(self, job: Job) -> None:
        """Stop *job* and forget all of it."""
        while job.task is not None:  # somebody may ask for it again while it stops
            await self.cancel(job)
        self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def inputs(self) -> set[str]:
        """The clips that jobs are at work on."""
        return {job.request.input for job in self._jobs.values() if job.task is not None}

    async def expire(self, seconds: float) -> None:
        """Delete the jobs that nobody asked about for *seconds*, also an earlier process's."""
        for job in list(self._jobs.values()):
            if time.monotonic() - job.touched > seconds:
                await self.delete(job)
        for folder in self._folder.iterdir():
            if folder.name not in self._jobs and time.time() - folder.stat().st_mtime > seconds:
                shutil.rmtree(folder, ignore_errors=True)

    async def close(self) -> None:
        """Stop all work."""
        await asyncio.gather(*(self.cancel(job) for job in list(self._jobs.values())))

    async def _run(self, job: Job, clip: Path) -> None:
        try:
            async with self._slots:
                job.state = State.RUNNING
                await self._make(job, clip)
        except asyncio.CancelledError:
            job.state = State.CANCELLED
        except Exception as err:  # noqa: BLE001 - a bug of ours must not leave a job running forever
            job.state, job.failure = State.FAILED, failure(err)
        else:
            job.state = State.DONE
        finally:
            job.task = None

    async def _make(self, job: Job, clip: Path) -> None:
        async with asyncio.timeout(self._settings.job_seconds):
            await self._backend.make_mattes(clip, job.request.plan, job.folder, job.heard)
        if missing(job.request.plan, job.folder):
            raise BackendUnavailable(self._backend.name, Why.BROKEN, "segments are missing")


def _covers(kept: JobRequest, asked: JobRequest) -> bool:
    """Whether *asked* is the same work as *kept*, with the same segments or fewer."""
    same = _without_segments(kept.plan) == _without_segments(asked.plan)
    fewer = set(asked.plan.segments) <= set(kept.plan.segments)
    return kept.input == asked.input and same and fewer


def _without_segments(plan: Plan) -> Plan:
    return plan.model_copy(update={"segments": ()})
