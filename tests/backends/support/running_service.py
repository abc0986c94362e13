"""The real service under a real uvicorn, in the test's own event loop."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from backends.base import OverlayBackend
from backends.local.backend import LocalBackend
from backends.local.process import Limits
from backends.local.video_cli import Command
from backends.remote.backend import RemoteBackend
from backends.remote.http_client import Patience
from backends.server.app import create_app
from backends.server.clip_store import Fetch
from backends.shotstack.hosting import Hosting
from settings import Remote, Service

TOKEN = "a token for tests"  # noqa: S105 - opens nothing
KEY = {"Authorization": f"Bearer {TOKEN}"}
LIMITS = Limits(60, 30, 2_000_000_000)
QUICK = Patience(answer=5, transfer=5, warming=0.2, start=20, stall=20, poll=0.05)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve *app* on a free port; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def application(
    folder: Path,
    backend: OverlayBackend | None = None,
    fetched: Fetch | None = None,
    hosting: Hosting | None = None,
    **changes: object,
) -> FastAPI:
    """The service with its files in *folder*; without *backend*, with this machine's processor."""
    settings = Service(**{"token": TOKEN, "folder": folder} | changes)
    backend = backend or LocalBackend("local-cpu", "cpu", LIMITS)
    command = Command("here", LIMITS)
    return create_app(settings, backend, command, fetched or copied_from(folder), hosting)


def client(address: str, patience: Patience = QUICK) -> RemoteBackend:
    """The client of the service at *address*."""
    return RemoteBackend(
        "modal", Remote(endpoint=address, token=TOKEN, price=0.5), patience=patience
    )


def copied_from(clip: Path) -> Fetch:
    """In place of the way to the internet: whatever the link, the file is *clip*."""

    async def fetched(_link: str, path: Path) -> int:
        shutil.copy(clip, path)
        return path.stat().st_size

    return fetched
