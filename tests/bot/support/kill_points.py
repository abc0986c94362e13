"""A bot that dies at a chosen commit, and what must come of it."""

import asyncio
import time
from collections.abc import Sequence

from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import (
    always_true,
    clip,
    ordered,
    result_for,
    results,
    settled,
)
from tests.bot.support.fake_telegram import Telegram, User

PATIENCE = 20.0  #: seconds after a start, after which nothing will come
GOES_ON = 10.0  #: seconds from the start until a job that was interrupted has its result
SHORT = {"matte": {"seconds": 0.2}, "edit": {"seconds": 0.1}}
KILLS = [(when, number) for number in range(1, 60) for when in ("before", "after")]


def arm(bot: BotProcess, order: str) -> None:
    """Tell the process when to die."""
    assert bot.tools
    path = bot.tools / "armed"
    path.write_text(order)


def disarm(bot: BotProcess) -> int:
    """Let it live; gives how many commits were counted."""
    assert bot.tools
    (bot.tools / "armed").unlink(missing_ok=True)
    commits = bot.tools / "commits"
    counted = len(commits.read_text()) if commits.exists() else 0
    commits.unlink(missing_ok=True)
    return counted


async def commits_of_a_job(bot: BotProcess, user: User) -> int:
    """How many there are from the clip to the result."""
    arm(bot, "never 0")
    await result_for(user, await ordered(user, clip(**SHORT)))
    await user.telegram.quiet()
    return disarm(bot)


async def die_at(bot: BotProcess, user: User, order: str) -> int:
    """One job during which the bot dies once, at *order*; gives how often its result came."""
    telegram = user.telegram
    before = len(results(telegram, user.chat))
    arm(bot, order)
    sent = await user.sends_video(clip(**SHORT))
    pressed = died = False
    while len(results(telegram, user.chat)) == before or not pressed:
        if not bot.alive:
            died = True
            disarm(bot)
            bot.kill()
            await bot.start().ready()
            began = time.monotonic()
        cards = [m for m in user.sees("photo", after=sent) if m.buttons]
        if cards and not pressed:
            await user.presses("^make", cards[0])
            pressed = True
        await asyncio.sleep(0.02)
        if time.monotonic() > bot.born + PATIENCE:
            return 0
    if bot.alive and "began" in locals():
        assert time.monotonic() - began < GOES_ON + 5, order
    await telegram.quiet()
    if not bot.alive:
        died = True
        disarm(bot)
        bot.kill()
        await bot.start().ready()
        await settled(bot, user)
        await telegram.quiet()
    disarm(bot)
    assert died or len(results(telegram, user.chat)) == before + 1, f"nobody died at {order}"
    return len(results(telegram, user.chat)) - before


async def die_at_each(
    telegram: Telegram, bot: BotProcess, kills: Sequence[tuple[str, int]]
) -> None:
    """A job for each way to die."""
    twice, lost = 0, []
    for number, (when, commit) in enumerate(kills):
        user = telegram.user(100 + number)
        came = await die_at(bot, user, f"{when} {commit}")
        twice += came == 2
        if came not in {1, 2}:
            lost.append(f"{when} {commit}: {came} results")
    assert not lost
    assert twice <= 2, "only between a send and what is written of it may a result come twice"
    await always_true(telegram, bot, twice=twice)
