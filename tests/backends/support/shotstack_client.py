"""A client of the fake Shotstack, with short timeouts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from backends.shotstack.client import RequestLimits, ShotstackAccount, ShotstackClient, open_client
from backends.shotstack.rate_limiter import RequestLog, ShotstackTimeouts
from backends.shotstack.render_log import MAX_CALLBACK_BYTES, CallbackReceiver
from backends.state_file import JsonStateFile
from tests.backends.support.fake_shotstack import KEY, FakeShotstack

HURRY = ShotstackTimeouts(
    response=2,
    gate=20,
    retry_total=3,
    retry_wait=0.02,
    transfer=2,
    poll=0.05,
    max_poll=0.1,
    grace=0.5,
    ingest=5,
    deadline=5,
    adoption=1,
)


@asynccontextmanager
async def client(
    fake: FakeShotstack,
    folder: Path,
    *,
    key: str = KEY,
    allowed: RequestLimits | None = None,
    **changes: float,
) -> AsyncIterator[ShotstackClient]:
    """Open a client with its state files in *folder*; *changes* are of its timeouts."""
    account = ShotstackAccount(SecretStr(key), "stage", fake.url, allowed)
    kept = JsonStateFile(folder / "seen.json", RequestLog)
    async with (
        ClientSession(trust_env=False) as outside,
        open_client(account, outside, kept, replace(HURRY, **changes)) as shotstack,
    ):
        yield shotstack


@asynccontextmanager
async def hearing(callbacks: CallbackReceiver) -> AsyncIterator[str]:
    """Serve the route of callbacks, and yield its address with the secret."""

    async def heard(request: web.Request) -> web.Response:
        body = await request.content.read(MAX_CALLBACK_BYTES + 1)
        named = request.match_info
        return web.Response(status=callbacks.receive(named["secret"], named["intent"], body))

    app = web.Application()
    app.router.add_post("/shotstack/{secret}/{intent}", heard)
    async with TestServer(app) as server:
        yield f"{str(server.make_url('')).rstrip('/')}/shotstack/{callbacks.secret}"


def edit(length: float = 1.0, src: str = "https://films.example.com/film.mp4") -> dict[str, Any]:
    """Return a small edit."""
    clip = {"asset": {"type": "video", "src": src}, "start": 0, "length": length}
    return {
        "timeline": {"tracks": [{"clips": [clip]}]},
        "output": {"format": "mp4", "size": {"width": 160, "height": 96}, "fps": 25},
    }
