"""The service at Modal: one container with the HTTP API, and containers with GPUs on demand.

``modal deploy -m backends.server.modal_app`` deploys it; ``modal run -m`` with the same module
checks one GPU. Modal needs a proxy token for clients, and a secret named overlay-service with the
OVERLAY_TOKEN that the API requires as well.
"""

import asyncio
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import modal
from fastapi import FastAPI
from pydantic import SecretStr

from backends.base import Event, OverlayBackend
from backends.factory import create_backend
from backends.server.app import create_app, create_dependencies, create_link_app
from backends.server.errors import create_job_failure
from backends.server.modal_backend import POLL_SECONDS, ModalBackend, end_loop, log_failure
from backends.server.modal_calls import (
    Containers,
    UsageMeter,
    WorkCall,
    WorkItem,
    WorkProgress,
    WorkResult,
)
from settings import ServiceSettings, Settings
from video_editing.contract.errors import OutputFailed
from video_editing.contract.plan import find_missing_segments
from video_editing.contract.progress import Progress

PROJECT = Path(__file__).parents[2]
WEIGHTS_FOLDER = "/weights"
SERVICE_FOLDER = "/service"  #: written by the API's container, whose clips the workers read
MAX_SECONDS = 3600  #: of one work item
STARTED_AT = time.monotonic()  #: of this container, but for the moment in which Python starts


def list_variables(settings: Settings) -> dict[str, str]:
    """Return the variables that are set at the deploy and concern the containers, but secrets.

    Paths of the machine that deploys mean nothing there.
    """
    variables = {}
    for group in (settings.local, settings.service, settings.modal):
        for name in group.model_fields_set:
            value, field = getattr(group, name), type(group).model_fields[name]
            if not isinstance(value, SecretStr | Path | None):
                is_list = isinstance(value, tuple)
                variables[str(field.validation_alias)] = ",".join(value) if is_list else str(value)
    return variables


settings = Settings()
app = modal.App("overlaybot")
weights = modal.Volume.from_name("overlaybot-weights", create_if_missing=True)
files = modal.Volume.from_name("overlaybot-service", create_if_missing=True)
progress = modal.Dict.from_name("overlaybot-progress", create_if_missing=True)
service_secret = modal.Secret.from_name("overlay-service", required_keys=["OVERLAY_TOKEN"])
image = (
    modal.Image.debian_slim(python_version="3.11")
    .uv_sync(str(PROJECT), extras=["gpu"], extra_options="--no-group cpu --no-group dev")
    .env(list_variables(settings) | {"U2NET_HOME": WEIGHTS_FOLDER, "SERVICE_DIR": SERVICE_FOLDER})
    .add_local_python_source("backends", "settings", "video_editing")
)


