"""Overlays of clips behind links: download, mattes from the backend, cut, storage until expiry."""

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from backends.base import OverlayBackend
from backends.local.video_cli import VideoCli
from backends.rendering.base import Renderer
from backends.server.clip_store import LinkFetcher
from backends.server.errors import describe_for_client
from backends.server.jobs import JobQueueFull
from backends.server.overlay_request import OverlayRequest
from backends.shotstack.transfer import ShotstackHosting
from settings import ServiceSettings
from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.contract.errors import OutputFailed
from video_editing.contract.plan import Plan, read_plan
from video_editing.contract.progress import ignore

log = logging.getLogger(__name__)

STATE_FILE = "overlay.json"  #: in the folder of an overlay


async def do_nothing() -> None:
    """Return: on a disk, what is written is durable."""


@dataclass(frozen=True)
class ServiceDependencies:
    """What the service works with.

    Attributes:
        backend: makes the mattes.
        video_cli: plans segments and cuts overlays, in a child process.
        fetch_link: downloads the clip behind a link.
        renderer: makes finished videos.
        hosting: stores finished overlays; None: clients download them from the service.
        commit: makes what was written to the folder durable; raises OutputFailed.
        links_site: address of the app of :func:`create_link_app` in another process, to which
            links to overlays lead; None: they lead to the service itself.
        parallel_mattes: clips whose mattes *backend* makes at the same time, if it makes them on
            other machines; None: as many as the settings say, together with what is cut here.
        before_close: called before all work is stopped, which a later process continues.
    """

    backend: OverlayBackend
    video_cli: VideoCli
    fetch_link: LinkFetcher
    renderer: Renderer
    hosting: ShotstackHosting | None = None
    commit: Callable[[], Awaitable[None]] = do_nothing
    links_site: str | None = None
    parallel_mattes: int | None = None
    before_close: Callable[[], None] = lambda: None


class OverlayState(BaseModel):
    """What is stored of an overlay, in its folder.

    Attributes:
        container: kind of its file.
        request: what to do; None when it has ended, because a link may be secret.
        started_at, finished_at: in seconds since the epoch.
        duration: of the overlay, in seconds.
        url: at the hosting, if it is stored there.
        reason: why it failed,
        error: and the same as a sentence.
    """

    container: str
    request: OverlayRequest | None
    started_at: float
    finished_at: float | None = None
    duration: float = 0
    url: str | None = Field(default=None, repr=False)
    reason: str | None = None
    error: str = ""


@dataclass
class OverlayJob:
    """One overlay and its state."""

    folder: Path
    state: OverlayState
    task: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """Its name in requests."""
        return self.folder.name

    @property
    def path(self) -> Path:
        """The path of the finished overlay."""
        return self.folder / f"overlay.{self.state.container}"

    @property
    def processing_seconds(self) -> float:
        """The seconds from the request to the end, waiting and restarts included."""
        return (self.state.finished_at or time.time()) - self.state.started_at

    def save(self) -> None:
        """Store the state.

        Raises:
            OutputFailed: the disk is full.
        """
        with atomic_write(self.folder / STATE_FILE) as part, translate_output_errors():
            part.write_text(self.state.model_dump_json())


@dataclass(frozen=True)
class WorkSlots:
    """What may run at the same time.

    Attributes:
        mattes: clips whose mattes are made.
        cuts: overlays that this machine cuts; the same slots where it makes the mattes as well.
    """

    mattes: asyncio.Semaphore
    cuts: asyncio.Semaphore


