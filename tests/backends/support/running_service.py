"""The real service on a real uvicorn, in the event loop of the test."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from backends.base import OverlayBackend
from backends.local.backend import LocalBackend
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM, VideoCli
from backends.remote.backend import RemoteBackend
from backends.remote.http_client import Timeouts
from backends.remote.renderer import ServiceRenderer
from backends.rendering.base import LocalRenderer
from backends.server.app import create_app
from backends.server.clip_store import LinkFetcher
from backends.server.overlays import ServiceDependencies
from backends.shotstack.transfer import ShotstackHosting
from settings import RemoteSettings, ServiceSettings
from tests.backends.support.programs import PROGRAMS
from tests.support.paths import ROOT

TOKEN = "a token for tests"  # noqa: S105 - opens nothing
KEY = {"Authorization": f"Bearer {TOKEN}"}
LIMITS = ProcessLimits(60, 30, 2_000_000_000)
SHORT_TIMEOUTS = Timeouts(response=5, transfer=5, cold_start=0.2, start=20, stall=20, poll=0.05)


@asynccontextmanager
async def serve_app(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Serve *app* on *port*, or on a free one, and yield its address."""
    listener = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def serve_in_process(
    folder: Path, clip: Path | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run the real service in a process that can be killed; yield it and its address.

    Every link leads to *clip*.
    """
    async with run_program("run_service.py", folder, *([clip] if clip else [])) as started:
        yield started


@asynccontextmanager
async def run_program(
    name: str, *arguments: object
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run a program that serves until it is killed; yield it and its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, PROGRAMS / name, *map(str, arguments)),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    address = (await process.stdout.readline()).decode().strip()
    try:
        yield process, address
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def record_requests(app: ASGIApp, requests: list[tuple[str, str]]) -> ASGIApp:
    """Return *app*, and append the method and path of each request to *requests*."""

    async def record(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            requests.append((scope["method"], scope["path"]))
        await app(scope, receive, send)

    return record


def create_service(
    folder: Path,
    backend: OverlayBackend | None = None,
    fetch_link: LinkFetcher | None = None,
    hosting: ShotstackHosting | None = None,
    program: Sequence[str] = DEFAULT_PROGRAM,
    **changes: object,
) -> FastAPI:
    """Create the service with its files in *folder*; the default backend is `local-cpu`.

    *program* runs in place of the command line.
    """
    settings = ServiceSettings(**{"token": TOKEN, "folder": folder} | changes)
    backend = backend or LocalBackend("local-cpu", "cpu", LIMITS, program=program)
    fetch_link = fetch_link or make_copying_fetcher(folder)
    dependencies = ServiceDependencies(
        backend,
        VideoCli("here", LIMITS, program),
        fetch_link,
        LocalRenderer(LIMITS, program),
        hosting,
    )
    return create_app(settings, dependencies)


def create_client(
    address: str, timeouts: Timeouts = SHORT_TIMEOUTS, *, keeps_clips: bool = False
) -> RemoteBackend:
    """Create the client of the service at *address*."""
    settings = RemoteSettings(endpoint=address, token=TOKEN, price=0.5)
    return RemoteBackend("modal", settings, timeouts=timeouts, keeps_clips=keeps_clips)


def make_copying_fetcher(clip: Path) -> LinkFetcher:
    """Return a link fetcher that copies *clip* for every link, instead of a download."""

    async def fetch(_link: str, path: Path) -> int:
        shutil.copy(clip, path)
        return path.stat().st_size

    return fetch


def create_renderer_client(address: str, timeouts: Timeouts = SHORT_TIMEOUTS) -> ServiceRenderer:
    """Create the renderer at the service at *address*."""
    return ServiceRenderer(
        "modal", RemoteSettings(endpoint=address, token=TOKEN), timeouts=timeouts
    )
