"""Requests of `ServiceClient` to real HTTP servers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from backends.remote.http_client import ServiceClient
from tests.backends.support.running_service import SHORT_TIMEOUTS

MEGABYTE = 1 << 20
UPLOAD_MEGABYTES = 24  #: more than the buffers of two sockets hold
READ_SECONDS = 0.1  #: seconds for a megabyte
TIMEOUTS = replace(
    SHORT_TIMEOUTS, cold_start=1.2
)  #: shorter than the upload, longer than any pause in it


@asynccontextmanager
async def open_client(
    app: web.Application, on_cold_start: Callable[[], None]
) -> AsyncIterator[ServiceClient]:
    """Serve *app*, and yield a client for it."""
    async with TestServer(app) as server, ClientSession() as session:
        url = URL(str(server.make_url("")))
        yield ServiceClient("modal", session, url, {}, TIMEOUTS, on_cold_start)


@pytest.mark.parametrize(("answer_seconds", "cold_starts"), [(0, 0), (2, 1)])
async def test_only_a_slow_answer_is_a_cold_start(
    tmp_path: Path, answer_seconds: float, cold_starts: int
) -> None:
    """A long upload reports none while its bytes move; an answer that takes long reports one."""
    reports: list[None] = []

    async def receive_slowly(request: web.Request) -> web.StreamResponse:
        for _ in range(UPLOAD_MEGABYTES):
            await request.content.readexactly(MEGABYTE)
            await asyncio.sleep(READ_SECONDS)
        await asyncio.sleep(answer_seconds)
        return web.Response(status=201)

    app = web.Application()
    app.router.add_put("/clips/1", receive_slowly)
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(bytes(UPLOAD_MEGABYTES * MEGABYTE))
    began = asyncio.get_running_loop().time()
    async with open_client(app, lambda: reports.append(None)) as client:
        await client.upload("clips/1", clip)
    assert asyncio.get_running_loop().time() - began > TIMEOUTS.cold_start
    assert len(reports) == cold_starts
