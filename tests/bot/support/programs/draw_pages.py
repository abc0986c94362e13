"""Pictures of the pages for the documentation: ``python -m tests.bot.support.programs.draw_pages``.

The dashboard has a hundred jobs, a dead backend, and a budget that is nearly spent.
"""

import asyncio
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, expect

from tests.bot.support.bot_process import NURSERY, BotProcess, free_port
from tests.bot.support.browser import PHONE, browsing, take_picture, visiting
from tests.bot.support.conversation import card_of, clip, living, make_tools, ordered
from tests.bot.support.fake_telegram import TOKEN, Telegram
from tests.bot.support.job_runtime import CLIP
from tests.bot.support.running_bot import ADMIN
from tests.bot.support.signed_requests import launch
from tests.support.paths import ROOT
from tests.support.person_clips import film_of_eileen

DOCS = ROOT / "docs"
SITE = "https://bot.example"
#: in place of Telegram's own, which is outside of the page
SHOW_OWN_BUTTON = "document.getElementById('make').hidden = false"
DAY = 86400
REASONS = ("poison", "no_person", "too_long_clip", "gone_file", "corrupt")


def fill(bot: BotProcess, waiting: int = 98, ended: int = 900) -> None:
    """Jobs that wait, and those of a month, with what they took and cost."""
    with closing(
        sqlite3.connect(bot.folder / "data" / "overlaybot.sqlite", timeout=10)
    ) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(jobs)")]
        (model,) = database.execute("SELECT * FROM jobs LIMIT 1").fetchall()
        template, now = dict(zip(columns, model, strict=True)), time.time()
        chance = random.Random(3)  # noqa: S311 - numbers for a picture
        for number in range(waiting + ended):
            created = now - (number if number < waiting else chance.random() * 28 * DAY)
            row = template | {
                "id": f"job-{number:04}",
                "origin": f"draft:{number}",
                "user": 5000 + number % 60,
                "order": json.dumps({"clip": json.loads(CLIP.model_dump_json()), "look": {}}),
                "state": "waiting",
                "stage": "",
                "created": created,
                "started": None,
                "status": None,
            }
            if number >= waiting:
                is_failed = chance.random() < 0.06
                row |= {"state": "failed" if is_failed else "done", "ended": created + 60}
                row |= {"fault": chance.choice(REASONS) if is_failed else None}
                measure(database, row, chance)
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO jobs VALUES ({marks})", [row[name] for name in columns])  # noqa: S608 - of our own columns
        database.commit()


def measure(database: sqlite3.Connection, row: dict[str, object], chance: random.Random) -> None:
    """What the stages of a job took and cost."""
    for stage, seconds in {
        "fetch": 2,
        "plan": 1,
        "mattes": 30,
        "compose": 12,
        "deliver": 4,
    }.items():
        place = "modal" if stage == "mattes" else "local"
        values = (row["id"], stage, place, seconds * chance.uniform(0.5, 2), 0.01, row["ended"])
        database.execute(
            "INSERT INTO measures (job, stage, place, seconds, dollars, at) VALUES (?,?,?,?,?,?)",
            values,
        )


