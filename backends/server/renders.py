"""Renders of the service: a client's clip, mattes and background become a finished video."""

import asyncio
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from backends.base import Event
from backends.remote.render_schemas import (
    MatteBundle,
    RenderedFile,
    RenderJobRequest,
    RenderJobResponse,
    RenderState,
)
from backends.remote.schemas import MatteJobFailure
from backends.rendering.base import Renderer, RenderRequest
from backends.server.clip_store import ClipStore
from backends.server.errors import create_job_failure
from backends.server.jobs import JobConflict, JobQueueFull, UnknownClip
from settings import ServiceSettings
from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import write_plan
from video_editing.contract.progress import Progress

REQUEST_FILE, RESULT_FILE = "render.json", "result.json"  #: in the folder of a render
COPY_BYTES = 1 << 20  #: of a bundle, copied at a time
NOT_STARTED = Progress("", 0, 0, 0)


@dataclass
class ServerRender:
    """One render and its state."""

    id: str
    request: RenderJobRequest
    folder: Path
    state: RenderState = RenderState.QUEUED
    progress: Progress = NOT_STARTED
    result: RenderedFile | None = None
    failure: MatteJobFailure | None = None
    last_access: float = field(default_factory=time.monotonic)  #: on the monotonic clock
    task: asyncio.Task[None] | None = None
    is_stopping: bool = False  #: whether *task* is cancelled and has not ended yet

    async def wait_until_stopped(self) -> None:
        """Wait for the end of the current task; a task that starts after it is left alone."""
        if (task := self.task) is None:
            return
        await asyncio.wait([task])
        if self.task is task:  # cancelled before its first step, so it could not clear itself
            self.task, self.is_stopping, self.state = None, False, RenderState.CANCELLED

    @property
    def result_path(self) -> Path:
        """The path of the finished video."""
        return self.folder / f"result{self.request.form.suffix}"

    def record_event(self, event: Event) -> None:
        """Update the progress from an event of the renderer."""
        if isinstance(event, Progress):
            self.progress = event

    def to_response(self) -> RenderJobResponse:
        """Return the render as the client receives it."""
        return RenderJobResponse(
            job_id=self.id,
            input=self.request.input,
            state=self.state,
            done=self.progress.done,
            total=self.progress.total,
            fps=self.progress.fps,
            result=self.result,
            failure=self.failure,
        )


