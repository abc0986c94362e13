"""The FastAPI application, and the command ``overlay serve`` that runs it on this machine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from fastapi import Depends, FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from backends.base import OverlayBackend
from backends.connection_guard import ConnectionGuard, answering, receiving
from backends.factory import create_backend
from backends.links.download import FetchLimits
from backends.local.process import ProcessLimits
from backends.local.video_cli import VideoCli
from backends.remote.schemas import HealthResponse
from backends.rendering.base import LocalRenderer
from backends.resilience.parallel import ParallelBackend
from backends.server.auth import LinkSigner, require_key
from backends.server.clip_store import ClipStore, create_link_fetcher
from backends.server.docs_page import create_docs_route
from backends.server.errors import EXCEPTION_HANDLERS, JsonErrorMiddleware
from backends.server.jobs import JobStore
from backends.server.overlays import (
    OverlayJob,
    OverlayStore,
    ServiceDependencies,
    WorkSlots,
    load_overlay,
)
from backends.server.render_routes import create_render_router, create_result_router
from backends.server.renders import RenderStore
from backends.server.routes import (
    OverlayLinks,
    create_clip_router,
    create_job_router,
    create_link_router,
    create_overlay_router,
    create_plan_router,
    create_segment_router,
)
from backends.shotstack.transfer import ShotstackHosting
from settings import ServiceSettings, Settings

MAX_JSON_BYTES = 1 << 20  #: of every request body but a clip
STALL_SECONDS = 60  #: for which a client may send nothing of a body
SWEEP_SECONDS = 60  #: between two removals of what has expired
OVERLAYS_FOLDER = "overlays"  #: in the service's folder
KEY_FILE = "links.key"  #: in the service's folder: what signs the links to overlays
BACKLOG = 128  #: connections that are accepted before the guard can close one
SHUTDOWN_SECONDS = 3  #: for requests in progress when the service stops


@dataclass(frozen=True)
class _Stores:
    """What the service keeps in its folder."""

    clips: ClipStore
    jobs: JobStore
    overlays: OverlayStore
    renders: RenderStore

    def list_active_clips(self) -> set[str]:
        """Return the digests of the files that work in progress needs."""
        return self.jobs.list_active_clips() | self.renders.list_active_clips()

    async def remove_expired(self, seconds: float) -> None:
        """Remove, again and again, what no client has used for *seconds*."""
        while True:
            await self.jobs.expire(seconds)
            await self.overlays.expire(seconds)
            await self.renders.expire(seconds)
            self.clips.expire(seconds, self.list_active_clips())
            await asyncio.sleep(SWEEP_SECONDS)

    async def close(self) -> None:
        """Stop all work."""
        await self.jobs.close()
        await self.overlays.close()
        await self.renders.close()


def create_app(settings: ServiceSettings, dependencies: ServiceDependencies) -> FastAPI:
    """Return the service.

    Raises:
        MissingServiceKey: without a key the service would be open to everybody.
    """
    check_key = require_key(settings)
    stores = _open_stores(settings, dependencies)
    app = _create_empty_app(lifespan=_create_lifespan(stores, settings, dependencies))
    signer = _create_signer(settings)
    links = OverlayLinks(stores.overlays, signer, dependencies.links_site)
    for router in (
        create_clip_router(stores.clips, stores.list_active_clips, settings.max_clip_mb * 10**6),
        create_plan_router(stores.clips, dependencies.video_cli),
        create_job_router(stores.clips, stores.jobs),
        create_segment_router(stores.jobs),
        create_overlay_router(stores.overlays, links, settings.sync_seconds),
        create_render_router(stores.renders),
        create_result_router(stores.renders),
    ):
        app.include_router(router, dependencies=[Depends(check_key)])

    async def find_overlay(overlay_id: str) -> OverlayJob | None:
        return stores.overlays.get(overlay_id)

    app.include_router(create_link_router(find_overlay, signer))
    app.add_api_route("/docs", create_docs_route(app), include_in_schema=False)

    @app.get("/healthz", tags=["health"])
    async def get_health() -> HealthResponse:
        """Report that the service is up; needs no key."""
        return HealthResponse()

    return app


def create_link_app(
    settings: ServiceSettings, refresh: Callable[[], Awaitable[None]], described: FastAPI
) -> FastAPI:
    """Return the part of the service that needs no key, for a process that only reads its folder.

    Args:
        settings: of the service.
        refresh: makes visible what the service wrote since.
        described: the service, of which this app serves the documentation.
    """
    app, signer = _create_empty_app(openapi_url=None), _create_signer(settings)

    async def find_overlay(overlay_id: str) -> OverlayJob | None:
        folder = settings.folder.absolute() / OVERLAYS_FOLDER / overlay_id
        overlay = load_overlay(folder)
        if overlay is None or not overlay.path.exists():
            await refresh()
            overlay = load_overlay(folder)
        return overlay

    async def find_key() -> None:
        if not signer.has_key:
            await refresh()

    app.include_router(create_link_router(find_overlay, signer), dependencies=[Depends(find_key)])
    app.add_api_route("/docs", create_docs_route(described))
    app.add_api_route("/openapi.json", described.openapi)
    return app


def _create_empty_app(**options: Any) -> FastAPI:
    app = FastAPI(
        title="overlaybot",
        description="Cuts the person out of a clip.",
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        max_body_size=MAX_JSON_BYTES,
        docs_url=None,  # its scripts would come from a CDN
        exception_handlers=EXCEPTION_HANDLERS,
        **options,
    )
    app.add_middleware(JsonErrorMiddleware)
    app.add_middleware(ConnectionMiddleware)
    return app


def _create_signer(settings: ServiceSettings) -> LinkSigner:
    return LinkSigner(settings.folder.absolute() / KEY_FILE, settings.link_seconds)


class ConnectionMiddleware:
    """Gives up on a client that stops sending a body; the guard of the connections hears of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; events of the process pass unchanged."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_more = True  # what comes after the body is not waited for: the end of the connection

        async def receive_in_time() -> Message:
            nonlocal has_more
            if not has_more:
                return await receive()
            try:
                with receiving():
                    async with asyncio.timeout(STALL_SECONDS):
                        message = await receive()
            except TimeoutError:
                message = {"type": "http.disconnect"}
            has_more = bool(message.get("more_body"))
            return message

        with answering():
            await self._app(scope, receive_in_time, send)