@app.cls(
    image=image,
    gpu=list(settings.modal.gpus),
    cpu=4,
    memory=settings.local.memory_mb + 2000,  # of the child process, and of this one
    volumes={WEIGHTS_FOLDER: weights, SERVICE_FOLDER: files},
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
        self.meter = UsageMeter(STARTED_AT, settings.modal.scaledown_window)

    @modal.method()
    def get_backend_name(self) -> str:
        """Return the name of the backend in this container, which has passed its check."""
        return self.backend.name

    @modal.method()
    def make_mattes(self, item: WorkItem) -> WorkResult:
        """Make the mattes of one work item."""
        if not modal.is_local():
            files.reload()
        return asyncio.run(make_item(self.backend, item, self.meter))


async def make_item(backend: OverlayBackend, item: WorkItem, meter: UsageMeter) -> WorkResult:
    """Make the mattes of *item* with *backend*; the Dict holds what is ready until then."""
    began_at, failure, done = time.monotonic(), None, 0

    def count_frames(event: Event) -> None:
        nonlocal done
        if isinstance(event, Progress):
            done = event.done

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        publisher = asyncio.create_task(publish_progress(item, folder, lambda: done))
        try:
            await backend.make_mattes(Path(item.clip), item.plan, folder, count_frames)
        except Exception as err:  # noqa: BLE001 - exceptions of ours do not survive Modal's pickling
            failure = create_job_failure(err)
        finally:
            await end_loop(publisher)
        segments = {name: (folder / name).read_bytes() for name in list_ready(item, folder)}
    return WorkResult(segments, meter.charge(began_at, time.monotonic()), failure)


async def publish_progress(item: WorkItem, folder: Path, count_done: Callable[[], int]) -> None:
    """Store, at once and again and again, what is done of *item*, for the API's container.

    Args:
        item: is being made.
        folder: receives its segments.
        count_done: returns how many frames are done.
    """
    published: list[str] = []
    while True:
        with log_failure("progress is not published"):
            for name in list_ready(item, folder):
                if name not in published:
                    await progress.put.aio(f"{item.key}/{name}", (folder / name).read_bytes())
                    published.append(name)
            await progress.put.aio(item.key, WorkProgress(count_done(), tuple(published)))
        await asyncio.sleep(POLL_SECONDS)


def list_ready(item: WorkItem, folder: Path) -> list[str]:
    """Return the file names of the segments of *item* that are complete in *folder*."""
    missing = find_missing_segments(item.plan, folder)
    return [segment.file_name for segment in item.plan.segments if segment not in missing]


class ModalCall:
    """A call of a worker."""

    def __init__(self, call: modal.FunctionCall[WorkResult], call_id: str) -> None:
        self._call, self.id = call, call_id

    async def get(self) -> WorkResult:
        """See :class:`WorkCall`."""
        return await self._call.get.aio()

    async def cancel(self) -> None:
        """See :class:`WorkCall`."""
        await self._call.cancel.aio()


class ModalContainers:
    """The workers, the Volume of the service's files and the Dict of the workers' progress."""

    async def commit_files(self) -> None:
        """See :class:`Containers`."""
        try:
            await files.commit.aio()  # type: ignore[no-untyped-call]  # in Modal
        except (RuntimeError, modal.exception.Error) as err:
            # A commit reads what others wrote, which fails while a request has a file open. Only
            # this container writes.
            if "open files" not in str(err):
                raise OutputFailed(f"the Volume is not committed: {err}") from err

    async def spawn(self, item: WorkItem) -> WorkCall:
        """See :class:`Containers`."""
        call = await Worker().make_mattes.spawn.aio(item)
        return ModalCall(call, call.object_id)

    async def attach(self, call_id: str) -> WorkCall:
        """See :class:`Containers`."""
        return ModalCall(modal.FunctionCall.from_id(call_id), call_id)

    async def get_progress(self, item: WorkItem) -> WorkProgress | None:
        """See :class:`Containers`."""
        reported: WorkProgress | None = await progress.get.aio(item.key)
        return reported

    async def get_segment(self, item: WorkItem, name: str) -> bytes:
        """See :class:`Containers`."""
        return bytes(await progress.get.aio(f"{item.key}/{name}"))

    async def delete_progress(self, item: WorkItem) -> None:
        """See :class:`Containers`."""
        names = [f"{item.key}/{segment.file_name}" for segment in item.plan.segments]
        await asyncio.gather(*(progress.pop.aio(key, None) for key in (item.key, *names)))


@app.function(
    name="door",  # part of the address that clients use
    image=image,
    volumes={SERVICE_FOLDER: files},
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
    site = None if modal.is_local() else create_links.get_web_url()
    return build_api(ModalContainers(), settings.service, site)


def build_api(
    containers: Containers, service: ServiceSettings, links_site: str | None = None
) -> FastAPI:
    """Return the service's application.

    Args:
        containers: the workers.
        service: the settings.
        links_site: address of :func:`create_links`.
    """
    backend = ModalBackend(containers, max_containers=settings.modal.max_containers)
    dependencies = create_dependencies(backend, backend.name, settings)
    dependencies = replace(
        dependencies,
        commit=containers.commit_files,
        links_site=links_site,
        parallel_mattes=settings.modal.max_containers,
        before_close=backend.keep_calls,
    )
    return create_app(service, dependencies)


@app.function(
    name="links",  # part of the address of links to overlays
    image=image,
    volumes={SERVICE_FOLDER: files},
    cpu=0.5,
    memory=1024,
    scaledown_window=settings.modal.scaledown_window,
    timeout=MAX_SECONDS,
)
@modal.concurrent(max_inputs=100)
@modal.asgi_app()
def create_links() -> FastAPI:
    """Return the application that serves links: it asks for no keys, Modal's included."""
    with tempfile.TemporaryDirectory() as folder:
        token = SecretStr(secrets.token_hex())  # of a service that is described and never served
        changes = {"folder": Path(folder), "token": token}
        described = build_api(ModalContainers(), settings.service.model_copy(update=changes))
    return create_link_app(settings.service, refresh_files, described)


async def refresh_files() -> None:
    """Make visible what other containers have committed, unless a request has a file open."""
    if not modal.is_local():
        with log_failure("files of other containers are not seen"):
            await files.reload.aio()  # type: ignore[no-untyped-call]  # in Modal


@app.local_entrypoint()
def smoke_test() -> None:
    """Check one GPU, and print how long its container took to get ready."""
    started = time.monotonic()
    backend = Worker().get_backend_name.remote()
    print(f"{backend} was ready after {time.monotonic() - started:.0f} s")  # noqa: T201 - the output of a command
