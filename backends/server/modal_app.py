"""The service at Modal: one container with the HTTP API, and containers with GPUs on demand.

``modal deploy -m backends.server.modal_app`` deploys it; ``modal run -m`` with the same module
checks one GPU. Modal needs a proxy token for clients, and a secret named overlay-service with the
OVERLAY_TOKEN that the API requires as well.
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
from backends.server.app import create_app, create_dependencies
from backends.server.errors import create_job_failure
from backends.server.modal_backend import ModalBackend, WorkItem, WorkResult
from settings import Settings
from video_editing.contract.plan import find_missing_segments
from video_editing.contract.progress import Progress

PROJECT = Path(__file__).parents[2]
WEIGHTS_FOLDER = "/weights"
SERVICE_FOLDER = "/service"
CLIPS_FOLDER = f"{SERVICE_FOLDER}/clips"  #: written by the API's container, read by the workers
MAX_SECONDS = 3600  #: of one work item

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
    """A container with a GPU, which processes one work item at a time."""

    @modal.enter()
    def load(self) -> None:
        """Download missing weights and check the GPU, so that a broken one fails at once."""
        self.backend = asyncio.run(create_backend(settings.service.backend, settings))

    @modal.method()
    def get_backend_name(self) -> str:
        """Return the name of the backend in this container, which has passed its check."""
        return self.backend.name

    @modal.method()
    def make_mattes(self, item: WorkItem) -> WorkResult:
        """Make the mattes of one work item."""
        if not modal.is_local():
            clips.reload()
        return asyncio.run(self._make_mattes(item, settings.service.folder / "clips" / item.clip))

    async def _make_mattes(self, item: WorkItem, clip: Path) -> WorkResult:
        started, failure = time.monotonic(), None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            try:
                await self.backend.make_mattes(
                    clip, item.plan, folder, partial(report_progress, item.progress_key)
                )
            except Exception as err:  # noqa: BLE001 - exceptions of ours do not survive Modal's pickling
                failure = create_job_failure(err)
            missing = find_missing_segments(item.plan, folder)
            names = [s.file_name for s in item.plan.segments if s not in missing]
            segments = {name: (folder / name).read_bytes() for name in names}
        return WorkResult(segments, time.monotonic() - started, failure)


def report_progress(key: str, event: Event) -> None:
    """Store how many frames are done, for the API's container."""
    if isinstance(event, Progress) and not modal.is_local():
        progress[key] = event.done


def map_workers(items: Sequence[WorkItem]) -> AsyncIterator[WorkResult]:
    """Yield the result of each work item as a container finishes it."""
    results: AsyncIterator[WorkResult] = Worker().make_mattes.map.aio(items, order_outputs=False)
    return results


async def get_progress(key: str) -> int:
    """Return how many frames of a work item are done."""
    return int(await progress.get.aio(key, 0))


@app.function(
    name="door",  # part of the address that clients use
    image=image,
    volumes={CLIPS_FOLDER: clips},
    secrets=[service_secret],
    cpu=4,
    memory=4096,
    max_containers=1,  # a job is known only to the container that started it
    scaledown_window=settings.modal.scaledown_window,
    timeout=MAX_SECONDS,
)
@modal.concurrent(max_inputs=200)
@modal.asgi_app(requires_proxy_auth=True)
def create_api() -> FastAPI:
    """Return the service's application, with the GPU containers as its backend."""
    containers = settings.modal.max_containers
    backend = ModalBackend(map_workers, get_progress, clips.commit.aio, max_containers=containers)
    return create_app(settings.service, create_dependencies(backend, backend.name, settings))


@app.local_entrypoint()
def smoke_test() -> None:
    """Check one GPU, and print how long its container took to get ready."""
    started = time.monotonic()
    backend = Worker().get_backend_name.remote()
    print(f"{backend} was ready after {time.monotonic() - started:.0f} s")  # noqa: T201 - the output of a command
