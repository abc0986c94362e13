"""Whatever kills the bot, and whenever: no job is lost, and none is delivered twice."""

import asyncio
import random
import time
from collections.abc import Sequence

import pytest
from conftest import Opener
from fake_telegram import Telegram, User
from process import BotProcess
from talk import always_true, card_of, clip, ordered, over, result_for, results

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
        await asyncio.sleep(1)
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


async def test_a_kill_at_some_borders(
    telegram: Telegram, open_bot: Opener, database: dict[str, str]
) -> None:
    """Before and after what a job writes down."""
    bot = await open_bot(**database).start().ready()
    count = await commits_of_a_job(bot, telegram.user(7))
    kills = [(when, n) for when, n in KILLS if n <= count]
    chosen = kills[:: len(kills) // 4] if not database else kills[3 :: len(kills) // 2]
    await die_at_each(telegram, bot, chosen)


@pytest.mark.slow
async def test_a_kill_at_every_border(
    telegram: Telegram, open_bot: Opener, database: dict[str, str]
) -> None:
    """As above, at all of them."""
    bot = await open_bot(**database).start().ready()
    count = await commits_of_a_job(bot, telegram.user(7))
    await die_at_each(telegram, bot, [(when, n) for when, n in KILLS if n <= count])


async def die_at_random(
    telegram: Telegram, bot: BotProcess, jobs: int, kills: int, seed: int
) -> None:
    """Some jobs, and as many kills, whenever; every job's result comes."""
    chance = random.Random(seed)  # noqa: S311 - it only has to be the same again
    users = [telegram.user(500 + i) for i in range(jobs)]
    await asyncio.gather(*(order_surely(bot, user) for user in users))
    inside = 0
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0, 1))
        bot.kill()
        sending = [c for c in telegram.calls if c.method.startswith("send") and not c.ended]
        inside += len(sending)
        await bot.start().ready()
    for user in users:
        await telegram.until(lambda user=user: over(bot, user), 60, "the end")
    assert [over(bot, user) for user in users] == [["done"]] * jobs
    await telegram.quiet()
    await always_true(telegram, bot, twice=kills)
    doubled = sum(len(results(telegram, user.chat)) > 1 for user in users)
    assert doubled <= max(1, kills // 10), f"{doubled} results came twice"


async def order_surely(bot: BotProcess, user: User) -> object:
    """Order a job of a second."""
    content = clip(matte={"seconds": 0.3}, edit={"seconds": 0.2})
    card = await card_of(user, await user.sends_video(content), within=60)
    await user.presses("^make", card)
    await user.telegram.until(lambda: not card.buttons, 20, "the card to lose its buttons")
    assert bot.alive
    return card


@pytest.mark.slow
async def test_some_kills_at_random(telegram: Telegram, open_bot: Opener) -> None:
    """Ten over twenty jobs."""
    bot = await open_bot().start().ready()
    await die_at_random(telegram, bot, 20, 10, seed=1)


@pytest.mark.slow
async def test_many_kills_at_random(
    telegram: Telegram, open_bot: Opener, database: dict[str, str]
) -> None:
    """Fifty over twenty jobs."""
    bot = await open_bot(**database).start().ready()
    await die_at_random(telegram, bot, 20, 50, seed=2)


async def test_a_clip_that_kills_the_bot_is_given_up(telegram: Telegram, open_bot: Opener) -> None:
    """After four times it is told of; what others ordered is done."""
    bot = await open_bot().start().ready()
    ann, bob = telegram.user(7), telegram.user(8)
    card = await ordered(ann, clip(edit={"fault": "kills-parent"}))
    other = await ordered(bob, clip(matte={"seconds": 1}))
    deaths = 0
    while not over(bot, ann):
        if not bot.alive:
            deaths += 1
            assert deaths < 6
            await bot.start().ready()
        await asyncio.sleep(0.05)
    assert (over(bot, ann), deaths) == (["failed"], 4)
    await ann.gets("text", after=card, where=lambda m: not m.buttons)
    await result_for(bob, other)
    await always_true(telegram, bot)
