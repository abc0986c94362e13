"""Requests of `ServiceClient` to real HTTP servers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from backends.errors import BackendUnavailable, FailureKind
from backends.remote.http_client import MAX_FAILED_DOWNLOADS, ServiceClient
from tests.backends.support.running_service import SHORT_TIMEOUTS
from video_editing.contract.progress import ignore

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

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


CONTENT = bytes(range(256)) * 4096  #: of a file that is downloaded
HEADERS = {"Job-Id": "1", "ETag": '"a"'}


async def download(handler: Handler, folder: Path) -> bytes:
    """Return what arrives of the file that *handler* serves."""
    app = web.Application()
    app.router.add_get("/file", handler)
    async with open_client(app, ignore) as client:
        await client.download("file", folder / "file", len(CONTENT), "1")
    return (folder / "file").read_bytes()


def break_off(*, etag: str, breaks: int, offered: list[int]) -> Handler:
    """Serve the file, but close the connection halfway through the first *breaks* bodies.

    *offered* receives the first byte of each body.
    """

    async def serve(request: web.Request) -> web.StreamResponse:
        begin = 0
        if request.headers.get("If-Range") == etag:
            begin = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        offered.append(begin)
        headers = HEADERS | {"ETag": etag, "Content-Length": str(len(CONTENT) - begin)}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"
        answer = web.StreamResponse(status=206 if begin else 200, headers=headers)
        await answer.prepare(request)
        is_broken = len(offered) <= breaks
        end = (begin + len(CONTENT)) // 2 if is_broken else len(CONTENT)
        await answer.write(CONTENT[begin:end])
        if is_broken:
            await asyncio.sleep(0.05)  # so that the bytes arrive before the end
            assert request.transport is not None
            request.transport.abort()
        return answer

    return serve


async def test_a_download_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    """The service sends each byte once, and the file is complete."""
    offered: list[int] = []
    assert await download(break_off(etag='"a"', breaks=2, offered=offered), tmp_path) == CONTENT
    assert offered == [0, len(CONTENT) // 2, len(CONTENT) * 3 // 4]


async def test_another_version_of_the_file_is_downloaded_from_its_start(tmp_path: Path) -> None:
    """Parts of two versions are never joined."""
    offered: list[int] = []
    first = break_off(etag='"a"', breaks=1, offered=offered)
    second = break_off(etag='"b"', breaks=0, offered=offered)

    async def serve(request: web.Request) -> web.StreamResponse:
        return await (second if offered else first)(request)

    assert await download(serve, tmp_path) == CONTENT
    assert offered == [0, 0]


async def test_a_download_that_no_longer_moves_is_given_up(tmp_path: Path) -> None:
    """A service that always breaks off at the same byte is not asked for ever."""
    offered: list[int] = []
    with pytest.raises(BackendUnavailable) as caught:
        await download(break_off(etag="", breaks=99, offered=offered), tmp_path)
    assert caught.value.kind is FailureKind.UNREACHABLE
    assert len(offered) <= 1 + MAX_FAILED_DOWNLOADS