async def draw_dashboard(browser: Browser, telegram: Telegram, folder: Path, tools: Path) -> None:
    """On a desk, and on a phone in the dark."""
    dead = f"https://127.0.0.1:{free_port()}"
    environment = {
        "OVERLAY_BACKENDS": f"{dead},local-cpu",
        "OVERLAY_TOKEN": "canary",
        "BUDGET_USD": "10",
    }
    data = folder / "ops" / "data"
    data.mkdir(parents=True)
    month = time.strftime("%Y-%m", time.gmtime())
    (data / "money.json").write_text(json.dumps({month: {"bookings": {"a": 9.4}}}))
    with living(BotProcess(telegram, folder / "ops", tools, environment)) as bot:
        await bot.start().ready()
        for number in (1, 2):
            user = telegram.user(100 + number)
            await ordered(user, clip(matte={"seconds": 60}))
        fill(bot)
        address = f"http://127.0.0.1:{bot.port}/ops{launch(TOKEN, ADMIN)}"
        async with visiting(browser, address, viewport={"width": 1280, "height": 1560}) as desk:
            await expect(desk.page.locator("#jobs tbody tr")).to_have_count(100, timeout=20000)
            await desk.page.get_by_role("button", name="Test local-cpu").click()
            await desk.page.locator("#yes").click()
            await expect(desk.page.locator("#audit tbody tr")).to_have_count(1)
            await desk.page.get_by_role("button", name="30 days").click()
            await asyncio.sleep(5)
            await take_picture(desk.page, folder / "desk.jpg")
            await desk.is_safe()
        dark = launch(TOKEN, ADMIN, language="ru")
        address = f"http://127.0.0.1:{bot.port}/ops{dark}"
        async with visiting(browser, address, **PHONE, color_scheme="dark") as phone:
            await expect(phone.page.locator("#jobs tbody tr")).to_have_count(100, timeout=20000)
            await asyncio.sleep(1)
            await take_picture(phone.page, folder / "phone.jpg")
    join([folder / "desk.jpg", folder / "phone.jpg"], DOCS / "ops.jpg", 1100)


async def draw_editor(browser: Browser, telegram: Telegram, folder: Path) -> None:
    """On a phone, light and in Russian, and dark."""
    clip_path = film_of_eileen(folder / "clip.mp4", 50, side=720)
    user = telegram.user(200)
    with living(BotProcess(telegram, folder / "editor", None, {"PUBLIC_URL": SITE})) as bot:
        await bot.start().ready()
        card = await card_of(user, await user.sends_video(clip_path), within=60)
        page = card.button("Editor").page.replace(SITE, f"http://127.0.0.1:{bot.port}")
        pictures = []
        for scheme, language, shape, background, tab in (
            ("light", "ru", "Прямоуг.", 8, "look"),
            ("dark", "en", "Cut out", 6, "behind"),
        ):
            address = page + launch(TOKEN, user.id, language=language)
            async with visiting(browser, address, **PHONE, color_scheme=scheme) as visit:
                await expect(visit.page.locator("body[data-ready]")).to_be_attached()
                await visit.page.evaluate(SHOW_OWN_BUTTON)
                await visit.page.locator("#rings button").nth(1).click()
                await visit.page.get_by_role("button", name=shape, exact=True).click()
                await visit.page.locator("#shadow").fill("0.6")
                await visit.page.locator("#tab-behind").click()
                await visit.page.locator("#backgrounds button").nth(background).click()
                await visit.page.locator(f"#tab-{tab}").click()
                for key in ("ArrowLeft", "ArrowUp"):
                    await visit.page.locator("#stage").press(f"Shift+{key}")
                await asyncio.sleep(0.5)
                pictures.append(folder / f"editor-{scheme}.jpg")
                await take_picture(visit.page, pictures[-1])
    join(pictures, DOCS / "editor.jpg", 1000)


def join(pictures: list[Path], result: Path, height: int) -> None:
    """Put pictures beside each other, all of that height."""
    images = [Image.open(path) for path in pictures]
    images = [one.resize((round(one.width * height / one.height), height)) for one in images]
    sheet = Image.new("RGB", (sum(one.width + 16 for one in images) - 16, height), "white")
    left = 0
    for one in images:
        sheet.paste(one, (left, 0))
        left += one.width + 16
    sheet.save(result, quality=72, optimize=True, progressive=True)


async def main(folder: Path) -> None:
    """Draw all."""
    tools = shutil.copytree(make_tools(folder / "small"), folder / "tools")
    with NURSERY, Telegram() as telegram:
        telegram.user(ADMIN)
        async with browsing() as browser:
            await draw_dashboard(browser, telegram, folder, tools)
            await draw_editor(browser, telegram, folder)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(main(Path(name)))
    sys.stdout.write("drawn\n")
