"""The pages on $PORT."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from backends.shotstack.render_log import CallbackReceiver, RenderLog
from bot.operations.http import (
    MAX_UPDATE_BYTES,
    WEBHOOK_HEADER,
    Readiness,
    RecentEvent,
    build_webhook_url,
    create_callback_route,
    create_web_app,
    create_webhook_route,
)
from video_editing import ffmpeg

SECRET = "canary-of-the-webhook-secret"  # noqa: S105 - of a webhook that is not there
Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def serving(readiness: Readiness, *routes: web.RouteDef) -> AsyncIterator[Client]:
    """A client of the pages."""
    async with TestClient(TestServer(create_web_app(readiness, routes))) as client:
        yield client


class Taker:
    """Notes the updates that were brought."""

    def __init__(self) -> None:
        self.taken: list[Mapping[str, Any]] = []

    async def take(self, update: Mapping[str, Any]) -> None:
        """One came."""
        self.taken.append(update)


ADDRESS = build_webhook_url("https://bot.example/telegram", SECRET)


@pytest.fixture
def taker() -> Taker:
    """Nothing came yet."""
    return Taker()


@pytest.fixture
async def hook(taker: Taker) -> AsyncIterator[Client]:
    """A client of a webhook."""
    async with serving(Readiness(), create_webhook_route(ADDRESS, SECRET, taker.take)) as client:
        yield client


async def test_it_lives_before_it_works() -> None:
    """The platform takes it for healthy while it waits for its turn; others see for what."""
    async with serving(Readiness()) as client:
        assert (await client.get("/healthz")).status == 200
        answer = await client.get("/readyz")
        assert answer.status == 503
        assert await answer.json() == {"ready": False, "missing": ["lease"]}
        assert (await client.get("/metrics")).status == 503


async def test_it_tells_versions() -> None:
    """Such as that of FFmpeg, so that an old one is noticed."""
    async with serving(Readiness(versions={"ffmpeg": ffmpeg.get_version()})) as client:
        answer = await (await client.get("/readyz")).json()
        assert re.fullmatch(r"\w[\w.+-]*", answer["ffmpeg"])


async def test_what_is_missing_has_a_name() -> None:
    """What raises counts as missing, and is not shown."""

    async def fine() -> bool:
        return True

    async def broken() -> bool:
        raise OSError("canary")

    async def stuck() -> bool:
        await asyncio.sleep(60)
        return True

    readiness = Readiness({"telegram": fine, "database": broken, "stuck": stuck})
    async with serving(readiness) as client:
        answer = await client.get("/readyz")
        assert (answer.status, await answer.json()) == (
            503,
            {"ready": False, "missing": ["database", "stuck"]},
        )
        readiness.checks = {"telegram": fine}
        answer = await client.get("/readyz")
        assert (answer.status, await answer.json()) == (200, {"ready": True, "missing": []})


async def test_lately_ends() -> None:
    """Who has not answered for so long is away."""
    seen = RecentEvent(0.05)
    assert not await seen()
    seen.record()
    assert await seen()
    await asyncio.sleep(0.06)
    assert not await seen()


async def test_an_update_is_taken(hook: Client, taker: Taker) -> None:
    """At the address and with the secret that Telegram has."""
    answer = await hook.post(ADDRESS.path, json={"update_id": 1}, headers={WEBHOOK_HEADER: SECRET})
    assert (answer.status, taker.taken) == (200, [{"update_id": 1}])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {WEBHOOK_HEADER: ""},
        {WEBHOOK_HEADER: SECRET[:-1]},
        {WEBHOOK_HEADER: f"{SECRET}x"},
        {WEBHOOK_HEADER: "ü\udcff"},
    ],
)
async def test_who_does_not_show_the_secret_is_sent_away(
    hook: Client, taker: Taker, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """With 401; nothing of the request is logged."""
    caplog.set_level("DEBUG")
    raw = {
        name.encode(): value.encode("utf-8", "surrogateescape") for name, value in headers.items()
    }
    assert await _posted(hook, raw) == 401
    assert taker.taken == []
    assert "forged" not in caplog.text


async def _posted(client: Client, headers: dict[bytes, bytes]) -> int:
    """Post by hand, since no client sends such headers; gives the status."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    body = b'{"message": "forged"}'
    lines = [b"%s: %s" % header for header in headers.items()]
    head = [b"POST %s HTTP/1.1" % ADDRESS.path.encode(), b"Host: x", *lines]
    writer.write(b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body]))
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return int(status.split()[1])


async def test_the_address_cannot_be_guessed() -> None:
    """It reveals nothing of the secret, and stays the same."""
    assert SECRET not in str(ADDRESS)
    assert str(ADDRESS).startswith("https://bot.example/telegram/")
    assert len(ADDRESS.name) == 32
    assert build_webhook_url("https://bot.example/telegram", SECRET) == ADDRESS
    assert build_webhook_url("https://bot.example/telegram/", SECRET) == ADDRESS
    assert build_webhook_url("https://bot.example", SECRET).path == f"/{ADDRESS.name}"
    assert build_webhook_url("https://bot.example/telegram", SECRET[1:]) != ADDRESS


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe"])
async def test_what_is_no_update_is_refused(hook: Client, taker: Taker, body: bytes) -> None:
    """Without a word in the log."""
    answer = await hook.post(ADDRESS.path, data=body, headers={WEBHOOK_HEADER: SECRET})
    assert (answer.status, taker.taken) == (400, [])


async def test_what_is_too_large_is_refused(hook: Client, taker: Taker) -> None:
    """No update is a megabyte."""
    answer = await hook.post(
        ADDRESS.path, data=BytesIO(bytes(2 * MAX_UPDATE_BYTES)), headers={WEBHOOK_HEADER: SECRET}
    )
    assert (answer.status, taker.taken) == (413, [])


async def test_shotstack_is_heard_at_a_secret_address(tmp_path: Any) -> None:
    """And nowhere else."""
    receiver = CallbackReceiver(SecretStr("key"), RenderLog(tmp_path / "renders.json"))
    async with serving(Readiness(), create_callback_route(receiver)) as client:
        for path in (f"/shotstack/{receiver.secret}/unknown", "/shotstack/guessed/unknown"):
            assert (await client.post(path, json={})).status == 404


async def test_nothing_else_is_there(hook: Client) -> None:
    """Not even under other methods."""
    assert (await hook.get("/")).status == 404
    assert (await hook.get(ADDRESS.path)).status == 405
    async with ClientSession() as session, session.get(hook.make_url("/../etc/passwd")) as answer:
        assert answer.status == 404
