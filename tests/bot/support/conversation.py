"""What conversations share: files to send, results, and what must hold at the end of each."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from tests.bot.support.bot_process import CANARIES, BotProcess, kill_all
from tests.bot.support.fake_telegram import Call, Message, Telegram, User
from tests.support.make_clips import drawn, make_clip

MARK = b"\nmade of "
OVER = ("done", "failed", "cancelled")
RESULTS = ("sendVideo", "sendVideoNote", "sendDocument", "sendAnimation", "sendSticker")
THREADS = 24  #: of the bot's process at most
LAG = 0.25  #: seconds; the loop's 99th percentile
SETTLED = 20.0  #: seconds after a start, in which types are built and pages read once
FOLDERS_SECONDS = 60.0  #: in which a job's files must be gone


def make_tools(folder: Path) -> Path:
    """The small real files that the stand-in passes off as its work."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = list(drawn(8, (64, 64)))
    make_clip(folder / "result.mp4", pictures, rate=4)
    make_clip(folder / "result.webm", pictures, rate=4, codec="libvpx-vp9")
    make_clip(folder / "result.mov", pictures, rate=4)
    Image.fromarray(pictures[0]).resize((320, 320)).save(folder / "result.jpg")
    Image.fromarray(pictures[0]).save(folder / "result.webp")
    still, *rest = map(Image.fromarray, pictures)
    still.save(folder / "result.gif", save_all=True, append_images=rest)
    return folder


def clip(**behaviour: dict[str, Any]) -> bytes:
    """A file for the stand-in, unlike any other; its runs go as *behaviour* says, by command."""
    return json.dumps(behaviour | {"id": time.monotonic_ns()}).encode() + b"\n" + b"film" * 5000


def made_of(content: bytes) -> dict[str, Any]:
    """What the stand-in made *content* from: the clip's digest, the command, its words."""
    summary = json.loads(content.rpartition(MARK)[2])
    assert isinstance(summary, dict)
    return summary


def words(content: bytes) -> str:
    """The command line with which the stand-in made *content*."""
    return " ".join(made_of(content)["words"])


@contextmanager
def living(bot: BotProcess) -> Iterator[BotProcess]:
    """Nothing of *bot* is left afterwards."""
    try:
        yield bot
    finally:
        bot.kill()
        kill_all(bot.children())


async def hooked(telegram: Telegram, bot: BotProcess) -> BotProcess:
    """*bot*, behind a router that knows its port."""
    telegram.updates.proxies["bot.example"] = f"http://127.0.0.1:{bot.port}"
    await bot.start().ready()
    await telegram.until(lambda: telegram.updates.webhook, 10, "a webhook")
    return bot


# what users do


async def card_of(user: User, sent: Message, within: float = 15) -> Message:
    """The card that comes for the clip *sent*."""
    return await user.gets("photo", after=sent, within=within, where=lambda m: m.buttons)


async def ordered(user: User, content: bytes | Path, within: float = 15) -> Message:
    """Send a clip and press *Make it*; gives the card."""
    card = await card_of(user, await user.sends_video(content), within)
    await user.presses(MAKE, card)
    return card


async def result_for(user: User, card: Message, within: float = 20, kind: str = "video") -> Message:
    """What comes of it."""
    return await user.gets(kind, after=card, within=within)


async def settled(bot: BotProcess, user: User) -> None:
    """Wait until all jobs of *user* are over, a moment after their results came."""
    await user.telegram.until(
        lambda: len(over(bot, user)) == len(jobs_of(bot, user)), 10, "all jobs are over"
    )


#: part of the data of buttons, by which they are found in every language
MAKE = "^make"


def results(telegram: Telegram, chat: int | None = None) -> list[Call]:
    """What the bot sent that arrived, as results; its welcome is none."""
    calls = telegram.calls.of(*RESULTS, chat=chat)
    return [
        call
        for call in calls
        if call.result is not None and '"sample"' not in str(call.arguments.get("reply_markup"))
    ]


# what must hold


async def always_true(telegram: Telegram, bot: BotProcess, *, twice: int = 0) -> None:
    """What must hold at the end of every talk.

    Args:
        telegram: over which it went.
        bot: with whom.
        twice: how many results may have come twice, because we died while they were sent.
    """
    rows = await all_over(bot)
    done = [row for row in rows if row["state"] == "done"]
    closed = {chat.id for chat in telegram.chats.values() if chat.closed}
    for chat in {row["chat"] for row in rows} - closed:
        sent = len(results(telegram, chat)) or len(
            results(telegram, telegram.chats[chat].moved or chat)
        )
        wanted = sum(row["chat"] == chat for row in done)
        assert wanted <= sent <= wanted + twice, f"{sent} results for {wanted} jobs in {chat}"
    await folders_gone(bot)
    if bot.alive:
        await telegram.until(lambda: not bot.children(), 5, f"children left: {bot.children()}")
        assert bot.threads() <= THREADS
        if time.monotonic() - bot.born > SETTLED:
            await lag_is_small(bot)
    no_secret(telegram, bot)


async def all_over(bot: BotProcess, within: float = 30) -> list[dict[str, Any]]:
    """Wait until every job is over; gives their rows."""
    deadline = time.monotonic() + within
    while True:
        rows = bot.rows("SELECT * FROM jobs ORDER BY created")
        if all(row["state"] in OVER and row["ended"] for row in rows):
            return rows
        states = [(row["state"], row["stage"]) for row in rows]
        assert time.monotonic() < deadline, f"not over: {states}\n{bot.log[-3000:]}"
        await asyncio.sleep(0.1)


async def folders_gone(bot: BotProcess, within: float = FOLDERS_SECONDS) -> None:
    """Wait until no job's folder is there."""
    deadline = time.monotonic() + within
    while bot.jobs.is_dir() and (left := list(bot.jobs.iterdir())):
        assert time.monotonic() < deadline, f"folders left: {left}"
        await asyncio.sleep(0.05)


async def lag_is_small(bot: BotProcess) -> None:
    """The loop was never long away, as far as the bot's metrics tell."""
    metrics = await bot.metrics()
    found = re.search(r'^\w*loop_lag\w*\{[^}]*quantile="0.99"[^}]*\} (\S+)$', metrics, re.MULTILINE)
    if found:
        assert float(found[1]) < LAG, f"the loop was away for {found[1]} s"


def no_secret(telegram: Telegram, bot: BotProcess) -> None:
    """No secret was logged, sent, or passed to a child."""
    for secret in CANARIES:
        assert secret not in bot.log, f"{secret} was logged"
        calls = [c for c in telegram.calls.telling(secret) if c.method != "setWebhook"]
        assert not calls, f"{secret} was sent"
        for run in bot.runs():
            assert secret not in str(run), f"{secret} was passed to a child"


def jobs_of(bot: BotProcess, user: User) -> list[dict[str, Any]]:
    """The rows of the user's jobs, in the order of arrival."""
    rows = bot.rows("SELECT * FROM jobs ORDER BY created")
    return [row for row in rows if row["user"] == user.id]


def over(bot: BotProcess, user: User) -> list[str]:
    """The states of the user's jobs that are over."""
    return [row["state"] for row in jobs_of(bot, user) if row["state"] in OVER]


def has_ended(user: User, card: Message) -> bool:
    """Whether the last message to the user is of a job that is over: it has no *Cancel*."""
    messages = user.sees("text", after=card)
    return bool(messages) and not any("cancel" in data for data in messages[-1].datas)
