"""The service at Modal: one door, and GPUs behind it that come and go.

``modal deploy -m backends.server.modal_app`` puts it there; ``modal run`` with the same lets one
GPU look at an empty picture. Needed there: a proxy token for whoever asks, and a secret called
overlay-service with the OVERLAY_TOKEN that the door asks for as well.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import modal
from fastapi import FastAPI

from backends.base import Event
from backends.factory import create_backend
from backends.server.app import create_app, create_fetch_limits, create_hosting, create_video_cli
from backends.server.clip_store import create_link_fetcher
from backends.server.errors import create_job_failure
from backends.server.modal_backend import ModalBackend, WorkItem, WorkResult
from settings import Settings
from video_editing.contract.plan import find_missing_segments
from video_editing.contract.progress import Progress

PROJECT = Path(__file__).parents[2]
WEIGHTS_FOLDER = "/weights"
SERVICE_FOLDER = "/service"
CLIPS_FOLDER = f"{SERVICE_FOLDER}/clips"  #: where the door keeps clips, which the GPUs see as well
MAX_SECONDS = 3600  #: seconds of one stretch

settings = Settings()
app = modal.App("overlaybot")
weights = modal.Volume.from_name("overlaybot-weights", create_if_missing=True)
clips = modal.Volume.from_name("overlaybot-clips", create_if_missing=True)
progress = modal.Dict.from_name("overlaybot-progress", create_if_missing=True)
service_secret = modal.Secret.from_name("overlay-service", required_keys=["OVERLAY_TOKEN"])
image = (
    modal.Image.debian_slim(python_version="3.11")
    .uv_sync(str(PROJECT), extras=["gpu"], extra_options="--no-group cpu --no-group dev")
    .env({"U2NET_HOME": WEIGHTS_FOLDER, "SERVICE_DIR": SERVICE_FOLDER})
    .add_local_python_source("backends", "settings", "video_editing")
)


@app.cls(
    image=image,
    gpu=list(settings.modal.gpus),
    volumes={WEIGHTS_FOLDER: weights, CLIPS_FOLDER: clips},
    min_containers=settings.modal.min_containers,
    max_containers=settings.modal.max_containers,
    scaledown_window=settings.modal.scaledown_window,
    timeout=MAX_SECONDS,
    retries=1,
)
class Worker:
    """A container with a GPU; one stretch at a time."""

    @modal.enter()
    def load(self) -> None:
        """Fetch the weights if need be and look once: a broken GPU shows before any work does."""
        self.backend = asyncio.run(create_backend(settings.service.backend, settings))

    @modal.method()
    def get_backend_name(self) -> str:
        """The name of the place that is ready to work in this container."""
        return self.backend.name

    @modal.method()
    def make_mattes(self, item: WorkItem) -> WorkResult:
        """The mattes of one stretch."""
        if not modal.is_local():
            clips.reload()
        return asyncio.run(self._make_mattes(item, settings.service.folder / "clips" / item.clip))

    async def _make_mattes(self, item: WorkItem, clip: Path) -> WorkResult:
        began, failure = time.monotonic(), None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            try:
                await self.backend.make_mattes(
                    clip, item.plan, folder, partial(report_progress, item.progress_key)
                )
            except Exception as err:  # noqa: BLE001 - our exceptions do not survive Modal's pickling
                failure = create_job_failure(err)
            lacking = find_missing_segments(item.plan, folder)
            names = [s.file_name for s in item.plan.segments if s not in lacking]
            segments = {name: (folder / name).read_bytes() for name in names}
        return WorkResult(segments, time.monotonic() - began, failure)


def report_progress(key: str, event: Event) -> None:
    """Tell the door how many frames are done."""
    if isinstance(event, Progress) and not modal.is_local():
        progress[key] = event.done


def map_workers(items: Sequence[WorkItem]) -> AsyncIterator[WorkResult]:
    """Send each stretch to a container."""
    answers: AsyncIterator[WorkResult] = Worker().make_mattes.map.aio(items, order_outputs=False)
    return answers


async def get_progress(key: str) -> int:
    """How many frames a container has done."""
    return int(await progress.get.aio(key, 0))


@app.function(
    name="door",  # part of the address that clients have
    image=image,
    volumes={CLIPS_FOLDER: clips},
    secrets=[service_secret],
    cpu=4,
    memory=4096,
    max_containers=1,  # jobs are known to the container that began them
    scaledown_window=settings.modal.scaledown_window,
    timeout=MAX_SECONDS,
)
@modal.concurrent(max_inputs=200)
@modal.asgi_app(requires_proxy_auth=True)
def create_api() -> FastAPI:
    """The service's application, as on any machine, with the containers as its place of work."""
    containers = settings.modal.max_containers
    backend = ModalBackend(map_workers, get_progress, clips.commit.aio, max_containers=containers)
    return create_app(
        settings.service,
        backend,
        create_video_cli("modal", settings),
        create_link_fetcher(create_fetch_limits(settings)),
        create_hosting(settings),
    )


@app.local_entrypoint()
def smoke_test() -> None:
    """Let one GPU look at an empty picture, and say how long it took to get there."""
    began = time.monotonic()
    backend = Worker().get_backend_name.remote()
    print(f"{backend} was ready after {time.monotonic() - began:.0f} s")  # noqa: T201 - for people
