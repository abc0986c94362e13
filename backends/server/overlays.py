"""Overlays of clips behind links: download, mattes from the backend, cut, storage until expiry."""

import asyncio
import secrets
import shutil
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from backends.base import OverlayBackend
from backends.local.video_cli import VideoCli
from backends.rendering.base import Renderer
from backends.server.clip_store import LinkFetcher
from backends.server.errors import describe_for_client
from backends.server.jobs import JobQueueFull
from backends.server.overlay_request import OverlayRequest
from backends.shotstack.transfer import ShotstackHosting
from settings import ServiceSettings
from video_editing.contract.plan import Plan, read_plan
from video_editing.contract.progress import ignore


@dataclass(frozen=True)
class ServiceDependencies:
    """What the service works with.

    Attributes:
        backend: makes the mattes.
        video_cli: plans segments and cuts overlays, in a child process.
        fetch_link: downloads the clip behind a link.
        renderer: makes finished videos.
        hosting: stores finished overlays; None: clients download them from the service.
    """

    backend: OverlayBackend
    video_cli: VideoCli
    fetch_link: LinkFetcher
    renderer: Renderer
    hosting: ShotstackHosting | None = None


@dataclass
class OverlayJob:
    """One overlay and its state."""

    id: str
    path: Path
    started_at: float = field(default_factory=time.monotonic)  #: on the monotonic clock
    processing_seconds: float = 0  #: from the request to the end, waiting included
    duration: float = 0  #: of the overlay, in seconds
    url: str | None = field(default=None, repr=False)  #: at the hosting, if it is stored there
    reason: str | None = None  #: why it failed,
    error: str = ""  #: and the same as a sentence
    task: asyncio.Task[None] | None = None


class OverlayStore:
    """All overlays of this process."""

    def __init__(
        self,
        folder: Path,
        dependencies: ServiceDependencies,
        settings: ServiceSettings,
        slots: asyncio.Semaphore,
    ) -> None:
        shutil.rmtree(folder, ignore_errors=True)  # no client can name an earlier process's
        folder.mkdir(parents=True)
        self._folder, self._dependencies = folder, dependencies
        self._settings, self._slots = settings, slots
        self._overlays: dict[str, OverlayJob] = {}

    def start(self, request: OverlayRequest) -> OverlayJob:
        """Start making an overlay.

        Raises:
            JobQueueFull: too many overlays are in progress.
        """
        active = [overlay for overlay in self._overlays.values() if overlay.task is not None]
        if len(active) >= self._settings.max_jobs:
            raise JobQueueFull
        folder = self._folder / secrets.token_hex(16)
        overlay = OverlayJob(folder.name, folder / f"overlay.{request.container}")
        self._overlays[overlay.id] = overlay
        overlay.task = asyncio.create_task(
            self._run(overlay, request), name=f"overlay {folder.name}"
        )
        return overlay

    def get(self, overlay_id: str) -> OverlayJob | None:
        """Return the overlay of this id, or None if there is none."""
        return self._overlays.get(overlay_id)

    async def expire(self, seconds: float) -> None:
        """Remove the overlays that were finished more than *seconds* ago."""
        for overlay in list(self._overlays.values()):
            if (
                overlay.task is None
                and time.monotonic() - overlay.started_at - overlay.processing_seconds > seconds
            ):
                del self._overlays[overlay.id]
                shutil.rmtree(overlay.path.parent, ignore_errors=True)
        if self._dependencies.hosting is not None:
            await self._dependencies.hosting.remove_older_than(seconds)

    async def close(self) -> None:
        """Cancel all work and remove all overlays."""
        tasks = [o.task for o in self._overlays.values() if o.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _run(self, overlay: OverlayJob, request: OverlayRequest) -> None:
        try:
            async with asyncio.timeout(self._settings.max_job_seconds):
                await self._make(overlay, request)
        except Exception as err:  # noqa: BLE001 - a bug must end the overlay, not leave it "processing" for ever
            overlay.reason, overlay.error = describe_for_client(err)
        finally:
            overlay.processing_seconds = time.monotonic() - overlay.started_at
            overlay.task = None

    async def _make(self, overlay: OverlayJob, request: OverlayRequest) -> None:
        folder, hosting = overlay.path.parent, self._dependencies.hosting
        folder.mkdir()
        clip, mattes = folder / "clip", folder / "mattes"
        try:
            await self._dependencies.fetch_link(request.video_url, clip)
            async with self._slots:
                plan = await self._make_mattes(clip, mattes, request)
                await self._cut(clip, mattes, request, overlay.path)
            overlay.duration = compute_duration(plan)
        finally:
            clip.unlink(missing_ok=True)
            shutil.rmtree(mattes, ignore_errors=True)
        if hosting is not None:
            overlay.url = await hosting.upload(overlay.id, overlay.path)

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


def compute_duration(plan: Plan) -> float:
    """Return the length of the clip in seconds.

    The last frame counts as long as the others on average: a plan contains when it begins, not
    when it ends.
    """
    frames = sum(segment.frames for segment in plan.segments)
    ticks = plan.segments[-1].end - 1 - plan.segments[0].start
    return float(Fraction(*plan.timebase) * ticks * Fraction(frames, max(1, frames - 1)))