class OverlayStore:
    """All overlays; a later process finishes what an earlier one has begun."""

    def __init__(
        self,
        folder: Path,
        dependencies: ServiceDependencies,
        settings: ServiceSettings,
        slots: WorkSlots,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._dependencies = folder, dependencies
        self._settings, self._slots = settings, slots
        self._overlays: dict[str, OverlayJob] = {}

    def resume(self) -> None:
        """Load the overlays of earlier processes, and continue with those that have not ended."""
        for folder in self._folder.iterdir():
            overlay = load_overlay(folder)
            if overlay is None:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            self._overlays[overlay.id] = overlay
            if overlay.state.finished_at is None:
                self._run_in_background(overlay)

    def start(self, request: OverlayRequest) -> OverlayJob:
        """Start making an overlay.

        Raises:
            JobQueueFull: too many overlays are in progress.
            OutputFailed: the disk is full.
        """
        active = [overlay for overlay in self._overlays.values() if overlay.task is not None]
        if len(active) >= self._settings.max_jobs:
            raise JobQueueFull
        state = OverlayState(container=request.container, request=request, started_at=time.time())
        overlay = OverlayJob(self._folder / secrets.token_hex(16), state)
        with translate_output_errors():
            overlay.folder.mkdir()
        overlay.save()
        self._overlays[overlay.id] = overlay
        self._run_in_background(overlay)
        return overlay

    def get(self, overlay_id: str) -> OverlayJob | None:
        """Return the overlay of this id, or None if there is none."""
        return self._overlays.get(overlay_id)

    def get_end_of_links(self, overlay: OverlayJob) -> float:
        """Return the time until which links to *overlay* may work, in seconds since the epoch."""
        finished_at = overlay.state.finished_at or time.time()
        return finished_at + self._settings.retention_seconds + self._settings.link_seconds

    async def expire(self, seconds: float) -> None:
        """Remove the overlays to which no link works any more.

        Those at the hosting are removed after *seconds*.
        """
        for overlay in list(self._overlays.values()):
            if overlay.task is None and time.time() > self.get_end_of_links(overlay):
                del self._overlays[overlay.id]
                shutil.rmtree(overlay.folder, ignore_errors=True)
        if self._dependencies.hosting is not None:
            await self._dependencies.hosting.remove_older_than(seconds)

    async def close(self) -> None:
        """Stop all work, which :meth:`resume` of a later process continues."""
        tasks = [o.task for o in self._overlays.values() if o.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run_in_background(self, overlay: OverlayJob) -> None:
        assert overlay.state.request is not None
        overlay.task = asyncio.create_task(
            self._run(overlay, overlay.state.request), name=f"overlay {overlay.id}"
        )

    async def _run(self, overlay: OverlayJob, request: OverlayRequest) -> None:
        state, seconds_left = overlay.state, self._settings.max_job_seconds
        try:
            async with asyncio.timeout(seconds_left - overlay.processing_seconds):
                await self._make(overlay, request)
        except Exception as err:  # noqa: BLE001 - a bug must end the overlay, not leave it "processing" for ever
            state.reason, state.error = describe_for_client(err)
        state.finished_at, state.request = time.time(), None
        try:
            overlay.save()
            await self._dependencies.commit()
        except OutputFailed as err:
            log.warning("an overlay is lost if the service stops: %s", err)
        finally:
            overlay.task = None

    async def _make(self, overlay: OverlayJob, request: OverlayRequest) -> None:
        folder, hosting = overlay.folder, self._dependencies.hosting
        clip, mattes = folder / "clip", folder / "mattes"
        if not clip.exists():  # else it is complete, from an earlier process
            await self._dependencies.fetch_link(request.video_url, clip)
        try:
            async with self._slots.mattes:
                plan = await self._make_mattes(clip, mattes, request)
            async with self._slots.cuts:
                await self._cut(clip, mattes, request, overlay.path)
        except Exception:
            _remove_inputs(clip, mattes)
            raise
        _remove_inputs(clip, mattes)
        overlay.state.duration = compute_duration(plan)
        if hosting is not None:
            overlay.state.url = await hosting.upload(overlay.id, overlay.path)

    async def _make_mattes(self, clip: Path, mattes: Path, request: OverlayRequest) -> Plan:
        arguments = ["matte", str(clip), "--segments", str(mattes), "--plan-only"]
        arguments += request.build_engine_options()
        await self._dependencies.video_cli.run(*arguments, report=ignore)
        plan = read_plan(mattes)
        await self._dependencies.backend.make_mattes(clip, plan, mattes, ignore)
        return plan

    async def _cut(self, clip: Path, mattes: Path, request: OverlayRequest, path: Path) -> None:
        arguments = ["cut", str(clip), "--matte", str(mattes), "-o", str(path), "--progress=json"]
        arguments += request.build_cut_options()
        await self._dependencies.video_cli.run(*arguments, report=ignore)


def load_overlay(folder: Path) -> OverlayJob | None:
    """Return the overlay in *folder* as an earlier process left it, or None."""
    try:
        state = OverlayState.model_validate_json((folder / STATE_FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    return OverlayJob(folder, state)


def _remove_inputs(clip: Path, mattes: Path) -> None:
    clip.unlink(missing_ok=True)
    shutil.rmtree(mattes, ignore_errors=True)


def compute_duration(plan: Plan) -> float:
    """Return the length of the clip in seconds.

    The last frame counts as long as the others on average: a plan contains when it begins, not
    when it ends.
    """
    frames = sum(segment.frames for segment in plan.segments)
    ticks = plan.segments[-1].end - 1 - plan.segments[0].start
    return float(Fraction(*plan.timebase) * ticks * Fraction(frames, max(1, frames - 1)))
