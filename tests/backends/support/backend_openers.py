"""Opens each kind of backend for a test."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from backends.base import OverlayBackend
from backends.local.backend import LocalBackend
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM
from tests.backends.support.running_service import QUICK, application, client, served
from tests.backends.support.scripted_backend import Scripted

MEMORY = 2_000_000_000

#: opens a backend that stores its files in a folder, with a deadline in seconds
Opener = Callable[[Path, float], AbstractAsyncContextManager[OverlayBackend]]


@asynccontextmanager
async def local_cpu(_folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """Open the real command line in a real child process."""
    yield LocalBackend(
        "local-cpu", "cpu", ProcessLimits(seconds, 30, MEMORY), program=DEFAULT_PROGRAM
    )


@asynccontextmanager
async def scripted(_folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """Open the fake, as slow as a real one."""
    yield Scripted(pause=0.1, seconds=seconds)


@asynccontextmanager
async def service(folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """Open the real service, on this machine's processor, behind HTTP."""
    async with served(application(folder)) as address:
        yield client(address, replace(QUICK, total=seconds))


#: the contract runs over these; a new kind of backend is one more line
PLACES: dict[str, Opener] = {"local-cpu": local_cpu, "scripted": scripted, "service": service}