class RenderStore:
    """All renders of this process, and the finished ones of earlier processes."""

    def __init__(
        self, folder: Path, clips: ClipStore, renderer: Renderer, settings: ServiceSettings
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._clips, self._renderer = folder, clips, renderer
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.parallel_jobs)
        self._renders: dict[str, ServerRender] = {}

    async def submit(self, render_id: str, request: RenderJobRequest) -> ServerRender:
        """Start the render, unless it runs or is done; one that stops is started after its end.

        Raises:
            UnknownClip: a file that it needs is not uploaded.
            JobConflict: the render of this id is another one.
            JobQueueFull: too many renders run or wait.
            OutputFailed: the disk is full.
        """
        render = self.get(render_id) or ServerRender(render_id, request, self._folder / render_id)
        if render.request != request:
            raise JobConflict
        while render.is_stopping:
            await render.wait_until_stopped()
        if render.task is None and render.state is not RenderState.DONE:
            self._start(render)
        return render

    def get(self, render_id: str) -> ServerRender | None:
        """Return the render, or None if there is none; this delays its expiry."""
        render = self._renders.get(render_id) or self._load(render_id)
        if render is not None:
            render.last_access = time.monotonic()
        return render

    async def cancel(self, render: ServerRender) -> None:
        """Cancel the work on *render*, and wait for its end; a result stays."""
        if render.task is not None and not render.is_stopping:
            render.is_stopping = True
            render.task.cancel()
        await render.wait_until_stopped()

    async def delete(self, render: ServerRender) -> None:
        """Cancel *render* and remove it with its result."""
        self._renders.pop(render.id, None)
        await self.cancel(render)
        if render.id not in self._renders:  # a client may have started it again while it stopped
            await asyncio.to_thread(shutil.rmtree, render.folder, ignore_errors=True)

    def list_active_clips(self) -> set[str]:
        """Return the digests of the files that renders in progress use."""
        active = (render for render in self._renders.values() if render.task is not None)
        return {digest for render in active for digest in render.request.list_files()}

    async def expire(self, seconds: float) -> None:
        """Delete the renders that no client used for *seconds*, also those of earlier processes."""
        for render in list(self._renders.values()):
            if render.task is None and time.monotonic() - render.last_access > seconds:
                await self.delete(render)
        for folder in self._folder.iterdir():
            if folder.name not in self._renders and time.time() - folder.stat().st_mtime > seconds:
                shutil.rmtree(folder, ignore_errors=True)

    async def close(self) -> None:
        """Cancel all renders."""
        await asyncio.gather(*(self.cancel(render) for render in list(self._renders.values())))

    def _load(self, render_id: str) -> ServerRender | None:
        """Return the render as an earlier process finished it, if it did."""
        folder = self._folder / render_id
        try:
            request = RenderJobRequest.model_validate_json((folder / REQUEST_FILE).read_bytes())
            result = RenderedFile.model_validate_json((folder / RESULT_FILE).read_bytes())
        except (OSError, ValidationError):
            return None
        render = ServerRender(render_id, request, folder, RenderState.DONE, result=result)
        if not render.result_path.exists():
            return None
        self._renders[render_id] = render
        return render

    def _start(self, render: ServerRender) -> None:
        if not all(self._clips.get_path(digest).exists() for digest in render.request.list_files()):
            raise UnknownClip
        active = sum(other.task is not None for other in self._renders.values())
        if active >= self._settings.max_jobs:
            raise JobQueueFull
        shutil.rmtree(render.folder, ignore_errors=True)
        with translate_output_errors():
            render.folder.mkdir()
        _write_json(render.folder / REQUEST_FILE, render.request)
        self._renders[render.id] = render
        render.state, render.failure = RenderState.QUEUED, None
        render.task = asyncio.create_task(self._run(render), name=f"render {render.id}")

    async def _run(self, render: ServerRender) -> None:
        try:
            async with self._slots, asyncio.timeout(self._settings.max_job_seconds):
                render.state = RenderState.RUNNING
                await self._render(render)
        except asyncio.CancelledError:
            render.state = RenderState.CANCELLED
        except Exception as err:  # noqa: BLE001 - a bug must end the render, not leave it "running" for ever
            render.state, render.failure = RenderState.FAILED, create_job_failure(err)
        else:
            render.state = RenderState.DONE
        finally:
            render.task, render.is_stopping = None, False

    async def _render(self, render: ServerRender) -> None:
        mattes = render.folder / "mattes"
        if bundle := render.request.mattes:
            file = self._clips.get_path(bundle.input)
            await asyncio.to_thread(unpack_mattes, bundle, file, mattes)
        request = self._build_request(render.request, mattes if bundle else None)
        rendered = await self._renderer.render(request, render.result_path, render.record_event)
        await asyncio.to_thread(shutil.rmtree, mattes, ignore_errors=True)
        render.result = RenderedFile(
            size=render.result_path.stat().st_size,
            width=rendered.width,
            height=rendered.height,
            seconds=rendered.seconds,
        )
        _write_json(render.folder / RESULT_FILE, render.result)

    def _build_request(self, request: RenderJobRequest, mattes: Path | None) -> RenderRequest:
        background = request.background
        if request.background_file is not None:
            background = str(self._clips.get_path(request.background_file))
        return RenderRequest(
            self._clips.get_path(request.input),
            mattes,
            background,
            request.style,
            request.form,
            request.max_bytes,
            canvas=request.canvas,
            excerpt=request.excerpt,
            sound=request.sound,
        )


def unpack_mattes(bundle: MatteBundle, file: Path, folder: Path) -> None:
    """Write the plan and the segments of *bundle*, whose bytes are in *file*, into *folder*.

    Raises:
        InputRejected: BAD_MATTE, the file has another size than the segments together.
        OutputFailed: *folder* cannot be written to.
    """
    if file.stat().st_size != sum(bundle.sizes):
        raise InputRejected(RejectReason.BAD_MATTE, why="the bundle has another size")
    write_plan(bundle.plan, folder)
    with translate_output_errors(), file.open("rb") as source:
        for segment, size in zip(bundle.plan.segments, bundle.sizes, strict=True):
            with (folder / segment.file_name).open("wb") as target:
                _copy(source, target, size)


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    while size > 0 and (chunk := source.read(min(size, COPY_BYTES))):
        size -= target.write(chunk)


def _write_json(path: Path, value: RenderJobRequest | RenderedFile) -> None:
    with atomic_write(path) as part, translate_output_errors():
        part.write_text(value.model_dump_json())
