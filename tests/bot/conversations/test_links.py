"""A talk about a link, in a network in which the whole world is this machine."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from tests.backends.support.isolated_network import (
    PUBLIC,
    IsolatedNetwork,
    open_isolated_network,
    serve_dns,
    serve_on_all_addresses,
)
from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import (
    always_true,
    card_of,
    clip,
    living,
    make_tools,
    result_for,
)
from tests.bot.support.fake_telegram import Telegram
from tests.bot.support.forked_processes import Nursery

#: as a name server is waited for where nothing else is configured
WAITING = {"RES_OPTIONS": "timeout:5 attempts:2"}
PAGE = "<!doctype html><title>A page about a video</title>"


def site(content: bytes) -> web.Application:
    """A clip, a page, and a way to somewhere private."""
    app = web.Application()

    async def film(_: web.Request) -> web.Response:
        return web.Response(body=content, content_type="video/mp4")

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def away(_: web.Request) -> web.Response:
        raise web.HTTPFound("http://169.254.169.254/latest/meta-data")

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "10000000"})
        await response.prepare(request)
        with suppress(ConnectionError):
            for _ in range(100):
                await response.write(bytes(10_000))
                await asyncio.sleep(0.5)
        return response

    app.router.add_get("/slow/{number}", slow)
    app.router.add_get("/clip.mp4", film)
    app.router.add_get("/page", page)
    app.router.add_get("/away", away)
    return app


async def talk_of_links(folder: Path) -> None:
    """From a link to a video; and links that lead nowhere."""
    with Telegram() as telegram, Nursery() as nursery:
        bot = BotProcess(telegram, folder, make_tools(folder / "tools"), nursery=nursery)
        async with serve_dns(lambda _: [PUBLIC]), serve_on_all_addresses(site(clip()), 80):
            with living(bot):
                await bot.start().ready()
                ann = telegram.user(7)
                sent = await ann.sends_text("http://films.example/clip.mp4 please")
                card = await card_of(ann, sent)
                await ann.presses("^make", card)
                await result_for(ann, card)
                for link in (
                    "http://films.example/page",
                    "http://films.example/away",
                    "http://films.example/nothing",
                    "http://127.0.0.1/clip.mp4",
                    "file:///etc/passwd",
                    "https://user:word@films.example/clip.mp4",
                ):
                    sent = await ann.sends_text(link)
                    answer = await ann.gets("text", after=sent, where=lambda m: m.edits or True)
                    await telegram.quiet(0.6)
                    assert answer.text
                    assert "169.254" not in answer.text
                    assert not ann.sees("photo", after=sent), link
                await always_true(telegram, bot)


async def measure_wait(telegram: Telegram, user: int) -> float:
    """Return the seconds until a user has the card of a link."""
    ann, began = telegram.user(user), time.monotonic()
    await card_of(ann, await ann.sends_text("http://films.example/clip.mp4"), within=30)
    return time.monotonic() - began


async def talk_beside_bad_links(folder: Path, link: str) -> None:
    """Eight links that take long do not hold up another user."""

    def resolve(name: str) -> list[str] | None:
        return None if name.startswith("silent") else [PUBLIC]

    with Telegram() as telegram, Nursery() as nursery:
        bot = BotProcess(telegram, folder, make_tools(folder / "tools"), WAITING, nursery)
        async with serve_dns(resolve), serve_on_all_addresses(site(clip()), 80):
            with living(bot):
                await bot.start().ready()
                alone = await measure_wait(telegram, 7)
                greedy = telegram.user(8)
                for number in range(8):
                    await greedy.sends_text(link.format(number))
                await asyncio.sleep(0.5)
                assert await measure_wait(telegram, 9) < alone + 2


@pytest.fixture
def world(tmp_path: Path) -> IsolatedNetwork:
    """The network of its own."""
    with open_isolated_network(tmp_path) as lab:
        yield lab


def test_a_link_becomes_a_video(world: IsolatedNetwork, tmp_path: Path) -> None:
    """It is fetched through the guard, which lets nothing private through."""
    world.run(lambda: asyncio.wait_for(talk_of_links(tmp_path), 60))


@pytest.mark.parametrize("link", ["http://silent{}.example/clip", "http://films.example/slow/{}"])
def test_bad_links_of_one_user_hold_up_nobody(
    world: IsolatedNetwork, tmp_path: Path, link: str
) -> None:
    """Neither those whose name server is silent, nor those that come slowly."""
    world.run(lambda: asyncio.wait_for(talk_beside_bad_links(tmp_path, link), 60))
