"""Overlays asked for by link: fetched, matted by the backend, cut by a child, kept for a while."""

import asyncio
import secrets
import shutil
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from backends.base import Event, OverlayBackend
from backends.local.video_cli import VideoCli
from backends.server.clip_store import LinkFetcher
from backends.server.errors import describe_for_client
from backends.server.jobs import JobQueueFull
from backends.server.overlay_request import OverlayRequest
from backends.shotstack.hosting import ShotstackHosting
from settings import ServiceSettings
from video_editing.contract.plan import Plan, read_plan


@dataclass
class OverlayJob:
    """One overlay, and what is known of it."""

    id: str
    path: Path
    started_at: float = field(default_factory=time.monotonic)
    processing_seconds: float = 0  #: seconds, once it is there
    duration: float = 0  #: seconds of the overlay
    url: str | None = field(default=None, repr=False)  #: elsewhere, if it lies there too
    reason: str | None = None  #: why there is none,
    error: str = ""  #: and the same as a sentence
    task: asyncio.Task[None] | None = None


class OverlayStore:
    """All overlays of this process."""

    def __init__(
        self,
        folder: Path,
        backend: OverlayBackend,
        video_cli: VideoCli,
        fetch_link: LinkFetcher,
        settings: ServiceSettings,
        slots: asyncio.Semaphore,
        hosting: ShotstackHosting | None = None,
    ) -> None:
        shutil.rmtree(folder, ignore_errors=True)  # nobody can ask for an earlier process's
        folder.mkdir(parents=True)
        self._folder, self._backend, self._video_cli = folder, backend, video_cli
        self._fetch_link, self._settings, self._slots = fetch_link, settings, slots
        self._hosting = hosting
        self._overlays: dict[str, OverlayJob] = {}

    def start(self, request: OverlayRequest) -> OverlayJob:
        """Begin to make an overlay.

        Raises:
            Full: come back later.
        """
        if sum(o.task is not None for o in self._overlays.values()) >= self._settings.max_jobs:
            raise JobQueueFull
        folder = self._folder / secrets.token_hex(16)
        overlay = OverlayJob(folder.name, folder / f"overlay.{request.container}")
        self._overlays[overlay.id] = overlay
        overlay.task = asyncio.create_task(
            self._run(overlay, request), name=f"overlay {folder.name}"
        )
        return overlay

    def get(self, overlay_id: str) -> OverlayJob | None:
        """The overlay that was begun under this name."""
        return self._overlays.get(overlay_id)

    async def expire(self, seconds: float) -> None:
        """Forget the overlays that are older."""
        for overlay in list(self._overlays.values()):
            if (
                overlay.task is None
                and time.monotonic() - overlay.started_at - overlay.processing_seconds > seconds
            ):
                del self._overlays[overlay.id]
                shutil.rmtree(overlay.path.parent, ignore_errors=True)
        if self._hosting is not None:
            await self._hosting.remove_older_than(seconds)

    async def close(self) -> None:
        """Stop all work and forget all overlays."""
        tasks = [o.task for o in self._overlays.values() if o.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _run(self, overlay: OverlayJob, request: OverlayRequest) -> None:
        try:
            async with asyncio.timeout(self._settings.max_job_seconds):
                await self._make(overlay, request)
        except Exception as err:  # noqa: BLE001 - a bug of ours must not leave it running forever
            overlay.reason, overlay.error = describe_for_client(err)
        finally:
            overlay.processing_seconds = time.monotonic() - overlay.started_at
            overlay.task = None

    async def _make(self, overlay: OverlayJob, request: OverlayRequest) -> None:
        folder = overlay.path.parent
        folder.mkdir()
        clip, mattes = folder / "clip", folder / "mattes"
        try:
            await self._fetch_link(request.video_url, clip)
            async with self._slots:
                overlay.duration = await self._cut(clip, mattes, request, overlay.path)
        finally:
            clip.unlink(missing_ok=True)
            shutil.rmtree(mattes, ignore_errors=True)
        if self._hosting is not None:
            overlay.url = await self._hosting.upload(overlay.id, overlay.path)

    async def _cut(self, clip: Path, mattes: Path, request: OverlayRequest, path: Path) -> float:
        """Make the overlay under *path*; tells its seconds."""
        planning = ["matte", str(clip), "--segments", str(mattes), "--plan-only"]
        await self._video_cli.run(*planning, *request.build_engine_options(), report=_ignore_event)
        plan = read_plan(mattes)
        await self._backend.make_mattes(clip, plan, mattes, _ignore_event)
        cutting = ["cut", str(clip), "--matte", str(mattes), "-o", str(path), "--progress=json"]
        await self._video_cli.run(*cutting, *request.build_cut_options(), report=_ignore_event)
        return compute_duration(plan)


def compute_duration(plan: Plan) -> float:
    """How long the clip is, its last frame lasting as long as the others do on average."""
    frames = sum(segment.frames for segment in plan.segments)
    ticks = plan.segments[-1].end - 1 - plan.segments[0].start
    return float(Fraction(*plan.timebase) * ticks * Fraction(frames, max(1, frames - 1)))


def _ignore_event(_: Event) -> None:
    """Nobody is told how far an overlay is."""
