"""A talk about a link, in a network in which the whole world is this machine."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from tests.backends.support.isolated_network import PUBLIC, Lab, listening, naming, opened_lab
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

    app.router.add_get("/clip.mp4", film)
    app.router.add_get("/page", page)
    app.router.add_get("/away", away)
    return app


async def talk_of_links(folder: Path) -> None:
    """From a link to a video; and links that lead nowhere."""
    with Telegram() as telegram, Nursery() as nursery:
        bot = BotProcess(telegram, folder, make_tools(folder / "tools"), nursery=nursery)
        async with naming(lambda _: [PUBLIC]), listening(site(clip()), 80):
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


@pytest.fixture
def world(tmp_path: Path) -> Lab:
    """The network of its own."""
    with opened_lab(tmp_path) as lab:
        yield lab


def test_a_link_becomes_a_video(world: Lab, tmp_path: Path) -> None:
    """It is fetched through the guard, which lets nothing private through."""
    world.run(lambda: asyncio.wait_for(talk_of_links(tmp_path), 60))
