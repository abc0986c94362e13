"""The application: everything is put together here, and nothing is open by default."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from backends.base import OverlayBackend
from backends.factory import chosen
from backends.links.download import FetchLimits
from backends.local.process import Limits
from backends.local.video_cli import Command
from backends.remote.schemas import Health
from backends.resilience.parallel import SideBySide
from backends.server.auth import Signer, doorkeeper
from backends.server.clip_store import Clips, Fetch, guarded
from backends.server.jobs import Jobs
from backends.server.overlays import Overlays
from backends.server.routes import (
    clip_routes,
    job_routes,
    link_routes,
    overlay_routes,
    segment_routes,
)
from backends.shotstack.hosting import Hosting
from settings import Service, Settings
from video_editing.contract.errors import OutputFailed

JSON_BYTES = 1 << 20  #: of every body but a clip's
SWEEP_SECONDS = 60


def create_app(
    settings: Service,
    backend: OverlayBackend,
    command: Command,
    fetched: Fetch,
    hosting: Hosting | None = None,
) -> FastAPI:
    """The service.

    Args:
        settings: of the service.
        backend: makes the mattes.
        command: plans, and cuts overlays, in a child.
        fetched: brings the file behind a link; :func:`backends.server.clip_store.guarded`.
        hosting: where overlays lie for those who asked for them; None is here.

    Raises:
        NoKey: it would be open to everybody.
    """
    keys = [Depends(doorkeeper(settings))]
    slots = asyncio.Semaphore(settings.at_once)
    folder = settings.folder.absolute()  # children have a working directory of their own
    clips = Clips(folder / "clips")
    jobs = Jobs(folder / "jobs", backend, settings, slots)
    overlays = Overlays(folder / "overlays", backend, command, fetched, settings, slots, hosting)
    signer = Signer(settings.link_seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        janitor = asyncio.create_task(_sweep(settings.keep_seconds, clips, jobs, overlays))
        yield
        janitor.cancel()
        await jobs.close()
        await overlays.close()

    app = FastAPI(
        title="overlaybot",
        description="Cuts the person out of a clip.",
        lifespan=lifespan,
        max_body_size=JSON_BYTES,
        exception_handlers={RequestValidationError: _complain, OutputFailed: _disk_full},
    )
    app.include_router(clip_routes(clips, jobs, settings.clip_mb * 10**6), dependencies=keys)
    app.include_router(job_routes(clips, jobs), dependencies=keys)
    app.include_router(segment_routes(jobs), dependencies=keys)
    app.include_router(overlay_routes(overlays, signer, settings.sync_seconds), dependencies=keys)
    app.include_router(link_routes(overlays, signer))

    @app.get("/healthz", tags=["health"])
    async def tell_health() -> Health:
        """Tell that the service is up; no key is asked for."""
        return Health()

    return app


async def _sweep(seconds: float, clips: Clips, jobs: Jobs, overlays: Overlays) -> None:
    """Forget, again and again, what nobody asked about for *seconds*."""
    while True:
        await jobs.expire(seconds)
        await overlays.expire(seconds)
        clips.expire(seconds, jobs.inputs())
        await asyncio.sleep(SWEEP_SECONDS)


async def _complain(_: Request, err: Exception) -> JSONResponse:
    """Name the fields, but do not send back what was in them: it may be secret, or no JSON."""
    assert isinstance(err, RequestValidationError)
    fields = [{key: fault[key] for key in ("loc", "msg", "type")} for fault in err.errors()]
    return JSONResponse({"detail": fields}, 422)


async def _disk_full(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"detail": "the disk is full"}, 507)


GRACE = 3  #: seconds for answers under way when the service ends


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; work that goes on is stopped then, and can be asked for again.

    Raises:
        NoKey: the service would be open to everybody.
        BackendUnavailable: the work cannot be done on this machine.
    """
    uvicorn.run(
        application(settings),
        host=host,
        port=port,
        access_log=False,  # the links to overlays are secrets for as long as they work
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )


def application(settings: Settings) -> FastAPI:
    """The service as this machine can run it.

    Raises:
        NoKey: it would be open to everybody.
        BackendUnavailable: the work cannot be done on this machine.
    """
    service = settings.service
    place = asyncio.run(chosen(service.place, settings))
    backend = place if service.workers == 1 else SideBySide([place] * service.workers)
    return create_app(
        service,
        backend,
        command(service.place, settings),
        guarded(fetch_limits(settings)),
        hosting(settings),
    )


def command(place: str, settings: Settings) -> Command:
    """What plans, and cuts overlays."""
    local = settings.local
    return Command(place, Limits(local.seconds, local.patience, local.memory_mb * 1_000_000))


def hosting(settings: Settings) -> Hosting | None:
    """Shotstack, where its key is set; else overlays are fetched from here."""
    if not settings.rendering.key.get_secret_value():
        return None
    return Hosting(settings.rendering, settings.service.folder.absolute())


def fetch_limits(settings: Settings) -> FetchLimits:
    """How large the file behind a link may be."""
    return FetchLimits(size=settings.service.clip_mb * 10**6)
