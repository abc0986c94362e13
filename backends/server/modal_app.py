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
from backends.factory import chosen
from backends.server.app import command, create_app, fetch_limits, hosting
from backends.server.clip_store import guarded
from backends.server.errors import failure
from backends.server.modal_backend import Made, ModalWorkers, Stretch
from settings import Settings
from video_editing.contract.plan import missing
from video_editing.contract.progress import Progress

PROJECT = Path(__file__).parents[2]
WEIGHTS = "/weights"
SERVICE = "/service"
CLIPS = f"{SERVICE}/clips"  #: where the door keeps clips, which the GPUs see as well
LONGEST = 3600  #: seconds of one stretch

settings = Settings()
app = modal.App("overlaybot")
weights = modal.Volume.from_name("overlaybot-weights", create_if_missing=True)
clips = modal.Volume.from_name("overlaybot-clips", create_if_missing=True)
progress = modal.Dict.from_name("overlaybot-progress", create_if_missing=True)
key = modal.Secret.from_name("overlay-service", required_keys=["OVERLAY_TOKEN"])
image = (
    modal.Image.debian_slim(python_version="3.11")
    .uv_sync(str(PROJECT), extras=["gpu"], extra_options="--no-group cpu --no-group dev")
    .env({"U2NET_HOME": WEIGHTS, "SERVICE_DIR": SERVICE})
    .add_local_python_source("backends", "settings", "video_editing")
)


@app.cls(
    image=image,
    gpu=list(settings.modal.gpus),
    volumes={WEIGHTS: weights, CLIPS: clips},
    min_containers=settings.modal.min_containers,
    max_containers=settings.modal.max_containers,
    scaledown_window=settings.modal.scaledown_window,
    timeout=LONGEST,
    retries=1,
)
class Worker:
    """A container with a GPU; one stretch at a time."""

    @modal.enter()
    def load(self) -> None:
        """Fetch the weights if need be and look once: a broken GPU shows before any work does."""
        self.place = asyncio.run(chosen(settings.service.place, settings))

    @modal.method()
    def ready(self) -> str:
        """The name of the place that is ready to work in this container."""
        return self.place.name

    @modal.method()
    def make(self, stretch: Stretch) -> Made:
        """The mattes of one stretch."""
        if not modal.is_local():
            clips.reload()
        return asyncio.run(self._made(stretch, settings.service.folder / "clips" / stretch.clip))

    async def _made(self, stretch: Stretch, clip: Path) -> Made:
        began, failed = time.monotonic(), None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            try:
                await self.place.make_mattes(clip, stretch.plan, folder, partial(tell, stretch.key))
            except Exception as err:  # noqa: BLE001 - our exceptions do not survive Modal's pickling
                failed = failure(err)
            lacking = missing(stretch.plan, folder)
            names = [s.name for s in stretch.plan.segments if s not in lacking]
            segments = {name: (folder / name).read_bytes() for name in names}
        return Made(segments, time.monotonic() - began, failed)


def tell(key: str, event: Event) -> None:
    """Tell the door how many frames are done."""
    if isinstance(event, Progress) and not modal.is_local():
        progress[key] = event.done


def spread(stretches: Sequence[Stretch]) -> AsyncIterator[Made]:
    """Send each stretch to a container."""
    answers: AsyncIterator[Made] = Worker().make.map.aio(stretches, order_outputs=False)
    return answers


async def told(key: str) -> int:
    """How many frames a container has done."""
    return int(await progress.get.aio(key, 0))


@app.function(
    image=image,
    volumes={CLIPS: clips},
    secrets=[key],
    cpu=4,
    memory=4096,
    max_containers=1,  # jobs are known to the container that began them
    scaledown_window=settings.modal.scaledown_window,
    timeout=LONGEST,
)
@modal.concurrent(max_inputs=200)
@modal.asgi_app(requires_proxy_auth=True)
def door() -> FastAPI:
    """The service's application, as on any machine, with the containers as its place of work."""
    containers = settings.modal.max_containers
    backend = ModalWorkers(spread, told, clips.commit.aio, containers=containers)
    return create_app(
        settings.service,
        backend,
        command("modal", settings),
        guarded(fetch_limits(settings)),
        hosting(settings),
    )


@app.local_entrypoint()
def try_out() -> None:
    """Let one GPU look at an empty picture, and say how long it took to get there."""
    began = time.monotonic()
    place = Worker().ready.remote()
    print(f"{place} was ready after {time.monotonic() - began:.0f} s")  # noqa: T201 - for people
