"""The application: everything is put together here, and nothing is open by default."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from backends.backend import OverlayBackend
from backends.command import Command
from backends.service.answers import Health
from backends.service.clips import Clips
from backends.service.jobs import Jobs
from backends.service.keys import Signer, doorkeeper
from backends.service.links import Fetch
from backends.service.overlay_routes import link_routes, overlay_routes
from backends.service.overlays import Overlays
from backends.service.routes import clip_routes, job_routes, segment_routes
from backends.shotstack.hosting import Hosting
from settings import Service
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
        fetched: brings the file behind a link; :func:`backends.service.links.guarded`.
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
