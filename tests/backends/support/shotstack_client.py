"""The Shotstack client with short timeouts, connected to the fake."""

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

SHORT_TIMEOUTS = ShotstackTimeouts(
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
async def open_fake_client(
    fake: FakeShotstack,
    folder: Path,
    *,
    key: str = KEY,
    limits: RequestLimits | None = None,
    **changes: float,
) -> AsyncIterator[ShotstackClient]:
    """Open a client with its files in *folder*; *changes* replace timeouts."""
    account = ShotstackAccount(SecretStr(key), "stage", fake.url, limits)
    state_file = JsonStateFile(folder / "seen.json", RequestLog)
    async with (
        ClientSession(trust_env=False) as session,
        open_client(account, session, state_file, replace(SHORT_TIMEOUTS, **changes)) as shotstack,
    ):
        yield shotstack


@asynccontextmanager
async def serve_callbacks(callbacks: CallbackReceiver) -> AsyncIterator[str]:
    """Serve the callback route and yield its address with the secret."""

    async def receive(request: web.Request) -> web.Response:
        body = await request.content.read(MAX_CALLBACK_BYTES + 1)
        path = request.match_info
        return web.Response(status=callbacks.receive(path["secret"], path["intent"], body))

    app = web.Application()
    app.router.add_post("/shotstack/{secret}/{intent}", receive)
    async with TestServer(app) as server:
        yield f"{str(server.make_url('')).rstrip('/')}/shotstack/{callbacks.secret}"


def make_edit(
    length: float = 1.0, src: str = "https://films.example.com/film.mp4"
) -> dict[str, Any]:
    """Make an edit of one small clip."""
    clip = {"asset": {"type": "video", "src": src}, "start": 0, "length": length}
    return {
        "timeline": {"tracks": [{"clips": [clip]}]},
        "output": {"format": "mp4", "size": {"width": 160, "height": 96}, "fps": 25},
    }
