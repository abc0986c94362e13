"""Each kind of backend, opened for a test."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from backends.base import OverlayBackend
from backends.local.backend import LocalBackend
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM
from tests.backends.support.running_service import (
    SHORT_TIMEOUTS,
    create_client,
    create_service,
    serve_app,
)
from tests.backends.support.scripted_backend import ScriptedBackend

MEMORY = 2_000_000_000

#: opens a place that keeps its files in a folder and gives up on a job after some seconds
Opener = Callable[[Path, float], AbstractAsyncContextManager[OverlayBackend]]


@asynccontextmanager
async def open_local_cpu(_folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """The real command line in a real child."""
    yield LocalBackend(
        "local-cpu", "cpu", ProcessLimits(seconds, 30, MEMORY), program=DEFAULT_PROGRAM
    )


@asynccontextmanager
async def open_scripted(_folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """The fake, as slow as a real one."""
    yield ScriptedBackend(pause=0.1, seconds=seconds)


@asynccontextmanager
async def open_service(folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """The real service, with this machine's processor, at the other end of HTTP."""
    async with serve_app(create_service(folder)) as address:
        yield create_client(address, replace(SHORT_TIMEOUTS, total=seconds))


#: over which the contract runs; whoever adds a kind of place adds a line
OPENERS: dict[str, Opener] = {
    "local-cpu": open_local_cpu,
    "scripted": open_scripted,
    "service": open_service,
}
