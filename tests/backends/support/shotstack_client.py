"""The client at the fake Shotstack, in a hurry."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from backends.shotstack.client import Account, Allowance, Shotstack, opened
from backends.shotstack.rate_limiter import Pace, Seen
from backends.shotstack.render_log import LONGEST, Callbacks
from backends.state_file import Shelf
from tests.backends.support.fake_shotstack import KEY, FakeShotstack

HURRY = Pace(
    answer=2,
    gate=20,
    budget=3,
    pause=0.02,
    transfer=2,
    poll=0.05,
    slowest=0.1,
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
    allowed: Allowance | None = None,
    **changes: float,
) -> AsyncIterator[Shotstack]:
    """A client that keeps its files in *folder*; *changes* are of its pace."""
    account = Account(SecretStr(key), "stage", fake.url, allowed)
    kept = Shelf(folder / "seen.json", Seen)
    async with (
        ClientSession(trust_env=False) as outside,
        opened(account, outside, kept, replace(HURRY, **changes)) as shotstack,
    ):
        yield shotstack


@asynccontextmanager
async def hearing(callbacks: Callbacks) -> AsyncIterator[str]:
    """Serve the route of callbacks; gives the address with its secret."""

    async def heard(request: web.Request) -> web.Response:
        body = await request.content.read(LONGEST + 1)
        named = request.match_info
        return web.Response(status=callbacks.heard(named["secret"], named["intent"], body))

    app = web.Application()
    app.router.add_post("/shotstack/{secret}/{intent}", heard)
    async with TestServer(app) as server:
        yield f"{str(server.make_url('')).rstrip('/')}/shotstack/{callbacks.secret}"


def edit(length: float = 1.0, src: str = "https://films.example.com/film.mp4") -> dict[str, Any]:
    """A small one."""
    clip = {"asset": {"type": "video", "src": src}, "start": 0, "length": length}
    return {
        "timeline": {"tracks": [{"clips": [clip]}]},
        "output": {"format": "mp4", "size": {"width": 160, "height": 96}, "fps": 25},
    }
