"""Pictures of the conversation, drawn from what the bot really sent.

Run as ``uv run python -m tests.bot.support.programs.draw_conversations FOLDER``; it needs
Chromium. The bot, its models and its results are real, only Telegram is the tests' own.
"""

import bot  # noqa: F401 - first, for a modern SQLite

# isort: split
import asyncio
import base64
import copy
import html
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from PIL import Image
from skimage import data

from bot.database.drafts import SERIES_SECONDS
from bot.domain.draft import CardPage
from bot.domain.job_request import Language
from bot.ui.callback_data import ShowCardPage
from bot.ui.texts import Texts
from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import MAKE, card_of, living
from tests.bot.support.fake_telegram import Message, Telegram, User
from tests.support.make_clips import make_clip
from tests.support.person_clips import film_of_eileen

Chats = list[list[Message]]

ADMIN = 1
WIDTH = 390  #: of a phone, in CSS pixels
SIDE = 480  #: of the film
FRAMES = 150
STYLE = """
*{box-sizing:border-box} body{margin:0;padding:24px;display:flex;gap:24px;width:fit-content;
font:15px/1.35 Roboto,"DejaVu Sans","Noto Color Emoji",sans-serif;
background:#fff;align-items:flex-start}
.phone{width:390px;background:#cfe0c3;border-radius:18px;padding:14px 10px;display:flex;
flex-direction:column;gap:8px}
.m{max-width:330px;border-radius:14px;background:#fff;padding:7px 10px;white-space:pre-wrap;
overflow-wrap:anywhere}
.mine{align-self:flex-end;background:#e3fec9}
.m.media{padding:0;overflow:hidden} .m.media p{margin:7px 10px}
.shot{position:relative;display:block} .shot img{display:block;width:100%}
.play{position:absolute;inset:0;margin:auto;width:52px;height:52px;border-radius:50%;
background:#0008;color:#fff;font:24px/52px sans-serif;text-align:center;padding-left:4px}
.time{position:absolute;left:8px;top:8px;background:#0008;color:#fff;border-radius:9px;
padding:1px 7px;font-size:12px}
.row{display:flex;gap:4px;width:330px} .row i{flex:1;text-align:center;padding:7px 2px;
border-radius:8px;background:#6b8f5e99;color:#fff;font-style:normal;font-weight:500;font-size:14px;
white-space:nowrap;overflow:hidden}
.row i.success{background:#3fa34d} .row i.danger{background:#d64545}
.row i.primary{background:#3a7bd5}
.buttons{display:flex;flex-direction:column;gap:4px;margin-top:-4px}
pre{margin:0;font:12px/1.4 "DejaVu Sans Mono",monospace;white-space:pre-wrap}
code{font:13px "DejaVu Sans Mono",monospace}
"""


def page(chats: Iterable[Sequence[Message]]) -> str:
    """HTML of some chats, side by side."""
    phones = "".join(f'<div class="phone">{"".join(map(_message, chat))}</div>' for chat in chats)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{phones}"


def _message(message: Message) -> str:
    text = message.html or html.escape(message.text)
    inner, kind = text, "m" if message.by_bot else "m mine"
    if message.media and message.kind == "document":
        inner = f"📄 {html.escape(message.media.name)}"
    elif message.media:
        inner = _shot(message) + (f"<p>{text}</p>" if text else "")
        kind += " media"
    rows = "".join(
        '<div class="row">'
        + "".join(f'<i class="{button.style}">{html.escape(button.text)}</i>' for button in row)
        + "</div>"
        for row in message.buttons
    )
    under = f'<div class="buttons">{rows}</div>' if rows else ""
    return f'<div class="{kind}">{inner}</div>{under}'


def _shot(message: Message) -> str:
    assert message.media is not None
    film = message.kind in {"video", "animation", "video_note"}
    jpeg = _frame(message.content) if film else message.content
    address = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    seconds = message.media.seconds
    over = f'<b class="play">▶</b><b class="time">0:{seconds:02}</b>' if film else ""
    return f'<span class="shot"><img src="{address}">{over}</span>'


