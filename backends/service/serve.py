"""The service on a machine of one's own."""

import asyncio

import uvicorn
from fastapi import FastAPI

from backends.child import Limits
from backends.choice import chosen
from backends.command import Command
from backends.fetch import FetchLimits
from backends.service.app import create_app
from backends.service.links import guarded
from backends.shotstack.hosting import Hosting
from backends.side_by_side import SideBySide
from settings import Settings

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