def _open_stores(settings: ServiceSettings, dependencies: ServiceDependencies) -> _Stores:
    cuts = mattes = asyncio.Semaphore(settings.parallel_jobs)
    if dependencies.parallel_mattes is not None:
        mattes = asyncio.Semaphore(dependencies.parallel_mattes)
    folder = settings.folder.absolute()  # child processes have a working directory of their own
    clips = ClipStore(folder / "clips")
    return _Stores(
        clips,
        JobStore(folder / "jobs", dependencies.backend, settings, mattes),
        OverlayStore(folder / OVERLAYS_FOLDER, dependencies, settings, WorkSlots(mattes, cuts)),
        RenderStore(folder / "renders", clips, dependencies.renderer, settings),
    )


def _create_lifespan(
    stores: _Stores, settings: ServiceSettings, dependencies: ServiceDependencies
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stores.jobs.resume(stores.clips.get_path)
        stores.overlays.resume()
        cleanup_task = asyncio.create_task(stores.remove_expired(settings.retention_seconds))
        yield
        cleanup_task.cancel()
        dependencies.before_close()
        await stores.close()

    return lifespan


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM, which cancels running jobs; clients can submit them again.

    Raises:
        MissingServiceKey: without a key the service would be open to everybody.
        BackendUnavailable: this machine cannot do the work.
    """
    guard = ConnectionGuard()
    uvicorn.run(
        create_local_app(settings),
        host=host,
        port=port,
        http=cast("type[asyncio.Protocol]", guard.wrap(H11Protocol)),
        backlog=BACKLOG,
        access_log=False,  # the links to overlays are secret while they are valid
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def create_local_app(settings: Settings) -> FastAPI:
    """Return the service with a backend of this machine.

    Raises:
        MissingServiceKey: without a key the service would be open to everybody.
        BackendUnavailable: this machine cannot do the work.
    """
    service = settings.service
    backend = asyncio.run(create_backend(service.backend, settings))
    if service.workers > 1:
        backend = ParallelBackend([backend] * service.workers)
    return create_app(service, create_dependencies(backend, service.backend, settings))


def create_dependencies(
    backend: OverlayBackend, name: str, settings: Settings
) -> ServiceDependencies:
    """Return what the service works with, besides *backend*; *name* is its name in errors.

    Overlays are uploaded to Shotstack if there is a key for it; otherwise clients download them
    from the service.
    """
    local, service = settings.local, settings.service
    limits = ProcessLimits(local.max_seconds, local.stall_seconds, local.memory_mb * 1_000_000)
    has_hosting = bool(settings.rendering.api_key.get_secret_value())
    return ServiceDependencies(
        backend,
        VideoCli(name, limits),
        create_link_fetcher(FetchLimits(max_bytes=service.max_clip_mb * 10**6)),
        LocalRenderer(limits, may_use_gpu=service.backend == "local-gpu"),
        ShotstackHosting(settings.rendering, service.folder.absolute()) if has_hosting else None,
    )
