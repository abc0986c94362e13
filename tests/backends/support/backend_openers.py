"""Context managers that open each kind of backend for a test."""

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

#: Opens a backend, given the folder of its files and the deadline of a job in seconds.
Opener = Callable[[Path, float], AbstractAsyncContextManager[OverlayBackend]]


@asynccontextmanager
async def open_local_cpu(_folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """Open the local backend with the real command line as child process."""
    yield LocalBackend(
        "local-cpu", "cpu", ProcessLimits(seconds, 30, MEMORY), program=DEFAULT_PROGRAM
    )


@asynccontextmanager
async def open_scripted(_folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """Open the scripted backend with the speed of a real one."""
    yield ScriptedBackend(pause=0.1, seconds=seconds)


@asynccontextmanager
async def open_service(folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """Open the remote backend with the real service over HTTP."""
    async with serve_app(create_service(folder)) as address:
        yield create_client(address, replace(SHORT_TIMEOUTS, total=seconds))


#: The backends of the contract tests; a new kind of backend is a new entry.
OPENERS: dict[str, Opener] = {
    "local-cpu": open_local_cpu,
    "scripted": open_scripted,
    "service": open_service,
}
