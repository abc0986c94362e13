"""The bot's process is small, and no library of models or pictures is ever in it."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import always_true, card_of, clip, result_for, settled
from tests.bot.support.fake_telegram import Message, Telegram, User
from tests.bot.support.running_bot import ADMIN, Opener
from tests.support.paths import ROOT

MEGABYTES = 250  #: of 10^6 bytes, at the worst moment
#: what only children load, by the names in sys.modules
HEAVY = (
    *("numpy", "cv2", "av", "PIL", "onnxruntime", "rembg", "mediapipe", "ai_edge_litert"),
    *("torch", "modal", "fastapi", "uvicorn", "skimage", "numba", "scipy"),
)
FORMS = {
    "note": "video_note",
    "animation": "animation",
    "sticker": "document",
    "gif": "document",
    "webm": "document",
    "mov": "document",
}
PROBE = """
import asyncio, sys
import bot.__main__
from aiohttp import web
from backends.renderer_factory import create_render_log
from bot import app, wiring
from bot.operations.logs import RecentLines
from bot.database.engine import create_engine, prepare_database
from settings import Settings

async def main():
    settings = Settings()
    engine, render_log = create_engine(settings.storage), create_render_log(settings)
    telegram = wiring.connect_telegram(settings, engine)
    await prepare_database(engine)
    await wiring.build_application(settings, ("true",), telegram, engine, render_log, RecentLines())
    print(*sys.modules, flush=True)
    app.exit_now(0)

asyncio.run(main())
"""


def peak(bot: BotProcess) -> float:
    """Megabytes of main memory that it ever held."""
    status = Path(f"/proc/{bot.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024 / 1e6


def test_all_its_parts_are_light(tmp_path: Path) -> None:
    """Importing and building the bot loads no library that only child processes need."""
    environment = {
        "BOT_TOKEN": f"4242:{'a' * 35}",
        "DATA_DIR": str(tmp_path),
        "OVERLAY_BACKENDS": "local-cpu,modal",
        "RENDERER": "shotstack",
        "SHOTSTACK_API_KEY": "no-key-of-anybody",
        "MODAL_OVERLAY_ENDPOINT": "https://gpu.example",
    }
    ended = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    loaded = {name.partition(".")[0] for name in ended.stdout.splitlines()[-1].split()}
    assert {"aiogram", "dbos"} <= loaded
    assert loaded.isdisjoint(HEAVY), sorted(loaded & {*HEAVY})


async def whole_talk(bot: BotProcess, user: User, form: str) -> None:
    """A card with its pages, a result, another form of it, and what there is to ask."""
    card = await card_of(user, await user.sends_video(clip()))
    await user.presses("^page:.*:ring$", card)
    await bot.telegram.until(lambda: card.has("^page:.*:first$"), 10, "the page")
    await user.presses("^page:.*:first$", card)
    await bot.telegram.until(lambda: card.has("^make"), 10, "the first page")
    await user.presses("^make", card)
    result = await result_for(user, card)
    await settled(bot, user)
    await user.presses(f"^again:.*:{form}$", result)
    await user.gets(FORMS[form], after=result, within=20)
    await user.sends_text("/style")
    await user.gets("photo")


async def asked(admin: User, command: str) -> Message:
    """What an admin is answered."""
    return await admin.gets(after=await admin.sends_text(command))


@pytest.mark.parametrize(
    "talks", [pytest.param(4, id="a few"), pytest.param(30, id="many", marks=pytest.mark.slow)]
)
async def test_talks_do_not_make_it_large(telegram: Telegram, open_bot: Opener, talks: int) -> None:
    """Whatever the form and the language, and whatever an admin asks."""
    bot = await open_bot().start().ready()
    admin = telegram.user(ADMIN)
    for number, form in zip(range(talks), itertools.cycle(FORMS), strict=False):
        await whole_talk(bot, telegram.user(100 + number, ("en", "ru")[number % 2]), form)
        if not number % 5:
            for command in ("/backend", "/stats", "/queue", "/errors"):
                await asked(admin, command)
            await bot.metrics()
    await always_true(telegram, bot)
    held = peak(bot)
    print(f"{held:.1f} MB after {talks} talks")  # noqa: T201 - figures for a run with -s
    assert held < MEGABYTES