def _frame(film: bytes) -> bytes:
    """The middle of a film, as a JPEG."""
    with av.open(BytesIO(film)) as container:
        frames = list(container.decode(video=0))
    picture = BytesIO()
    frames[len(frames) // 2].to_image().save(picture, "JPEG", quality=88)
    return picture.getvalue()


def shoot(source: str, result: Path, chats: int) -> None:
    """Have Chromium draw a page."""
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        page.write_text(source)
        width = 48 + chats * WIDTH + (chats - 1) * 24
        subprocess.run(
            [
                *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--disable-background-networking", "--disable-component-update"),
                *("--disable-sync", "--no-first-run", f"--user-data-dir={folder}/profile"),
                *(f"--window-size={width},2400", f"--screenshot={shot}", f"file://{page}"),
            ],
            check=True,
            capture_output=True,
        )
        with Image.open(shot) as opened:
            picture = opened.convert("RGB")
        picture.crop((0, 0, width, _bottom(picture))).save(result, quality=85, optimize=True)


def _bottom(picture: Image.Image) -> int:
    """Where the white below the chats begins."""
    box = Image.eval(picture, lambda level: 255 - level).getbbox()
    assert box is not None
    return min(picture.height, box[3] + 24)


def now(user: User) -> list[Message]:
    """What the chat shows at this moment."""
    return copy.deepcopy(list(user.telegram.chats[user.chat].shown()))


#: the pages of a card, in three columns
PAGES = (
    ("ring", "background", "more"),
    ("trim", "format", "place", "face"),
    ("effects", "sound", "styles"),
)
SECONDS = FRAMES // 25


async def talk(user: User, film: Path, background: Path) -> Chats:
    """A talk at four moments: the welcome, the card, the progress and the result."""
    await user.sends_text("/start")
    await user.gets("animation")
    moments = [now(user)]
    album = await user.sends_album([film, background], seconds=SECONDS)
    card = await card_of(user, album[0], 60)
    for button in ("^page:.*:ring$", "^ring:.*:white$", "^page:.*:first$"):
        await (await user.presses(button, card)).answered()
        await asyncio.sleep(2)
    moments.append(now(user)[2:])
    await user.presses(MAKE, card)
    await user.gets("text", "▱", after=card, within=60)
    moments.append(now(user)[2:])
    await user.gets("video", after=card, within=120)
    await asyncio.sleep(2)
    moments.append(now(user)[2:])
    return moments


async def pages(user: User, film: Path) -> Chats:
    """A card, and the buttons of its pages."""
    sent = await user.sends_video(film, width=SIDE, height=SIDE, seconds=SECONDS)
    card = await card_of(user, sent, 60)
    draft = card.datas[-1].split(":")[1]
    columns = [now(user)[-1:]]
    for names in PAGES:
        columns.append([])
        for name in names:
            shown = card.datas
            await user.forges(ShowCardPage(draft=draft, page=CardPage(name)).pack(), card)
            await user.telegram.until(lambda shown=shown: card.datas != shown, 10, name)
            buttons = copy.deepcopy(card)
            title = Texts()(Language(user.language), f"button-{name}")
            buttons.media, buttons.text, buttons.html = None, title, f"<b>{title}</b>"
            columns[-1].append(buttons)
    return columns


#: saved styles by their names in each language, and the buttons that make them
LOOKS = {
    ("Lessons", "Уроки"): ("ring:{}:white",),
    ("Stories", "Сторис"): (
        *("shape:{}:none", "size:{}:large", "corner:{}:bottom-left"),
        *("canvas:{}:9x16", "colour:{}:yellow"),
    ),
    ("News", "Новости"): (
        *("shape:{}:rounded", "size:{}:medium", "corner:{}:bottom-right"),
        *("canvas:{}:16x9", "blur:{}", "effect:{}:shadow:2"),
    ),
    ("Close", "Крупно"): (
        *("shape:{}:circle", "size:{}:large", "corner:{}:center", "ring:{}:gold"),
        *("canvas:{}:1x1", "colour:{}:purple"),
    ),
}


async def styles(user: User, friend: User, files: Sequence[Path]) -> Chats:
    """Saved styles, one of them, the same shared with a friend, and an album of *files*."""
    sent = await user.sends_video(files[0], width=SIDE, height=SIDE, seconds=SECONDS)
    card = await card_of(user, sent, 60)
    draft, said = card.datas[-1].split(":")[1], card
    for names, presses in LOOKS.items():
        for press in presses:
            await (await user.forges(press.format(draft), card)).answered(30)
        await (await user.forges(f"save:{draft}:", card)).answered(30)
        await user.gets("text", "💾", after=said, within=30)
        name = await user.sends_text(names[user.language == "ru"])
        said = await user.gets("text", "💾", after=name, within=30)
    begin = len(now(user))
    await user.sends_text("/style")
    shown = await user.gets("photo", within=30)
    moments = [now(user)[begin:]]
    await user.presses("^style:", shown)
    await user.telegram.until(lambda: shown.has("^rename"), 10, "one style")
    moments.append(now(user)[-1:])
    code = shown.text.rpartition("?start=")[2].split()[0]
    await friend.gets("photo", after=await friend.sends_text(f"/start {code}"), within=30)
    moments.append(now(friend))
    begin = len(now(user))
    await asyncio.sleep(SERIES_SECONDS)  # the album has a card of its own
    album = await user.sends_album(files, seconds=SECONDS)
    await card_of(user, album[0], 90)
    await asyncio.sleep(3)
    moments.append(now(user)[begin:])
    return moments


async def after(user: User, film: Path) -> Chats:
    """What follows a result: *Change*, what is kept, and errors."""
    sent = await user.sends_video(film, width=SIDE, height=SIDE, seconds=SECONDS)
    card = await card_of(user, sent, 60)
    await user.presses(MAKE, card)
    result = await user.gets("video", after=card, within=120)
    await asyncio.sleep(2)
    moments = [now(user)]
    await user.presses("^edit", result)
    await card_of(user, result, 60)
    await asyncio.sleep(1)
    moments.append(now(user)[-1:])
    begin = len(now(user))
    await user.sends_text("/privacy")
    await user.sends_text("?")
    await user.sends_document(b"%PDF", name="talk.pdf", mime="application/pdf")
    await user.sends_document(b"nonsense" * 99, name="talk.mp4", mime="video/mp4")
    await asyncio.sleep(5)
    moments.append(now(user)[begin:])
    return moments


async def several(user: User, film: Path, background: Path) -> Chats:
    """An album, one clip of which shows nobody: its card, and what one press makes of it."""
    picture = np.asarray(Image.open(background).convert("RGB").resize((SIDE, SIDE)))
    empty = make_clip(film.with_name("empty.mp4"), [picture] * FRAMES, rate=25)
    album = await user.sends_album([film, empty, background], seconds=SECONDS)
    card = await card_of(user, album[0], 60)
    moments = [now(user)]
    await user.presses(MAKE, card)
    await user.gets("text", "▱", after=card, within=60)
    moments.append(now(user)[4:])
    await user.gets("text", "1", after=card, within=120, where=lambda m: not m.buttons)
    await asyncio.sleep(2)
    moments.append(now(user)[4:])
    return moments


async def ask(admin: User) -> Chats:
    """What an admin is told."""
    chats = []
    for columns in (("/backend", "/stats"), ("/queue", "/errors")):
        begin = len(now(admin))
        for command in columns:
            await admin.gets("text", after=await admin.sends_text(command))
        chats.append(now(admin)[begin:])
    return chats


def main(result: Path) -> None:
    """Talk, and draw."""
    with tempfile.TemporaryDirectory() as name, Telegram() as telegram:
        folder = Path(name)
        film = film_of_eileen(folder / "talk.mp4", FRAMES, side=SIDE, tone=220)
        rocket = folder / "rocket.jpg"
        Image.fromarray(data.rocket()).save(rocket)
        second = film_of_eileen(folder / "second.mp4", FRAMES, side=SIDE, tone=90)
        files = (film, second, rocket)
        ann, olga = telegram.user(2, "en", "Ann"), telegram.user(3, "ru", "Ольга")
        with living(BotProcess(telegram, folder / "bot")) as process:

            async def run() -> dict[str, Chats]:
                await process.start(LOG_LEVEL="INFO").ready()
                return {
                    "talk": await talk(ann, film, rocket),
                    "pages": await pages(telegram.user(4, "en", "Bob"), film),
                    "styles": await styles(
                        telegram.user(8, "en", "Max"), telegram.user(9, "en", "Liz"), files
                    ),
                    "talk_ru": await talk(olga, film, rocket),
                    "pages_ru": await pages(telegram.user(5, "ru", "Иван"), film),
                    "styles_ru": await styles(
                        telegram.user(10, "ru", "Лев"), telegram.user(11, "ru", "Ия"), files
                    ),
                    "after": await after(telegram.user(6, "en", "Kim"), film),
                    "after_ru": await after(telegram.user(7, "ru", "Юлия"), film),
                    "several": [
                        *await several(telegram.user(8, "en", "Pat"), film, rocket),
                        *await several(telegram.user(9, "ru", "Пётр"), film, rocket),
                    ],
                    "admin": await ask(telegram.user(ADMIN, "en", "Admin")),
                }

            drawn = asyncio.run(run())
    for picture, chats in drawn.items():
        shoot(page(chats), result / f"{picture}.jpg", len(chats))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
