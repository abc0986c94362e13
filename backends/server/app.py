"""The application: everything is put together here, and nothing is open by default."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from backends.base import OverlayBackend
from backends.factory import create_backend
from backends.links.download import FetchLimits
from backends.local.process import ProcessLimits
from backends.local.video_cli import VideoCli
from backends.remote.schemas import HealthResponse
from backends.resilience.parallel import ParallelBackend
from backends.server.auth import LinkSigner, require_key
from backends.server.clip_store import ClipStore, LinkFetcher, create_link_fetcher
from backends.server.jobs import JobStore
from backends.server.overlays import OverlayStore
from backends.server.routes import (
    create_clip_router,
    create_job_router,
    create_link_router,
    create_overlay_router,
    create_segment_router,
)
from backends.shotstack.hosting import ShotstackHosting
from settings import ServiceSettings, Settings
from video_editing.contract.errors import OutputFailed

MAX_JSON_BYTES = 1 << 20  #: of every body but a clip's
SWEEP_SECONDS = 60


def create_app(
    settings: ServiceSettings,
    backend: OverlayBackend,
    video_cli: VideoCli,
    fetch_link: LinkFetcher,
    hosting: ShotstackHosting | None = None,
) -> FastAPI:
    """The service.

    Args:
        settings: of the service.
        backend: makes the mattes.
        video_cli: plans, and cuts overlays, in a child.
        fetch_link: brings the file behind a link; :func:`backends.server.clip_store.guarded`.
        hosting: where overlays lie for those who asked for them; None is here.

    Raises:
        NoKey: it would be open to everybody.
    """
    keys = [Depends(require_key(settings))]
    slots = asyncio.Semaphore(settings.parallel_jobs)
    folder = settings.folder.absolute()  # children have a working directory of their own
    clips = ClipStore(folder / "clips")
    jobs = JobStore(folder / "jobs", backend, settings, slots)
    overlays = OverlayStore(
        folder / "overlays", backend, video_cli, fetch_link, settings, slots, hosting
    )
    signer = LinkSigner(settings.link_seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        cleanup_task = asyncio.create_task(
            _remove_expired(settings.retention_seconds, clips, jobs, overlays)
        )
        yield
        cleanup_task.cancel()
        await jobs.close()
        await overlays.close()

    app = FastAPI(
        title="overlaybot",
        description="Cuts the person out of a clip.",
        lifespan=lifespan,
        max_body_size=MAX_JSON_BYTES,
        exception_handlers={
            RequestValidationError: _report_invalid_fields,
            OutputFailed: _report_full_disk,
        },
    )
    app.include_router(
        create_clip_router(clips, jobs, settings.max_clip_mb * 10**6), dependencies=keys
    )
    app.include_router(create_job_router(clips, jobs), dependencies=keys)
    app.include_router(create_segment_router(jobs), dependencies=keys)
    app.include_router(
        create_overlay_router(overlays, signer, settings.sync_seconds), dependencies=keys
    )
    app.include_router(create_link_router(overlays, signer))

    @app.get("/healthz", tags=["health"])
    async def get_health() -> HealthResponse:
        """Tell that the service is up; no key is asked for."""
        return HealthResponse()

    return app


async def _remove_expired(
    seconds: float, clips: ClipStore, jobs: JobStore, overlays: OverlayStore
) -> None:
    """Forget, again and again, what nobody asked about for *seconds*."""
    while True:
        await jobs.expire(seconds)
        await overlays.expire(seconds)
        clips.expire(seconds, jobs.list_active_clips())
        await asyncio.sleep(SWEEP_SECONDS)


async def _report_invalid_fields(_: Request, err: Exception) -> JSONResponse:
    """Name the fields, but do not send back what was in them: it may be secret, or no JSON."""
    assert isinstance(err, RequestValidationError)
    fields = [{key: fault[key] for key in ("loc", "msg", "type")} for fault in err.errors()]
    return JSONResponse({"detail": fields}, 422)


async def _report_full_disk(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"detail": "the disk is full"}, 507)


SHUTDOWN_SECONDS = 3  #: seconds for answers under way when the service ends


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; work that goes on is stopped then, and can be asked for again.

    Raises:
        NoKey: the service would be open to everybody.
        BackendUnavailable: the work cannot be done on this machine.
    """
    uvicorn.run(
        create_local_app(settings),
        host=host,
        port=port,
        access_log=False,  # the links to overlays are secrets for as long as they work
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def create_local_app(settings: Settings) -> FastAPI:
    """The service as this machine can run it.

    Raises:
        NoKey: it would be open to everybody.
        BackendUnavailable: the work cannot be done on this machine.
    """
    service = settings.service
    local_backend = asyncio.run(create_backend(service.backend, settings))
    backend = (
        local_backend
        if service.workers == 1
        else ParallelBackend([local_backend] * service.workers)
    )
    return create_app(
        service,
        backend,
        create_video_cli(service.backend, settings),
        create_link_fetcher(create_fetch_limits(settings)),
        create_hosting(settings),
    )


def create_video_cli(backend: str, settings: Settings) -> VideoCli:
    """What plans, and cuts overlays."""
    local = settings.local
    return VideoCli(
        backend, ProcessLimits(local.max_seconds, local.stall_seconds, local.memory_mb * 1_000_000)
    )


def create_hosting(settings: Settings) -> ShotstackHosting | None:
    """Shotstack, where its key is set; else overlays are fetched from here."""
    if not settings.rendering.api_key.get_secret_value():
        return None
    return ShotstackHosting(settings.rendering, settings.service.folder.absolute())


def create_fetch_limits(settings: Settings) -> FetchLimits:
    """How large the file behind a link may be."""
    return FetchLimits(max_bytes=settings.service.max_clip_mb * 10**6)
